"""Cross-validation of a whole recipe: the training of a run, done anew for every fold of its data."""

from __future__ import annotations

import dataclasses
import math
import shutil
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tfl.core.config import RunConfig
from tfl.core.errors import IntegrityError
from tfl.core.extras import require
from tfl.core.files import write_atomic
from tfl.core.progress import Progress
from tfl.core.records import Record
from tfl.core.run_folder import RunFolder
from tfl.core.tables import html_lines, html_table
from tfl.data.contract import Floats
from tfl.data.folds import Fold, k_folds
from tfl.data.manifest import Manifest
from tfl.data.split import assign_splits
from tfl.data.store import open_rows
from tfl.tasks import TASKS
from tfl.training.bundle_writer import predict_rows
from tfl.training.decisions import copy_decisions
from tfl.training.fit import fit

#: Of the interval of the mean.
_CONFIDENCE = 0.95
#: Probabilities below count as this in the logarithm, as in the evaluation.
_LEAST_PROBABILITY = 1e-7
RECORD_FILE, PREDICTIONS_FILE, FOLD_FILE = "cross_validation.json", "predictions.npz", "fold.json"
CAVEAT = (
    "The interval is a t-interval over the folds with the variance of Nadeau and Bengio (2003), because folds share "
    "their training data; it is an approximation, there is no unbiased one, and it is of the recipe, not of one model."
)


@dataclass(frozen=True, kw_only=True)
class FoldScore(Record):
    """One fold.

    Attributes:
        repeat: Which of the repeats, from 0.
        fold: Which of the folds, from 0.
        metric: The task's metric on the samples that the fold held out.
        log_loss: Mean cross-entropy on them, natural logarithm.
        train_samples: Samples learned from.
        validation_samples: Samples that chose the epoch, cut off the fold's training side.
        scored_samples: Samples held out.
        best_epochs: The epoch whose weights were kept, by stage.
        seconds: Of the training and the scoring.
    """

    repeat: int
    fold: int
    metric: float
    log_loss: float
    train_samples: int
    validation_samples: int
    scored_samples: int
    best_epochs: dict[str, int]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class CrossValidation(Record):
    """How a recipe does on data that its models have not seen, fold by fold.

    Attributes:
        k: Folds of each repeat.
        repeats: How often the data were cut anew.
        seed: Of the cuts and of the trainings.
        backbone: `source:name`.
        metric_name: The task's metric.
        data_fingerprint: Of the run's manifest.
        sample_count: Different samples that were scored; the test split is not among them.
        folds: In the order they were trained.
        mean: Of the metric over the folds.
        standard_deviation: Of the metric over the folds (n - 1).
        low: Lower end of the interval of the mean, cut at 0.
        high: Upper end, cut at 1.
        confidence: Of the interval.
        caveat: What the interval is and is not.
    """

    SCHEMA: ClassVar[int] = 1
    k: int
    repeats: int
    seed: int
    backbone: str
    metric_name: str
    data_fingerprint: str
    sample_count: int
    folds: tuple[FoldScore, ...]
    mean: float
    standard_deviation: float
    low: float
    high: float
    confidence: float = _CONFIDENCE
    caveat: str = CAVEAT

    def _repr_html_(self) -> str:
        head = ("repeat", "fold", self.metric_name, "log loss", "samples")
        rows = [
            (item.repeat, item.fold, f"{item.metric:.4f}", f"{item.log_loss:.4f}", item.scored_samples)
            for item in self.folds
        ]
        caption = f"{self.backbone}: {self.metric_name} {self.mean:.4f} ({self.low:.4f} to {self.high:.4f})"
        return html_table(head, rows, caption=caption) + html_lines([self.caveat])


