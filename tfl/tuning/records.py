"""What a study was asked and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from tfl.core.config import RunConfig
from tfl.core.records import Record
from tfl.tuning.space import Parameter

Objective = Literal["loss", "accuracy"]
Pruner = Literal["median", "none"]
#: `stopped`: begun and not ended; a study that goes on takes it up again.
TrialState = Literal["complete", "pruned", "failed", "stopped", "waiting"]


@dataclass(frozen=True, kw_only=True)
class StudyRecord(Record):
    """What decides a study; it must be the same when the study goes on.

    Attributes:
        config: Everything that is not searched.
        space: What is searched.
        objective: `loss` (least) or `accuracy` (most), both of the validation split.
        pruner: Whether trials that are worse than the median at the same epoch are ended.
        storage: `journal`, or the address of a database that Optuna knows.
    """

    config: RunConfig
    space: tuple[Parameter, ...]
    objective: Objective
    pruner: Pruner
    storage: str


@dataclass(frozen=True, kw_only=True)
class TrialRecord(Record):
    """One training.

    Attributes:
        number: Counted from 0.
        value: The objective; None unless complete.
        validation_loss: Of the kept weights, or None.
        validation_accuracy: Of the kept weights, or None.
        epochs: How many were trained.
        params: The values that were drawn, by setting.
        seconds: How long it took, or None.
        message: Why it failed, or empty.
    """

    number: int
    state: TrialState
    value: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    epochs: int
    params: dict[str, Any]
    seconds: float | None
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class TuneResult(Record):
    """What a study found.

    Attributes:
        study: The folder.
        objective: `loss` or `accuracy` of the validation split.
        trials: In their order; those that were taken up again once.
        best: Number of the best complete trial.
        best_value: Its objective. It is the best of many on one small split, so it promises too much.
        first_value: The objective of the settings as they were before, or None where that trial did not complete.
        best_params: The values that it drew.
        config_file: The whole config as YAML, for `tfl train --config`.
        importance: Setting -> share of the variance of the objective that it explains (fANOVA), falling; empty where
            there are too few trials to say.
        validation_samples: How many the objective stands on.
    """

    SCHEMA: ClassVar[int] = 1
    study: str
    objective: Objective
    trials: tuple[TrialRecord, ...]
    best: int
    best_value: float
    first_value: float | None
    best_params: dict[str, Any]
    config_file: str
    importance: dict[str, float]
    validation_samples: int

    def _repr_html_(self) -> str:
        from tfl.report.tables import html_table

        caption = f"{self.study}: best {self.objective} {self.best_value:.4f} in trial {self.best}"
        return html_table(trial_head(self), trial_rows(self), caption=caption)


def trial_head(result: TuneResult) -> list[str]:
    """Return the columns of the table of trials."""
    return [
        "trial",
        "state",
        "val loss",
        "val accuracy",
        "epochs",
        "s",
        *(name.partition(".")[2] for name in _names(result)),
    ]


def trial_rows(result: TuneResult) -> list[list[str]]:
    """Return the cells of the table of trials, best first, then those without a value."""
    sign = -1.0 if result.objective == "accuracy" else 1.0

    def order(item: TrialRecord) -> tuple[bool, float, int]:
        return item.value is None, sign * (item.value or 0.0), item.number

    return [
        [
            str(item.number),
            item.state,
            _figure(item.validation_loss, 4),
            _figure(item.validation_accuracy, 4),
            str(item.epochs),
            _figure(item.seconds, 1),
            *(_shown(item.params.get(name, "")) for name in _names(result)),
        ]
        for item in sorted(result.trials, key=order)
    ]


def _names(result: TuneResult) -> list[str]:
    return list(dict.fromkeys(name for item in result.trials for name in item.params))


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
