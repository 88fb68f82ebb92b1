"""Logs of a training: CSV and JSON lines, rewritten whole so that a resumed run has no gap, and TensorBoard."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfl.core.extras import is_installed
from tfl.core.files import write_text

COLUMNS = ("stage", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


OnEpoch = Callable[[dict[str, Any]], None]


class TrainingLog:
    """Rows of `COLUMNS`, kept in `history.csv`, `history.jsonl` and, where TensorFlow is present, `tensorboard/`.

    Args:
        folder: Where the files go.
        on_epoch: Called with each row that is added, not with those that a checkpoint brings back.
    """

    def __init__(self, folder: Path, *, on_epoch: OnEpoch | None = None) -> None:
        self.folder = folder
        self._on_epoch = on_epoch
        self.rows: list[dict[str, Any]] = []
        self._writer: Any = None

    def rewind(self, stage: str, rows: list[dict[str, Any]]) -> None:
        """Set a stage's rows to what its checkpoint knows."""
        self.rows = [row for row in self.rows if row["stage"] != stage]
        for row in rows:
            self._write(row)

    def add(self, row: dict[str, Any]) -> None:
        """Append one epoch."""
        self._write(row)
        if self._on_epoch is not None:
            self._on_epoch(row)

    def _write(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        write_text(self.folder / "history.jsonl", "".join(json.dumps(item) + "\n" for item in self.rows))
        table = io.StringIO()
        writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.folder / "history.csv", table.getvalue())
        self._to_tensorboard(row)

    def close(self) -> None:
        """Flush the TensorBoard file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _to_tensorboard(self, row: dict[str, Any]) -> None:
        if not is_installed("tensorflow"):
            return
        import tensorflow as tf

        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self.folder / "tensorboard"))
        with self._writer.as_default(step=len(self.rows)):
            for name in COLUMNS[2:]:
                tf.summary.scalar(name, row[name])
