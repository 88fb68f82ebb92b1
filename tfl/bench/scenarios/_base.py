"""What a scenario is: how queries come, and which figure answers for it."""

from __future__ import annotations

import abc
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from tfl.bench.scenario_records import Figures, Suite
from tfl.bench.statistics import Series, percentile
from tfl.bench.steady_state import SteadyState, find_steady_state
from tfl.core.records import Record
from tfl.data.contract import Inputs
from tfl.targets import Lane, OpenMode, Runtime

#: A cell that needs longer for its queries is ended at so many times its `seconds`; what is too few is withheld.
MOST_TIMES_LONGER = 8
#: A machine may be so many times slower than it was before.
SLOWER = 2.0
PERCENTS = (50.0, 90.0, 99.0)


@dataclass(frozen=True, kw_only=True)
class Setting(Record):
    """One point of a sweep; 0 means the engine's or the scenario's own choice.

    Attributes:
        batch: Samples per query.
        threads: Processor threads of the engine.
        lanes: Callers beside each other.
    """

    batch: int = 0
    threads: int = 0
    lanes: int = 0

    @property
    def text(self) -> str:
        """Such as `batch=8 threads=2`; empty where all is 0."""
        pairs = (("batch", self.batch), ("threads", self.threads), ("lanes", self.lanes))
        return " ".join(f"{name}={value}" for name, value in pairs if value)


def _tell_nobody(text: str) -> None:
    """Leave it unsaid."""


@dataclass(frozen=True)
class Load:
    """What a scenario is run with.

    Attributes:
        inputs: `(samples, rows, columns, 3)` of real pictures, as the artefact takes them.
        setting: The point of the sweep.
        seconds: How long each figure is measured at least.
        least_queries: How many queries a percentile is taken from at least.
        seed: Of arrivals.
        latency_bound_ms: For the server scenario; None makes it five times the unloaded median.
        tell: Given what a long scenario is at, between its timed parts.
    """

    inputs: Inputs
    setting: Setting
    seconds: float
    least_queries: int
    seed: int
    latency_bound_ms: float | None = None
    tell: Callable[[str], None] = _tell_nobody


@dataclass(frozen=True)
class Outcome:
    """What came out of one scenario in one process.

    Attributes:
        figures: The record.
        compared_ms: What two results are compared by, lower is better: steady latencies, or milliseconds per sample.
        raw: Everything that was timed, by name, in the order it was taken.
    """

    figures: Figures
    compared_ms: Series
    raw: Mapping[str, Series] = field(default_factory=dict)


class Scenario(abc.ABC):
    """One way to put load on a model. One file, one object called `SCENARIO`."""

    #: One line that says what it stands for.
    summary: str
    #: Fields of `Setting` that mean something here, `threads` aside, which always does.
    knobs: tuple[str, ...]
    #: What the engine is opened for.
    mode: OpenMode
    #: Points that are tried where the sweep names none; fields that are left out stay 0.
    defaults: ClassVar[Mapping[str, tuple[int, ...]]] = {}
    #: Whether decoding, preparing and answering are timed beside the inference.
    times_stages: bool = False
    #: The percentile that stands for it, or None where the rate does.
    percent: float | None = None

    @abc.abstractmethod
    def run(self, runtime: Runtime, load: Load) -> Outcome:
        """Put the load on an opened artefact and time it."""

    def seconds_range(self, suite: Suite, setting: Setting, *, sample_s: float) -> tuple[float, float]:
        """Return about how long `run` takes at least and at most, `inf` where it can't be told.

        Args:
            suite: With its seconds and queries.
            setting: The point of the sweep.
            sample_s: What one inference of one sample took on average, one after the other.
        """
        return suite.seconds, math.inf


def make_batches(inputs: Inputs, size: int) -> list[Inputs]:
    """Cut inputs into batches of `size`, at least two, none of which shares memory with another.

    Where there are too few samples they are used again. Where there are enough nothing is copied, since copies would
    stand in the peak memory beside what the engine takes.
    """
    count = max(2, len(inputs) // size)
    if count * size <= len(inputs):
        return [inputs[start * size : (start + 1) * size] for start in range(count)]
    rows = np.arange(count * size).reshape(count, size) % len(inputs)
    return [np.ascontiguousarray(inputs[row]) for row in rows]


def time_queries(predict: Lane, batches: list[Inputs], load: Load) -> Series:
    """Time queries one after the other, going round the batches, and return milliseconds in order.

    The first timing of the series is of the first query, so that the warm-up is in it.
    """
    timings: list[int] = []
    clock = time.perf_counter_ns
    begin = clock()
    end, last = begin + int(load.seconds * 1e9), begin + int(MOST_TIMES_LONGER * load.seconds * 1e9)
    index, count = 0, len(batches)
    # Two spare warm-up lengths of queries, since those at the begin are cut off.
    least = load.least_queries + load.least_queries // 4
    while True:
        batch = batches[index % count]
        start = clock()
        predict(batch)
        now = clock()
        timings.append(now - start)
        index += 1
        if now >= last or (now >= end and index >= least):
            return np.asarray(timings, dtype=np.float64) / 1e6


def latency_outcome(timings_ms: Series, *, samples_per_query: int, note: str = "") -> Outcome:
    """Cut the warm-up off and make the outcome of a closed loop."""
    state: SteadyState = find_steady_state(timings_ms)
    steady = timings_ms[state.warm_up :]
    figures = Figures(
        queries=len(timings_ms),
        samples_per_query=samples_per_query,
        warm_up=state.warm_up,
        is_steady=state.is_steady,
        percentiles=tuple(percentile(steady, percent) for percent in PERCENTS),
        rate_per_s=samples_per_query * len(steady) / (float(steady.sum()) / 1e3),
        note=note,
    )
    return Outcome(figures, steady, {"latencies_ms": timings_ms})


class QueriesInTurn(Scenario):
    """A closed loop: the next query comes when the last is answered. A point without a batch is one sample a query."""

    mode = "latency"

    def run(self, runtime: Runtime, load: Load) -> Outcome:
        """See `Scenario.run`."""
        size = self._samples_of(load.setting)
        return latency_outcome(
            time_queries(runtime.predict, make_batches(load.inputs, size), load), samples_per_query=size
        )

    def seconds_range(self, suite: Suite, setting: Setting, *, sample_s: float) -> tuple[float, float]:
        """See `Scenario.seconds_range`."""
        query_s = self._samples_of(setting) * sample_s
        needed_s = 1.25 * suite.least_queries * query_s
        return suite.seconds, min(max(suite.seconds, SLOWER * needed_s), MOST_TIMES_LONGER * suite.seconds) + query_s

    def _samples_of(self, setting: Setting) -> int:
        return setting.batch or self.defaults.get("batch", (1,))[0]
