"""What a logger is: it is given the rows of a training and writes them down, once each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from tfl.core.extras import require_installed
from tfl.core.log_config import LogConfig
from tfl.core.records import Record

#: One epoch: `stage`, `epoch`, and whatever was measured in it.
Row = Mapping[str, Any]
#: Columns that say which epoch a row is about; the others are what was measured in it.
IDENTITY = frozenset({"stage", "epoch"})


@dataclass(frozen=True, kw_only=True)
class LogPlan(Record):
    """What a run's loggers are told beforehand; saved as `training/log.json`.

    Attributes:
        loggers: Names of those that write.
        left_out: Names of default loggers that can't write here, each with the reason.
        config: Settings of the log.
        run_name: What the run is called.
        params: The settings of the run, by dotted name.
        tags: What else describes the run: data, versions, machine.
        files: Paths below the run's folder that belong to its description.
    """

    loggers: tuple[str, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    config: LogConfig = field(default_factory=LogConfig)
    run_name: str = ""
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ending(Record):
    """How a run ended.

    Attributes:
        status: `done`, `failed`, or `stopped` (it may go on later).
        metrics: Figures of the test split, by name.
        files: Paths below the run's folder that hold results.
    """

    status: Literal["done", "failed", "stopped"]
    metrics: dict[str, float] = field(default_factory=dict)
    files: tuple[str, ...] = ()


class Logger(ABC):
    """Writes the rows of one training somewhere.

    Args:
        folder: The run's `training/`; files of the logger go into it.
        plan: What the run is.
    """

    #: Optional modules it needs.
    modules: ClassVar[tuple[str, ...]] = ()

    def __init__(self, folder: Path, plan: LogPlan) -> None:
        self.folder = folder
        self.plan = plan

    @classmethod
    def check(cls, config: LogConfig) -> None:
        """Find out before the training whether it can write.

        Raises:
            MissingExtraError: A package is missing.
            UserError: A setting leads nowhere.
        """
        for module in cls.modules:
            require_installed(module, purpose=f"the logger '{cls.__module__.rpartition('.')[2]}'")

    @abstractmethod
    def write(self, rows: Sequence[Row], *, known: int) -> None:
        """Bring the log to exactly these rows.

        Args:
            rows: All rows of the training so far, over all stages; the step of a row is its position from 1.
                Rows may have other keys than those before.
            known: How many of the first rows this object was given before, unchanged; 0 after a resumption, when
                any number of them may be in the log from an earlier process.

        Raises:
            JobError: It can't be written.
        """

    def close(self) -> None:  # noqa: B027 - loggers without anything open need none
        """Write what is held back, and let go of files; may be called twice."""

    def finish(self, ending: Ending, rows: Sequence[Row]) -> None:  # noqa: B027 - epochs are all that most loggers keep
        """Take note of how the run ended; a run that was stopped may be finished again later.

        Args:
            ending: Of the run.
            rows: All rows, as for `write`.
        """


def metrics_of(row: Row) -> dict[str, float]:
    """Return what was measured in an epoch: every column that is a number."""
    return {
        name: float(value)
        for name, value in row.items()
        if name not in IDENTITY and isinstance(value, (int, float)) and not isinstance(value, bool)
    }
