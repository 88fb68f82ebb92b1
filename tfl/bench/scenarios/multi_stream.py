"""Multi-stream: N samples come together, the next N when all are answered, as from N cameras."""

from __future__ import annotations

from typing import ClassVar

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


class MultiStream(Scenario):
    """MLPerf's figure is the 99th percentile of a query of 8 samples; here they are inferred as one batch."""

    summary = "N samples a query: latency p99"
    knobs = ("batch",)
    mode = "latency"
    defaults: ClassVar = {"batch": (8,)}
    percent = 99.0

    def run(self, runtime: Runtime, load: Load) -> Outcome:
        """See `Scenario.run`."""
        size = load.setting.batch or self.defaults["batch"][0]
        return latency_outcome(
            time_queries(runtime.predict, make_batches(load.inputs, size), load), samples_per_query=size
        )

    def seconds_range(self, suite: Suite, setting: Setting, *, sample_s: float) -> tuple[float, float]:
        """See `Scenario.seconds_range`."""
        return seconds_of_queries(suite, query_s=(setting.batch or self.defaults["batch"][0]) * sample_s)


SCENARIO = MultiStream()
