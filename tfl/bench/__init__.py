"""Bench: parity and measurement of artefacts, each in a fresh process."""

from __future__ import annotations

from tfl.bench.records import Benchmark, Cell, Check, Differences, Failure, LatencyMs, Measurement, Verification

__all__ = ["Benchmark", "Cell", "Check", "Differences", "Failure", "LatencyMs", "Measurement", "Verification"]
