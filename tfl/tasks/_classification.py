"""Classification: one sample, one class. What is common to all kinds of data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tfl.core.errors import DataError, JobError
from tfl.core.extras import require_installed
from tfl.data.contract import Floats
from tfl.tasks._base import Prediction, ScoredLabel, Task
from tfl.tasks._records import ClassScores, Confusion, Evaluation, SampleResult

if TYPE_CHECKING:
    import keras

Doubles: TypeAlias = npt.NDArray[np.float64]
Indices: TypeAlias = npt.NDArray[np.int64]

CALIBRATION_BINS = 15
TOP_LOSSES = 20
MOST_CONFUSED = 30
#: The 97.5 % point of the standard normal distribution: two-sided 95 %.
_Z_95 = 1.959963984540054
#: The smallest probability whose logarithm is taken: one step of float32 at 1, so that a quantized
#: model's exact zero costs much but not everything.
_LEAST_PROBABILITY = float(np.finfo(np.float32).eps)


class Classification(Task):
    """Softmax over classes, decided by accuracy."""

    metric = "accuracy"

    def build_head(self, feature_size: int, label_count: int, *, dropout: float, seed: int) -> keras.Model:
        """Build dropout and one dense softmax layer.

        Args:
            feature_size: Length of the backbone's vector.
            label_count: Number of classes.
            dropout: Rate in [0, 1).
            seed: Of the initial weights and of dropout.

        Returns:
            `(batch, feature_size)` -> `(batch, label_count)` float32 probabilities, named `head`. The dense
            layer computes in float32 under any policy, because a softmax in 16 bits loses small probabilities.
        """
        import keras

        features = keras.Input((feature_size,), name="features")
        kept = keras.layers.Dropout(dropout, seed=seed, name="dropout")(features)
        dense = keras.layers.Dense(
            label_count,
            activation="softmax",
            dtype="float32",
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
            name="probabilities",
        )
        return keras.Model(features, dense(kept), name="head")

    def metric_of(self, truth: Sequence[int], outputs: Floats) -> float:
        """Return the accuracy; a row that is not finite counts as wrong.

        Raises:
            DataError: There are no samples, or their number differs from that of the outputs.
        """
        classes = _check_shapes(truth, outputs)
        right = (outputs.argmax(axis=1) == classes) & np.isfinite(outputs).all(axis=1)
        return float(right.mean())

    def decode(self, output: Floats, labels: Sequence[str], *, source: str, top: int = 5) -> Prediction:
        """Rank the classes of one output `(classes,)`; of equal ones the first in `labels` wins.

        Raises:
            DataError: The output does not have one value per label.
        """
        if output.shape != (len(labels),):
            raise DataError(f"{source}: the output must have shape ({len(labels)},). Received: {output.shape}.")
        order = np.argsort(-output, kind="stable")[: max(1, top)]
        ranking = tuple(ScoredLabel(label=labels[index], probability=float(output[index])) for index in order)
        return Prediction(source=source, label=ranking[0].label, probability=ranking[0].probability, ranking=ranking)

    def score(
        self,
        truth: Sequence[int],
        outputs: Floats,
        *,
        labels: Sequence[str],
        paths: Sequence[str],
        split: str,
        model: str,
    ) -> Evaluation:
        """Score probabilities `(samples, classes)` float32 in [0, 1] against the true class indices.

        Raises:
            DataError: There are no samples, or the numbers of samples, paths or classes do not fit.
            JobError: An output is not finite.
            MissingExtraError: scikit-learn is not installed.
        """
        classes = _check_shapes(truth, outputs, labels=labels, paths=paths)
        require_installed("sklearn", purpose="scoring")
        from sklearn import metrics

        predicted = outputs.argmax(axis=1)
        everything = list(range(len(labels)))
        confusion = metrics.confusion_matrix(classes, predicted, labels=everything)
        per_class = _per_class(metrics, classes, predicted, labels)
        # A class that neither occurs nor is ever answered says nothing about the model.
        seen = [
            scores.f1 for index, scores in enumerate(per_class) if confusion[index].any() or confusion[:, index].any()
        ]
        right = int(np.trace(confusion))
        low, high = wilson_interval(right, len(classes))
        losses = -np.log(np.clip(outputs[np.arange(len(classes)), classes].astype(np.float64), _LEAST_PROBABILITY, 1.0))
        return Evaluation(
            task=self.name,
            split=split,
            model=model,
            labels=tuple(labels),
            sample_count=len(classes),
            accuracy=right / len(classes),
            accuracy_low=low,
            accuracy_high=high,
            macro_f1=float(np.mean(seen)),
            roc_auc=_roc_auc(metrics, classes, outputs),
            log_loss=float(losses.mean()),
            calibration_error=expected_calibration_error(classes, outputs),
            per_class=per_class,
            confusion=tuple(tuple(int(count) for count in row) for row in confusion),
            most_confused=_most_confused(confusion, labels),
            top_losses=_top_losses(classes, outputs, losses, labels, paths),
        )


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927): it keeps its coverage near 0 and 1, where accuracies lie.

    Args:
        successes: In [0, trials].
        trials: At least 1.

    Returns:
        Lower and upper end, in [0, 1].
    """
    share, square = successes / trials, _Z_95**2
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    half = _Z_95 / (1 + square / trials) * math.sqrt(share * (1 - share) / trials + square / (4 * trials**2))
    # At 0 and 1 the ends are exact, and rounding must not push them outside or off.
    return (0.0 if successes == 0 else max(0.0, centre - half)), (
        1.0 if successes == trials else min(1.0, centre + half)
    )


