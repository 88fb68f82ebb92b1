"""When training is over: a goal that is reached, or the time."""

from __future__ import annotations

import time
from typing import Any

from tfl.core.train_config import GOALS, TrainConfig, parse_goal


class Goals:
    """What a run of several stages learns to, and how long it may take.

    Args:
        train: The settings.

    Attributes:
        stopped_by: `until` or `time_limit` once there is nothing left to learn for; empty before.
    """

    def __init__(self, train: TrainConfig) -> None:
        self._goal = parse_goal(train.until)
        self._limit_s = train.time_limit_s
        self._start = time.monotonic()
        self.stopped_by = ""

    def carry(self, seconds: float) -> None:
        """Count what earlier sittings took."""
        self._start -= seconds

    def reached(self, row: dict[str, Any]) -> bool:
        """Say whether a row of the log is at the goal, and remember it."""
        if self._goal is None:
            return False
        metric, wanted = self._goal
        value = row[f"val_{metric}"]
        if value >= wanted if GOALS[metric] == ">=" else value <= wanted:
            self.stopped_by = "until"
        return self.stopped_by == "until"

    def out_of_time(self) -> bool:
        """Say whether the time is over, and remember it."""
        if self._limit_s and time.monotonic() - self._start >= self._limit_s:
            self.stopped_by = "time_limit"
        return self.stopped_by == "time_limit"
