"""Single-stream: one sample at a time, the next when the last is answered, as on a phone or a camera."""

from __future__ import annotations

from tfl.bench.scenario_records import Suite
from tfl.bench.scenarios._base import (
    Load,
    Outcome,
    Scenario,
    Setting,
    latency_outcome,
    make_batches,
    seconds_of_queries,
    time_queries,
)
from tfl.targets import Runtime


class SingleStream(Scenario):
    """MLPerf's figure is the 90th percentile of the latency; the median and the 99th stand beside it."""

    summary = "one sample at a time: latency p50, p90, p99"
    knobs = ()
    mode = "latency"
    times_stages = True
    percent = 90.0

    def run(self, runtime: Runtime, load: Load) -> Outcome:
        """See `Scenario.run`."""
        return latency_outcome(time_queries(runtime.predict, make_batches(load.inputs, 1), load), samples_per_query=1)

    def seconds_range(self, suite: Suite, setting: Setting, *, sample_s: float) -> tuple[float, float]:
        """See `Scenario.seconds_range`."""
        return seconds_of_queries(suite, query_s=sample_s)


SCENARIO = SingleStream()
