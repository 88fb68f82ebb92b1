"""What a study was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tfl.core.config import RunConfig
from tfl.core.records import Record
from tfl.report.study import Objective
from tfl.tuning.space import Parameter

Pruner = Literal["median", "none"]


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
