"""The log of a training: rows, one per epoch, handed to the run's loggers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfl.core.errors import JobError
from tfl.core.log_config import LogConfig
from tfl.core.progress import Progress
from tfl.loggers import LOGGERS, Ending, LogPlan, choose_loggers

#: `LogPlan`, in the folder of the training.
PLAN_FILE = "log.json"
OnEpoch = Callable[[dict[str, Any]], None]


class TrainingLog:
    """Rows with `stage`, `epoch` and whatever was measured, kept by every logger of the plan.

    A logger that can't write, such as on a full disk, ends nothing: it is given all rows again at the next epoch.

    Args:
        folder: Where the files go.
        on_epoch: Called with each row that is added, not with those that a checkpoint brings back.
        plan: Which loggers, and what they are told; by default what `folder` holds, else the usual ones.
        progress: Told once what can't be written.

    Raises:
        UserError: A logger can't write here.
    """

    def __init__(
        self,
        folder: Path,
        *,
        on_epoch: OnEpoch | None = None,
        plan: LogPlan | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.folder = folder
        self._progress = progress or Progress()
        self._behind: set[str] = set()
        self._told = False
        self._on_epoch = on_epoch
        self.rows: list[dict[str, Any]] = []
        self.plan = plan or _plan_of(folder)
        self._loggers = {name: LOGGERS.get(name)(folder, self.plan) for name in self.plan.loggers}

    def rewind(self, stage: str, rows: list[dict[str, Any]]) -> None:
        """Set a stage's rows to what its checkpoint knows."""
        self.rows = [row for row in self.rows if row["stage"] != stage] + rows
        if self.rows:
            self._write(known=0)

    def add(self, row: dict[str, Any]) -> None:
        """Append one epoch."""
        self.rows.append(row)
        self._write(known=len(self.rows) - 1)
        if self._on_epoch is not None:
            self._on_epoch(row)

    def close(self) -> None:
        """Let the loggers write what they hold back; rows may still be added."""
        if self._behind:
            self._write(known=len(self.rows))
        for logger in self._loggers.values():
            try:
                logger.close()
            except JobError as error:
                self._tell(error)

    def _write(self, *, known: int) -> None:
        for name, logger in self._loggers.items():
            try:
                logger.write(self.rows, known=0 if name in self._behind else known)
            except JobError as error:
                self._behind.add(name)
                self._tell(error)
            else:
                self._behind.discard(name)

    def _tell(self, error: JobError) -> None:
        if not self._told:
            self._progress.result(f"{error.message} The log is behind; it is written again when it can be.")
        self._told = True


def finish_log(folder: Path, ending: Ending) -> None:
    """Tell a training's loggers how the run ended; does nothing where none was planned.

    Args:
        folder: Of the training.
        ending: Of the run.
    """
    if not (folder / PLAN_FILE).is_file():
        return
    plan = LogPlan.load(folder / PLAN_FILE)
    rows = read_history(folder)
    for name in plan.loggers:
        logger = LOGGERS.get(name)(folder, plan)
        logger.finish(ending, rows)
        logger.close()


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a training, or none before its first epoch."""
    path = folder / "history.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def _plan_of(folder: Path) -> LogPlan:
    if (folder / PLAN_FILE).is_file():
        return LogPlan.load(folder / PLAN_FILE)
    config = LogConfig()
    loggers, left_out = choose_loggers(config)
    return LogPlan(loggers=loggers, left_out=left_out, config=config)