def calibration_bins(truth: Sequence[int] | Indices, outputs: Floats) -> tuple[Indices, Doubles, Doubles]:
    """Sort samples by confidence into `CALIBRATION_BINS` equal-width bins of (0, 1].

    Returns:
        Per bin: the number of samples, their mean confidence and their accuracy; 0 where the bin is empty.
    """
    confidence = np.clip(outputs.max(axis=1).astype(np.float64), 0.0, 1.0)
    right = outputs.argmax(axis=1) == np.asarray(truth)
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1, 0, CALIBRATION_BINS - 1)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    divisor = np.maximum(counts, 1)
    mean_confidence = np.bincount(bins, weights=confidence, minlength=CALIBRATION_BINS) / divisor
    accuracy = np.bincount(bins, weights=right.astype(np.float64), minlength=CALIBRATION_BINS) / divisor
    return counts, mean_confidence, accuracy


def expected_calibration_error(truth: Sequence[int] | Indices, outputs: Floats) -> float:
    """Return the mean distance of confidence and accuracy over bins, weighted by their samples, in [0, 1].

    Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015; Guo et al.,
    "On calibration of modern neural networks", ICML 2017.
    """
    counts, confidence, accuracy = calibration_bins(truth, outputs)
    return float(np.sum(counts * np.abs(accuracy - confidence)) / counts.sum())


def _check_shapes(
    truth: Sequence[int],
    outputs: Floats,
    *,
    labels: Sequence[str] | None = None,
    paths: Sequence[str] | None = None,
) -> Indices:
    """Return the truth as an array after checking that everything fits."""
    classes = np.asarray(truth, dtype=np.int64)
    if len(classes) == 0:
        raise DataError("There are no samples to score.")
    width = len(labels) if labels is not None else (outputs.shape[1] if outputs.ndim == 2 else 0)
    if outputs.shape != (len(classes), width):
        raise DataError(f"The outputs must have shape ({len(classes)}, {width}). Received: {outputs.shape}.")
    if classes.min() < 0 or classes.max() >= width:
        raise DataError(f"True classes must be in [0, {width - 1}]. Received: {classes.min()} to {classes.max()}.")
    if paths is not None and len(paths) != len(classes):
        raise DataError(f"There must be one path per sample, {len(classes)}. Received: {len(paths)}.")
    if labels is not None and not np.isfinite(outputs).all():
        rows = int((~np.isfinite(outputs).all(axis=1)).sum())
        raise JobError(f"{rows} of {len(classes)} outputs are not finite, so they can't be scored.")
    return classes


def _per_class(metrics: Any, classes: Indices, predicted: Indices, labels: Sequence[str]) -> tuple[ClassScores, ...]:
    columns = metrics.precision_recall_fscore_support(
        classes, predicted, labels=list(range(len(labels))), zero_division=0
    )
    return tuple(
        ClassScores(label=label, precision=float(precision), recall=float(recall), f1=float(f1), support=int(support))
        for label, precision, recall, f1, support in zip(labels, *columns, strict=True)
    )


def _roc_auc(metrics: Any, classes: Indices, outputs: Floats) -> float:
    """Macro mean over classes; for two classes it is the one area, whichever class is asked for."""
    areas = []
    for index in range(1 if outputs.shape[1] == 2 else 0, outputs.shape[1]):
        positive = classes == index
        if positive.all() or not positive.any():
            return math.nan
        areas.append(float(metrics.roc_auc_score(positive, outputs[:, index])))
    return float(np.mean(areas))


def _most_confused(confusion: Any, labels: Sequence[str]) -> tuple[Confusion, ...]:
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    rows, columns = np.nonzero(wrong)
    places = zip(rows.tolist(), columns.tolist(), strict=True)
    pairs = sorted(places, key=lambda pair: (-wrong[pair], pair))[:MOST_CONFUSED]
    return tuple(
        Confusion(truth=labels[row], predicted=labels[column], count=int(wrong[row, column])) for row, column in pairs
    )


def _top_losses(
    classes: Indices, outputs: Floats, losses: Doubles, labels: Sequence[str], paths: Sequence[str]
) -> tuple[SampleResult, ...]:
    worst = [int(index) for index in np.argsort(-losses, kind="stable")[:TOP_LOSSES]]
    predicted = outputs.argmax(axis=1)
    return tuple(
        SampleResult(
            path=paths[index],
            truth=labels[int(classes[index])],
            predicted=labels[int(predicted[index])],
            confidence=float(outputs[index].max()),
            loss=float(losses[index]),
        )
        for index in worst
    )
