"""Multi-stream: N samples come together, the next N when all are answered, as from N cameras."""

from __future__ import annotations

from typing import ClassVar

from tfl.bench.scenarios._base import QueriesInTurn


class MultiStream(QueriesInTurn):
    """MLPerf's figure is the 99th percentile of a query of 8 samples; here they are inferred as one batch."""

    summary = "N samples a query: latency p99"
    knobs = ("batch",)
    defaults: ClassVar = {"batch": (8,)}
    percent = 99.0


SCENARIO = MultiStream()
