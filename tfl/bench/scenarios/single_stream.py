"""Single-stream: one sample at a time, the next when the last is answered, as on a phone or a camera."""

from __future__ import annotations

from tfl.bench.scenarios._base import QueriesInTurn


class SingleStream(QueriesInTurn):
    """MLPerf's figure is the 90th percentile of the latency; the median and the 99th stand beside it."""

    summary = "one sample at a time: latency p50, p90, p99"
    knobs = ()
    times_stages = True
    percent = 90.0


SCENARIO = SingleStream()
