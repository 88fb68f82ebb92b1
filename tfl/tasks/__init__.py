"""Tasks: each file of this folder says how one kind of question is learned, scored and answered."""

from __future__ import annotations

from tfl.core.registry import Registry
from tfl.tasks._base import Prediction, ScoredLabel, Task
from tfl.tasks._classification import calibration_bins, expected_calibration_error, wilson_interval
from tfl.tasks._records import ClassScores, Confusion, Evaluation, SampleResult, SliceScores
from tfl.tasks._slices import columns_of, require_columns, slice_scores

TASKS: Registry[Task] = Registry("tfl.tasks", "TASK", "task")

__all__ = [
    "TASKS",
    "ClassScores",
    "Confusion",
    "Evaluation",
    "Prediction",
    "SampleResult",
    "ScoredLabel",
    "SliceScores",
    "Task",
    "calibration_bins",
    "columns_of",
    "expected_calibration_error",
    "require_columns",
    "slice_scores",
    "wilson_interval",
]
