"""A training in a table: what each stage came to, and what ended it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tfl.report.tables import NONE
from tfl.training.fit import TrainingSummary

#: What `TrainingSummary.stopped_by` means.
_ENDINGS = {
    "epochs": "it had all its epochs",
    "patience": "the validation loss fell no more",
    "until": "the goal was reached",
    "time_limit": "the time was over",
}
TRAINING_HEAD = ("stage", "epochs", "kept", "val loss", "val accuracy", "seconds", "ended because")


def training_rows(summary: TrainingSummary, history: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return a row per stage, in the order of `TRAINING_HEAD`; the losses are those of the epoch that was kept.

    Args:
        summary: Of the training.
        history: Rows of its log.
    """
    rows = []
    for stage, epochs in summary.epochs.items():
        best = summary.best_epochs.get(stage, 0)
        of_stage = [row for row in history if row["stage"] == stage]
        kept = next((row for row in of_stage if row["epoch"] == best), None)
        rows.append(
            [
                stage,
                f"{epochs}",
                f"epoch {best}" if best else "what was before",
                f"{kept['val_loss']:.4f}" if kept else NONE,
                f"{kept['val_accuracy']:.4f}" if kept else NONE,
                f"{sum(row.get('seconds', 0.0) for row in of_stage):.1f}",
                ending(summary, stage),
            ]
        )
    return rows


def ending(summary: TrainingSummary, stage: str) -> str:
    """Say what ended a stage, in words; empty where it is not on record."""
    found = summary.stopped_by.get(stage, "")
    return _ENDINGS.get(found, found)
