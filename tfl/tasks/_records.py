"""What an evaluation says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tfl.core.records import Record
from tfl.core.tables import folded, html_table


@dataclass(frozen=True, kw_only=True)
class ClassScores(Record):
    """One class. Precision, recall and F1 are in [0, 1]; `support` is the number of true examples."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, kw_only=True)
class Confusion(Record):
    """How often one class was taken for another."""

    truth: str
    predicted: str
    count: int


@dataclass(frozen=True, kw_only=True)
class SampleResult(Record):
    """One sample.

    Attributes:
        path: As in the manifest.
        confidence: Probability of the predicted class, in [0, 1].
        loss: Cross-entropy of the true class, natural logarithm.
    """

    path: str
    truth: str
    predicted: str
    confidence: float
    loss: float


@dataclass(frozen=True, kw_only=True)
class SliceScores(Record):
    """The samples that share a value of a column.

    Attributes:
        column: Such as `camera` or `folder:1`.
        value: Of the column.
        accuracy_low: Lower end of the 95 % Wilson score interval.
        accuracy_high: Upper end.
        difference: Accuracy here less that of all samples.
        p_value: Of the difference to all other samples, Fisher's exact test, adjusted for the number of slices.
        differs: Whether the difference is more than chance.
        is_small: Whether there are too few samples to say much.
    """

    column: str
    value: str
    sample_count: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    difference: float
    p_value: float
    differs: bool
    is_small: bool

    def adjusted(self, p_value: float, *, differs: bool) -> SliceScores:
        """Return the slice with another p-value and what follows from it."""
        return replace(self, p_value=p_value, differs=differs)


@dataclass(frozen=True, kw_only=True)
class Evaluation(Record):
    """How a classifier does on one split.

    Attributes:
        split: Which samples, such as `test`.
        model: What was evaluated: `bundle` or the artefact's name, such as `openvino-int8`.
        accuracy_low: Lower end of the 95 % Wilson score interval.
        accuracy_high: Upper end.
        macro_f1: Unweighted mean of the classes' F1.
        roc_auc: Area under the ROC curve, one against the rest, macro mean; NaN where a class is absent.
        log_loss: Mean cross-entropy, natural logarithm.
        calibration_error: Expected calibration error over 15 equal bins of confidence, in [0, 1].
        confusion: Counts, rows are true classes and columns predicted ones, in the order of `labels`.
        most_confused: Pairs by falling count.
        top_losses: The samples with the largest loss, worst first.
        slices: Accuracy by the values of the columns asked for, worst first.
    """

    task: str
    split: str
    model: str
    labels: tuple[str, ...]
    sample_count: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    roc_auc: float
    log_loss: float
    calibration_error: float
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]
    most_confused: tuple[Confusion, ...]
    top_losses: tuple[SampleResult, ...]
    slices: tuple[SliceScores, ...] = ()

    def _repr_html_(self) -> str:
        caption = (
            f"{self.model}, split {self.split}, {self.sample_count} samples: accuracy {self.accuracy:.4f}"
            f" (95 % interval {self.accuracy_low:.4f} to {self.accuracy_high:.4f})"
        )
        figures = [f"{value:.4f}" for value in (self.macro_f1, self.roc_auc, self.log_loss, self.calibration_error)]
        head = ("macro F1", "ROC AUC", "log loss", "calibration error")
        classes = [
            (item.label, f"{item.precision:.4f}", f"{item.recall:.4f}", f"{item.f1:.4f}", item.support)
            for item in self.per_class
        ]
        return "".join(
            [
                html_table(head, [figures], caption=caption),
                folded(f"{len(classes)} classes", ("class", "precision", "recall", "F1", "samples"), classes),
                folded("Most confused", ("truth", "answer", "how often"), _confused(self.most_confused)),
                folded("Largest losses", ("sample", "truth", "answer", "confidence", "loss"), _losses(self.top_losses)),
                folded("By columns", ("column", "value", "samples", "accuracy", "95 % interval"), _sliced(self.slices)),
            ]
        )


def _confused(pairs: Iterable[Confusion]) -> list[tuple[object, ...]]:
    return [(item.truth, item.predicted, item.count) for item in pairs]


def _losses(samples: Iterable[SampleResult]) -> list[tuple[object, ...]]:
    return [(item.path, item.truth, item.predicted, f"{item.confidence:.4f}", f"{item.loss:.3f}") for item in samples]


def _sliced(slices: Iterable[SliceScores]) -> list[tuple[object, ...]]:
    return [
        (
            item.column,
            item.value,
            item.sample_count,
            f"{item.accuracy:.4f}",
            f"{item.accuracy_low:.4f} to {item.accuracy_high:.4f}",
        )
        for item in slices
    ]
