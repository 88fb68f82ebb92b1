"""What a search found: its records, its charts, and the copy of both in a run whose settings it chose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from tfl.core.errors import TflError, UserError
from tfl.core.records import Record
from tfl.core.run_folder import RunFolder
from tfl.report.picture import Picture
from tfl.report.study_chart import draw_history, draw_importance
from tfl.report.tables import html_table

Objective = Literal["loss", "accuracy"]
#: `stopped`: begun and not ended; a study that goes on takes it up again.
TrialState = Literal["complete", "pruned", "failed", "stopped", "waiting"]
#: With fewer complete trials a share of the variance says nothing.
LEAST_FOR_IMPORTANCE = 5
RESULT_FILE, HISTORY_CHART, IMPORTANCE_CHART = "result.json", "history.png", "importance.png"


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
        data_fingerprint: Of the study's manifest, splits included; empty in older records.
        backbone: `source:name`; empty in older records.
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
    data_fingerprint: str = ""
    backbone: str = ""

    @property
    def complete(self) -> tuple[TrialRecord, ...]:
        """The trials that came to a value, in their order."""
        return tuple(item for item in self.trials if item.value is not None)

    def show_history(self) -> Picture:
        """Return the chart of all trials and the best so far."""
        return Picture(Path(self.study) / HISTORY_CHART)

    def show_importance(self) -> Picture:
        """Return the chart of what the objective depends on.

        Raises:
            UserError: There were too few complete trials, or they were all alike.
        """
        if not self.importance:
            raise UserError(
                f"{self.study}: what the {self.objective} depends on is not known after {len(self.complete)} complete"
                f" trials; it takes at least {LEAST_FOR_IMPORTANCE} that differ.",
                hint="Go on with the same study and more trials.",
            )
        return Picture(Path(self.study) / IMPORTANCE_CHART)

    def _repr_html_(self) -> str:
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


def draw_study(result: TuneResult, folder: Path) -> None:
    """Draw `history.png` and, where it is known what mattered, `importance.png` into a folder.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    pruned = [item.number for item in result.trials if item.state == "pruned"]
    values = [(item.number, float(item.value or 0.0)) for item in result.complete]
    draw_history(values, pruned, result.objective, folder / HISTORY_CHART, best=result.best)
    if result.importance:
        draw_importance(result.importance, result.objective, folder / IMPORTANCE_CHART)


def keep_study(study: str, run: RunFolder) -> str:
    """Copy what a search found into the run that its settings are used for, so that the report needs nothing else.

    Args:
        study: The study's folder, as `study` of the config has it.
        run: Where `search` is written.

    Returns:
        What a person should know, or empty.
    """
    try:
        result = TuneResult.load(Path(study) / RESULT_FILE)
        run.search_dir.mkdir(parents=True, exist_ok=True)
        result.save(run.search_dir / RESULT_FILE)
        draw_study(result, run.search_dir)
    except TflError as error:
        # The training does not depend on it; the report says that it is not there.
        return f"the report will lack the search that the settings come from: {error.message}"
    return ""
