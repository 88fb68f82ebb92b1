"""Which backbone to take: a linear probe on frozen features and a measured latency for each."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfl.backbones import SOURCES, backbone_info
from tfl.bench.backbone_latency import measure_backbone
from tfl.bench.paired import mcnemar_of
from tfl.catalogue import NotHere, best_not_here, read_catalogue
from tfl.core.config import RunConfig
from tfl.core.errors import NotFoundError, TflError, UserError
from tfl.core.files import cache_dir, sha256_text, write_atomic
from tfl.core.notebook import default_progress
from tfl.core.progress import Progress
from tfl.core.records import Record
from tfl.core.run_folder import RunFolder
from tfl.core.version import __version__
from tfl.data.check import CheckReport
from tfl.data.contract import Floats
from tfl.data.folds import Fold, k_folds
from tfl.data.manifest import Manifest
from tfl.data.units import make_units
from tfl.pipeline import run as run_pipeline
from tfl.report.backbone_chart import BackbonePoint, draw_backbones
from tfl.report.tables import html_table
from tfl.settings import require_backbone_for, settle
from tfl.tasks import TASKS, wilson_interval
from tfl.training.cross_validated import cross_validated_probabilities, pretrained_features
from tfl.training.evidence import log_maximum_evidence

_FOLDS = 5
HEAD = ("", "backbone", "accuracy", "95 % interval", "LogME", "ms", "MB", "features", "engine")


@dataclass(frozen=True, kw_only=True)
class Candidate(Record):
    """One backbone.

    Attributes:
        backbone: `source:name`.
        accuracy: Of a logistic regression on its frozen features, each sample judged by one that has not seen it.
        accuracy_low: Lower end of the 95 % Wilson score interval.
        accuracy_high: Upper end.
        logme: Maximum log evidence per sample; larger is better.
        latency_ms: Median for one picture in float32.
        timings: How many inferences the median is of.
        engine: What ran them.
        size_bytes: Of the weights in float32.
        feature_size: Length of the feature vector.
        is_on_front: Whether no other is both faster and better.
        p_value: Of the difference to the most accurate one (exact McNemar test); 1 for itself.
        standard_error: Of that difference, over the same samples; 0 for itself.
    """

    backbone: str
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    logme: float
    latency_ms: float
    timings: int
    engine: str
    size_bytes: int
    feature_size: int
    is_on_front: bool = False
    p_value: float = 1.0
    standard_error: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Recommendation(Record):
    """What was found.

    Attributes:
        data: As it was named.
        sample_count: Samples of the probe; the test split of a run with this seed is not among them.
        folds: Of the probe.
        seed: Of the splits and the folds.
        image_size: Asked for, or None for each backbone's own.
        max_latency_ms: The limit, or None.
        min_accuracy: The limit, or None.
        candidates: The Pareto front first, most accurate first.
        failures: Backbone -> why it could not be examined.
        recommended: The backbone to take; empty where none keeps the limits.
        closest: Where none keeps the limits, the one that misses them by the least share.
        reason: Why.
        not_here: Backbones with better published scores whose weights are not on this machine, by size; none where
            backbones were named.
    """

    data: str
    sample_count: int
    folds: int
    seed: int
    image_size: int | None
    max_latency_ms: float | None
    min_accuracy: float | None
    candidates: tuple[Candidate, ...]
    failures: dict[str, str]
    recommended: str
    closest: str
    reason: str
    not_here: tuple[NotHere, ...] = ()

    def _repr_html_(self) -> str:
        return html_table(HEAD, rows_of(self), caption=" ".join((self.reason, *self.remarks)))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What could be had beside what was examined, a sentence or none."""
        if not self.not_here:
            return ()
        names = "; ".join(item.text for item in self.not_here)
        return (f"Not examined, since their weights are not on this machine: {names}.",)


@dataclass(frozen=True)
class _Probe:
    manifest: Manifest
    folds: tuple[Fold, ...]
    config: RunConfig


