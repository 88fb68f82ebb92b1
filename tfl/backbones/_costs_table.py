"""Weights and multiply-adds of the known backbones, written by `benchmarks/backbone_costs.py`; its head says how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one backbone costs.

    Attributes:
        parameters: Number of weights without the classification top.
        multiply_adds: For one sample, without the top.
        at: The input that they hold for.
        parameters_with_top: With the published classifier of 1,000 classes, or None.
        multiply_adds_with_top: The same.
    """

    parameters: int
    multiply_adds: int
    at: str
    parameters_with_top: int | None = None
    multiply_adds_with_top: int | None = None


#: By spec.
COSTS: dict[str, Cost] = {}
