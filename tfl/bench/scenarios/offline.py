"""Offline: all samples are there at once, and only how many a second are answered counts, as for an archive."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np

from tfl.bench.scenario_records import Figures, Suite
from tfl.bench.scenarios._base import PERCENTS, Load, Outcome, Scenario, Setting, make_batches
from tfl.bench.statistics import Series, percentile
from tfl.bench.steady_state import find_steady_state
from tfl.data.contract import Inputs
from tfl.targets import Runtime

#: Streams take longer to reach their pace than single inferences.
_WARM_UP_SECONDS = 0.3
#: The run is cut into so many windows of equal work; their rates are what two results are compared by.
_WINDOWS = 30


class Offline(Scenario):
    """Lanes of 0 leave the engine to itself (`predict_stream`); others have a thread each that keeps it busy."""

    summary = "everything at once: samples per second, best over batch x lanes x threads"
    knobs = ("batch", "lanes")
    mode = "throughput"
    defaults: ClassVar = {"batch": (1, 8, 32)}

    def run(self, runtime: Runtime, load: Load) -> Outcome:
        """See `Scenario.run`."""
        size = load.setting.batch or 1
        batches = make_batches(load.inputs, size)
        work = _by_lanes if load.setting.lanes else _by_stream
        work(runtime, batches, _WARM_UP_SECONDS)
        completions_s = work(runtime, batches, load.seconds)
        per_sample_ms = _windows_ms(completions_s, size)
        state = find_steady_state(per_sample_ms)
        figures = Figures(
            queries=len(completions_s),
            samples_per_query=size,
            warm_up=0,
            is_steady=state.is_steady,
            percentiles=tuple(percentile([], percent) for percent in PERCENTS),
            rate_per_s=size * len(completions_s) / float(completions_s[-1]),
            note="a rate has no latency percentiles",
        )
        return Outcome(figures, per_sample_ms, {"completions_s": completions_s})

    def seconds_range(self, suite: Suite, setting: Setting, *, sample_s: float) -> tuple[float, float]:
        """See `Scenario.seconds_range`; what has begun is answered to its end, in the warm-up, too."""
        batches = 2 * max(2, setting.lanes)
        least_s = _WARM_UP_SECONDS + suite.seconds
        return least_s, least_s + batches * (setting.batch or 1) * sample_s


def _by_stream(runtime: Runtime, batches: list[Inputs], seconds: float) -> Series:
    """Let the engine keep itself busy; return when each batch was answered, in seconds since the begin."""
    clock = time.perf_counter
    begin = clock()
    return np.asarray([clock() - begin for _ in runtime.predict_stream(_until(batches, begin + seconds))])


def _until(batches: list[Inputs], end: float) -> Iterator[Inputs]:
    for count, batch in enumerate(itertools.cycle(batches)):
        if count >= 2 and time.perf_counter() >= end:
            return
        yield batch


def _by_lanes(runtime: Runtime, batches: list[Inputs], seconds: float) -> Series:
    """Keep every lane busy from a thread of its own; return when each batch was answered, sorted."""
    lanes = runtime.lanes()
    clock = time.perf_counter
    ready = threading.Barrier(len(lanes) + 1)
    begin = 0.0

    def work(index: int) -> list[float]:
        lane = lanes[index]
        done: list[float] = []
        lane(batches[index % len(batches)])
        ready.wait()
        ready.wait()
        for count in itertools.count(index, len(lanes)):
            if clock() - begin >= seconds and done:
                return done
            lane(batches[count % len(batches)])
            done.append(clock() - begin)
        return done

    with ThreadPoolExecutor(len(lanes)) as pool:
        results = [pool.submit(work, index) for index in range(len(lanes))]
        # All lanes have compiled before the clock starts.
        ready.wait()
        begin = clock()
        ready.wait()
        return np.sort(np.concatenate([np.asarray(result.result()) for result in results]))


def _windows_ms(completions_s: Series, size: int) -> Series:
    """Return milliseconds per sample of windows of equal work."""
    width = max(1, len(completions_s) // _WINDOWS)
    edges = completions_s[width - 1 :: width]
    spans = np.diff(np.concatenate([[0.0], edges]))
    # Streams may answer several batches in one tick of the clock.
    return np.maximum(spans, 1e-7) * 1e3 / (width * size)


SCENARIO = Offline()
