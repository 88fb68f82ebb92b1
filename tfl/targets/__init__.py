"""Targets: each file of this folder is one format with its exporter, its quantizer and its runtime."""

from __future__ import annotations

from tfl.core.registry import Registry
from tfl.targets._base import Exported, ExportRequest, OpenMode, Runtime, Target, Tolerance

TARGETS: Registry[Target] = Registry("tfl.targets", "TARGET", "target")

__all__ = ["TARGETS", "ExportRequest", "Exported", "OpenMode", "Runtime", "Target", "Tolerance"]