@dataclass(frozen=True)
class Predictions:
    """Answers of models to samples that they have not seen.

    Attributes:
        paths: POSIX paths below the data's root.
        truth: Class index of each.
        outputs: `(samples, classes)` float32 probabilities.
    """

    paths: tuple[str, ...]
    truth: tuple[int, ...]
    outputs: Floats

    def save(self, path: Path) -> None:
        """Write an `.npz` with `paths`, `truth` and `outputs`, as a run's own predictions have it."""
        arrays = {"paths": np.asarray(self.paths), "truth": np.asarray(self.truth, dtype=np.int64)}
        write_atomic(path, lambda file: np.savez(file, allow_pickle=False, outputs=self.outputs, **arrays))

    @classmethod
    def load(cls, path: Path) -> Predictions:
        """Read what `save` wrote.

        Raises:
            IntegrityError: The file is missing or damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                outputs = np.asarray(arrays["outputs"], dtype=np.float32)
                truth = tuple(int(value) for value in arrays["truth"])
                return cls(tuple(str(value) for value in arrays["paths"]), truth, outputs)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise IntegrityError(f"{path} does not hold predictions: {error}.") from error


def cross_validate_run(
    manifest: Manifest,
    config: RunConfig,
    folder: RunFolder,
    *,
    duplicate_groups: tuple[tuple[str, ...], ...] = (),
    progress: Progress,
) -> CrossValidation:
    """Train as the config says once per fold, and score each model on what its fold held out.

    All of the train and validation splits is folded; the test split takes no part. The epoch of a fold is chosen on
    a part of its own training side, so that its held-out samples choose nothing. Folds that are done are kept, and
    one that was interrupted goes on from its checkpoint. Writes `folds/cross_validation.json`, and the out-of-fold
    answers, averaged over the repeats, as `folds/predictions.npz`.

    Args:
        manifest: With splits.
        config: Of the run; `cross_validation` says how many folds.
        folder: The run.
        duplicate_groups: Paths of near-duplicates, group by group.
        progress: Told what happens.

    Raises:
        ConfigError: Fewer than two folds.
        DataError: A class has too few different pictures for so many folds.
        TflError: A training failed.
    """
    k, repeats = config.cross_validation.folds, config.cross_validation.repeats
    free = dataclasses.replace(manifest, examples=tuple(item for item in manifest.examples if item.split != "test"))
    cuts = k_folds(free, k, repeats=repeats, seed=config.seed, duplicate_groups=duplicate_groups)
    # All cuts are made before the first training, so that data which do not allow them are told of at once.
    manifests = [_manifest_of(free, cut, config, duplicate_groups) for cut in cuts]
    scores, answers = [], []
    for number, (cut, cut_manifest) in enumerate(zip(cuts, manifests, strict=True), 1):
        progress.update(f"fold {number} of {len(cuts)}")
        score, predictions = _do_fold(cut, cut_manifest, config, folder, progress=progress)
        progress.result(f"fold {number} of {len(cuts)}: {_metric_name(config)} {score.metric:.3f}")
        scores.append(score)
        answers.append(predictions)
    merged = _merge(free, answers)
    merged.save(folder.folds_dir / PREDICTIONS_FILE)
    ratio = float(np.mean([item.scored_samples / (item.train_samples + item.validation_samples) for item in scores]))
    mean, deviation, low, high = corrected_interval([item.metric for item in scores], test_to_train=ratio)
    result = CrossValidation(
        k=k,
        repeats=repeats,
        seed=config.seed,
        backbone=config.model.backbone,
        metric_name=_metric_name(config),
        data_fingerprint=manifest.fingerprint,
        sample_count=len(merged.paths),
        folds=tuple(scores),
        mean=mean,
        standard_deviation=deviation,
        low=low,
        high=high,
    )
    result.save(folder.folds_dir / RECORD_FILE)
    return result


def corrected_interval(
    values: Sequence[float], *, test_to_train: float, confidence: float = _CONFIDENCE
) -> tuple[float, float, float, float]:
    """Return mean, standard deviation and the ends of an interval of the mean of a metric in [0, 1] over folds.

    C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning 52 (2003): the variance of
    the mean over J overlapping trainings is estimated as (1 / J + n_test / n_train) S^2, with J - 1 degrees of
    freedom. The plain 1 / J is far too small, because the folds share most of their training data. Y. Bengio and Y.
    Grandvalet (JMLR 5, 2004) prove that K-fold cross-validation has no unbiased estimate of it.

    Args:
        values: The metric of each fold, at least two.
        test_to_train: n_test / n_train; 1 / (k - 1) in k folds.
        confidence: In (0, 1).
    """
    stats = require("scipy.stats", purpose="the interval of a cross-validation")
    mean, deviation = float(np.mean(values)), float(np.std(values, ddof=1))
    half = float(stats.t.ppf((1.0 + confidence) / 2.0, len(values) - 1))
    half *= deviation * math.sqrt(1.0 / len(values) + test_to_train)
    return mean, deviation, max(0.0, mean - half), min(1.0, mean + half)


def _metric_name(config: RunConfig) -> str:
    return TASKS.get(config.task).metric


def _manifest_of(manifest: Manifest, cut: Fold, config: RunConfig, groups: tuple[tuple[str, ...], ...]) -> Manifest:
    """Make what the fold holds out the test split, and cut a validation split off the rest."""
    held_out = frozenset(cut.validation)
    examples = tuple(
        dataclasses.replace(item, split="test" if item.path in held_out else None, given_split=None)
        for item in manifest.examples
    )
    return assign_splits(
        dataclasses.replace(manifest, examples=examples, split_names={}),
        validation_fraction=config.data.validation_fraction,
        seed=config.seed,
        duplicate_groups=groups,
    )


def _do_fold(
    cut: Fold, manifest: Manifest, config: RunConfig, folder: RunFolder, *, progress: Progress
) -> tuple[FoldScore, Predictions]:
    place = RunFolder(folder.folds_dir / f"repeat-{cut.repeat}-fold-{cut.fold}")
    record_file, predictions_file = place.path / FOLD_FILE, place.path / PREDICTIONS_FILE
    if record_file.is_file():
        return FoldScore.load(record_file), Predictions.load(predictions_file)
    start_s = time.perf_counter()
    manifest.save(place.manifest_file)
    copy_decisions(folder.training_dir, place.training_dir)
    trained = fit(manifest, config, place, progress=progress, pooled=True)
    examples, contract = manifest.of_split("test"), trained.backbone.info.preprocessing
    rows = open_rows(examples, manifest.root, contract, cache_dir=place.work_dir, progress=progress)
    outputs = predict_rows(trained.model, rows, contract, progress=progress)
    truth = tuple(manifest.label_indices(examples))
    predictions = Predictions(tuple(item.path for item in examples), truth, outputs)
    predictions.save(predictions_file)
    score = FoldScore(
        repeat=cut.repeat,
        fold=cut.fold,
        metric=TASKS.get(config.task).metric_of(truth, outputs),
        log_loss=_log_loss(truth, outputs),
        train_samples=trained.summary.train_samples,
        validation_samples=trained.summary.validation_samples,
        scored_samples=len(examples),
        best_epochs=trained.summary.best_epochs,
        seconds=round(time.perf_counter() - start_s, 2),
    )
    score.save(record_file)
    # The history stays; checkpoints and what was read would fill the disk fold by fold.
    shutil.rmtree(place.work_dir, ignore_errors=True)
    for checkpoint in place.training_dir.glob("*.state*"):
        checkpoint.unlink()
    return score, predictions


def _log_loss(truth: Sequence[int], outputs: Floats) -> float:
    of_truth = outputs[np.arange(len(truth)), np.asarray(truth)].astype(np.float64)
    return float(-np.log(np.clip(of_truth, _LEAST_PROBABILITY, 1.0)).mean())


def _merge(manifest: Manifest, answers: Sequence[Predictions]) -> Predictions:
    """Average over the repeats, in the manifest's order."""
    place = {item.path: index for index, item in enumerate(manifest.examples)}
    total: npt.NDArray[np.float64] = np.zeros((len(place), len(manifest.labels)))
    counts = np.zeros((len(place), 1))
    for answer in answers:
        rows = [place[path] for path in answer.paths]
        total[rows] += answer.outputs
        counts[rows] += 1
    outputs: Floats = (total / counts).astype(np.float32)
    return Predictions(tuple(place), tuple(manifest.label_indices(manifest.examples)), outputs)