def recommend(
    data: str | Path,
    *,
    backbones: Sequence[str] = (),
    max_latency_ms: float | None = None,
    min_accuracy: float | None = None,
    image_size: int | None = None,
    seed: int = 0,
    settings: dict[str, object] | None = None,
    chart: str | Path | None = None,
    progress: Progress | None = None,
) -> Recommendation:
    """Examine backbones on data and name the one to take.

    The data are checked and split as a run with the same seed would, and the test split is left alone. Features are
    computed once and kept in tfl's cache. Latency is measured now, on this machine, one backbone at a time.

    Args:
        data: A folder or another place of data.
        backbones: Specs; by default all that load now without a network.
        max_latency_ms: At most so long for one picture.
        min_accuracy: At least so accurate a probe, in [0, 1].
        image_size: Height and width in pixels; each backbone's own by default.
        seed: Of the splits and the folds.
        settings: Settings of a run by their dotted names, such as columns: `{"data.label_column": "kind"}`.
        chart: Where a PNG of accuracy against latency goes, or None.
        progress: Told what happens.

    Raises:
        NotFoundError: There is no such backbone, or none is available offline.
        UserError: The data can't be used, or no backbone could be examined.
    """
    progress = progress or default_progress()
    overrides = {"data.path": str(data), "seed": seed, "model.image_size": image_size, **(settings or {})}
    config = settle({}, overrides)
    specs = tuple(dict.fromkeys(backbones)) or _available(config.task)
    for spec in specs:
        require_backbone_for(config.task, spec)
    probe = _prepare(config, progress=progress)
    found: list[tuple[Candidate, np.ndarray]] = []
    failures = {}
    for number, spec in enumerate(specs, 1):
        progress.stage(f"Examining {spec}", number=number, total=len(specs))
        try:
            found.append(_examine(spec, probe, progress=progress))
        except TflError as error:
            failures[spec] = error.message
            progress.result(f"{spec} could not be examined: {error.message}")
    if not found:
        raise UserError("No backbone could be examined: " + "; ".join(f"{k}: {v}" for k, v in failures.items()))
    candidates = _ranked(found)
    recommended, nearest, reason = choose(candidates, max_latency_ms=max_latency_ms, min_accuracy=min_accuracy)
    result = Recommendation(
        data=str(data),
        sample_count=len(probe.manifest.examples),
        folds=len(probe.folds),
        seed=seed,
        image_size=image_size,
        max_latency_ms=max_latency_ms,
        min_accuracy=min_accuracy,
        candidates=candidates,
        failures=failures,
        recommended=recommended,
        closest=nearest,
        reason=reason,
        not_here=() if backbones else best_not_here(read_catalogue(measured=False).entries, task=config.task),
    )
    if chart is not None:
        points = [
            BackbonePoint(
                name=item.backbone,
                latency_ms=item.latency_ms,
                accuracy=item.accuracy,
                low=item.accuracy_low,
                high=item.accuracy_high,
                is_best=item.is_on_front,
                is_chosen=item.backbone == recommended,
            )
            for item in candidates
        ]
        draw_backbones(points, Path(chart), max_latency_ms=max_latency_ms, min_accuracy=min_accuracy)
    return result


def rows_of(result: Recommendation) -> list[list[str]]:
    """Return the table's cells in the order of `HEAD`; `*` is the recommended one, `-` is on the Pareto front."""
    return [
        [
            "*" if item.backbone == result.recommended else "-" if item.is_on_front else "",
            item.backbone,
            f"{item.accuracy:.4f}",
            f"{item.accuracy_low:.4f} to {item.accuracy_high:.4f}",
            f"{item.logme:.3f}",
            f"{item.latency_ms:.2f}",
            f"{item.size_bytes / 1e6:.1f}",
            f"{item.feature_size}",
            item.engine,
        ]
        for item in result.candidates
    ]


def choose(
    candidates: Sequence[Candidate], *, max_latency_ms: float | None, min_accuracy: float | None
) -> tuple[str, str, str]:
    """Return the recommended backbone, or the closest one where none keeps the limits, and the reason.

    Of those that keep the limits the most accurate is taken, or a faster one that is less accurate by no more than one
    standard error of the difference (the rule of Breiman et al., "Classification and Regression Trees", 1984, 3.4.3,
    with latency in the place of the size of a tree). A difference that a test does not establish is no equality: a
    faster one that is wrong more often by more than that is not taken.

    Args:
        candidates: With `standard_error` against the most accurate of all.
        max_latency_ms: The limit, or None.
        min_accuracy: The limit, or None.
    """

    def excess(item: Candidate) -> float:
        slow = 0.0 if max_latency_ms is None else max(0.0, item.latency_ms / max_latency_ms - 1.0)
        return slow + (0.0 if min_accuracy is None else max(0.0, 1.0 - item.accuracy / min_accuracy))

    fitting = [item for item in candidates if excess(item) == 0.0]
    if not fitting:
        nearest = min(candidates, key=excess)
        limits = [
            *([f"at most {max_latency_ms:g} ms"] if max_latency_ms is not None else []),
            *([f"an accuracy of at least {min_accuracy:g}"] if min_accuracy is not None else []),
        ]
        return (
            "",
            nearest.backbone,
            f"No backbone keeps {' and '.join(limits)}. The closest is {nearest.backbone}: {nearest.latency_ms:.2f} ms"
            f" and {nearest.accuracy:.4f}.",
        )
    best = max(fitting, key=lambda item: (item.accuracy, -item.latency_ms))
    level = [
        item
        for item in fitting
        if item.latency_ms < best.latency_ms and best.accuracy - item.accuracy <= item.standard_error
    ]
    # Errors are of differences to the most accurate of all, which the limits may have ruled out.
    if not level or best.accuracy < max(item.accuracy for item in candidates):
        kept = "" if max_latency_ms is None and min_accuracy is None else " that keep the limits"
        return best.backbone, "", f"{best.backbone} is the most accurate of {len(fitting)}{kept}."
    fastest = min(level, key=lambda item: item.latency_ms)
    return (
        fastest.backbone,
        "",
        f"{fastest.backbone} is {best.latency_ms / fastest.latency_ms:.1f} times as fast as {best.backbone}, the most"
        f" accurate, and within one standard error of it ({100 * (best.accuracy - fastest.accuracy):.1f} of"
        f" {100 * fastest.standard_error:.1f} points).",
    )


