"""How long a suite will take: said before it begins, and what is left of it while it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tfl.bench.scenario_records import Suite
from tfl.bench.scenarios import SCENARIOS, Setting
from tfl.core.durations import duration_text

#: What is left is told from so many seconds on; before, it would jump.
_LEAST_ELAPSED_S = 2.0


@dataclass(frozen=True)
class Pace:
    """What scoring an artefact took.

    Attributes:
        process_s: A process for it: to start, open, read the samples and answer them.
        sample_s: One inference of one sample, on average.
    """

    process_s: float
    sample_s: float


def cell_seconds(suite: Suite, scenario: str, setting: Setting, *, pace: Pace) -> tuple[float, float]:
    """Return how long one round of a cell takes about at least and at most, `inf` where that can't be told."""
    least_s, most_s = SCENARIOS.get(scenario).seconds_range(suite, setting, sample_s=pace.sample_s)
    return least_s, most_s + pace.process_s


def announcement(cells: Sequence[tuple[float, float]], *, rounds: int) -> str:
    """Say how long all rounds take.

    Args:
        cells: Of each cell the seconds of a round at least and at most; the last is measured for the noise.
        rounds: Of each.
    """
    least_s, most_s = (rounds * sum(ends) for ends in zip(*cells, strict=True))
    count = len(cells) - 1
    what = f"{count} {'cell' if count == 1 else 'cells'} and one again for the noise"
    what += "" if rounds == 1 else f", {rounds} rounds"
    most = f" and at most {duration_text(most_s)}" if math.isfinite(most_s) else ""
    return f"{what}: about {duration_text(least_s)} at least{most}"


class Left:
    """What is left of a suite, from how long its parts took so far."""

    def __init__(self, seconds: Mapping[str, float], *, rounds: int) -> None:
        """Begin the clock.

        Args:
            seconds: Of each cell what a round takes, by name; only their ratios count.
            rounds: Of each.
        """
        finite = [value for value in seconds.values() if math.isfinite(value)]
        other = max(finite, default=1.0)
        self._parts = {name: value if math.isfinite(value) else other for name, value in seconds.items()}
        self._all = rounds * sum(self._parts.values())
        self._done = 0.0
        self._begin_s = self._done_s = time.monotonic()

    def done(self, name: str) -> None:
        """One round of a cell is over."""
        self._done += self._parts[name]
        self._done_s = time.monotonic()

    @property
    def text(self) -> str:
        """Such as `about 2m10s left`; empty while nothing can be told."""
        taken_s = self._done_s - self._begin_s
        if not self._done or taken_s < _LEAST_ELAPSED_S:
            return ""
        left_s = taken_s / self._done * (self._all - self._done) - (time.monotonic() - self._done_s)
        # A cell that takes longer than thought tells nothing of the others before it is over.
        return f"about {duration_text(left_s)} left" if left_s > 0 else ""
