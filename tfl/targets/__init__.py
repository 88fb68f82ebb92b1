"""Targets: each file of this folder is one format with its exporter, its quantizer and its runtime."""

from __future__ import annotations

from tfl.core.registry import Registry
from tfl.targets._base import Exported, ExportRequest, Lane, OpenMode, Runtime, Target, Tolerance, predict_all
from tfl.targets._calibration import choose_calibration
from tfl.targets._export import (
    export_artifact,
    export_artifacts,
    export_draws,
    export_files,
    stage_saved_model,
)
from tfl.targets._kernels import Kernel, Kernels
from tfl.targets._open import Kind, kind_of, load_float_model, open_artifact, open_bundle, open_target
from tfl.targets._quantizer import DYNAMIC_RUNG, Quantizer, Rung
from tfl.targets._sealing import draft_artifact, seal_artifact

TARGETS: Registry[Target] = Registry("tfl.targets", "TARGET", "target")

__all__ = [
    "DYNAMIC_RUNG",
    "TARGETS",
    "ExportRequest",
    "Exported",
    "Kernel",
    "Kernels",
    "Kind",
    "Lane",
    "OpenMode",
    "Quantizer",
    "Rung",
    "Runtime",
    "Target",
    "Tolerance",
    "choose_calibration",
    "draft_artifact",
    "export_artifact",
    "export_artifacts",
    "export_draws",
    "export_files",
    "kind_of",
    "load_float_model",
    "open_artifact",
    "open_bundle",
    "open_target",
    "predict_all",
    "seal_artifact",
    "stage_saved_model",
]
