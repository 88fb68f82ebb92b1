"""Scenarios: each file of this folder is one way to put load on a model, with MLPerf Inference's meaning of its name.

The meanings are those of the "MLPerf Inference Rules", section "Scenarios" (Reddi et al., "MLPerf Inference
Benchmark", ISCA 2020); what a figure here may not be called is an MLPerf result, since no audit took place.
"""

from __future__ import annotations

from tfl.bench.scenarios._base import Load, Outcome, Scenario, Setting
from tfl.core.registry import Registry

SCENARIOS: Registry[Scenario] = Registry("tfl.bench.scenarios", "SCENARIO", "scenario")

__all__ = ["SCENARIOS", "Load", "Outcome", "Scenario", "Setting"]