def _available(task: str) -> tuple[str, ...]:
    infos = [item for name in SOURCES.names() for item in SOURCES.get(name).list() if item.available_offline]
    specs = tuple(item.spec for item in infos if TASKS.get(item.task).kind == TASKS.get(task).kind)
    if not specs:
        raise NotFoundError("No backbone is available offline.", hint="Fetch one: tfl models fetch SPEC")
    return specs


def _prepare(config: RunConfig, *, progress: Progress) -> _Probe:
    """Check and split as a run does, leave the test split out, and cut the rest into folds."""
    with tempfile.TemporaryDirectory(prefix="tfl-recommend-") as place:
        folder = RunFolder(Path(place) / "run")
        run_pipeline(dataclasses.replace(config, out=str(folder.path)), stages=("check", "split"), progress=progress)
        manifest = Manifest.load(folder.manifest_file)
        groups = CheckReport.load(folder.check_file).duplicate_groups
    free = dataclasses.replace(manifest, examples=tuple(item for item in manifest.examples if item.split != "test"))
    counts = Counter(label for unit in make_units(free.examples, groups) for label in unit.labels)
    k = min(_FOLDS, *counts.values())
    return _Probe(free, k_folds(free, max(2, k), seed=config.seed, duplicate_groups=groups), config)


def _examine(spec: str, probe: _Probe, *, progress: Progress) -> tuple[Candidate, np.ndarray]:
    model = dataclasses.replace(probe.config.model, backbone=spec)
    features = _features(probe.manifest, dataclasses.replace(probe.config, model=model), progress=progress)
    labels = np.asarray(probe.manifest.label_indices(probe.manifest.examples))
    probabilities = cross_validated_probabilities(probe.manifest, features, probe.folds, progress=progress)
    right = probabilities.argmax(axis=1) == labels
    low, high = wilson_interval(int(right.sum()), len(right))
    progress.update("measuring latency")
    speed = measure_backbone(spec, image_size=model.image_size)
    candidate = Candidate(
        backbone=spec,
        accuracy=float(right.mean()),
        accuracy_low=low,
        accuracy_high=high,
        logme=log_maximum_evidence(features, labels.tolist(), class_count=len(probe.manifest.labels)),
        latency_ms=speed.latency_ms,
        timings=speed.runs,
        engine=speed.engine,
        size_bytes=speed.size_bytes,
        feature_size=int(features.shape[1]),
    )
    progress.result(f"accuracy {candidate.accuracy:.3f}, {candidate.latency_ms:.2f} ms ({candidate.engine})")
    return candidate, right


def _features(manifest: Manifest, config: RunConfig, *, progress: Progress) -> Floats:
    """Compute the features, or take them from the cache."""
    info = backbone_info(config.model.backbone)
    content = (f"{item.path}\t{item.sha256}" for item in manifest.examples)
    key = sha256_text(__version__, info.spec, str(info.preprocessing.to_dict()), str(config.model.to_dict()), *content)
    file = cache_dir() / "probe" / f"{key[:32]}.npy"
    if file.is_file():
        progress.result("features from the cache")
        cached: Floats = np.load(file, allow_pickle=False)
        return cached
    with tempfile.TemporaryDirectory(prefix="tfl-probe-") as place:
        features = pretrained_features(manifest, config, Path(place) / "work", progress=progress)
    write_atomic(file, lambda path: np.save(path, features, allow_pickle=False))
    return features


def _ranked(found: Sequence[tuple[Candidate, np.ndarray]]) -> tuple[Candidate, ...]:
    """Say which are on the Pareto front and which can't be told from the best, and sort."""
    best, best_right = max(found, key=lambda item: (item[0].accuracy, -item[0].latency_ms))
    made = []
    for item, right in found:
        beaten = any(
            other.latency_ms <= item.latency_ms
            and other.accuracy >= item.accuracy
            and (other.latency_ms, other.accuracy) != (item.latency_ms, item.accuracy)
            for other, _ in found
        )
        p_value = 1.0 if item is best else mcnemar_of(best_right, right)
        error = float(np.std(best_right.astype(float) - right, ddof=1)) / math.sqrt(len(right))
        made.append(dataclasses.replace(item, is_on_front=not beaten, p_value=p_value, standard_error=error))
    return tuple(sorted(made, key=lambda item: (not item.is_on_front, -item.accuracy, item.latency_ms)))
