"""Search for better settings of a training."""

from tfl.report.study import TrialRecord, TuneResult
from tfl.tuning.space import Parameter, default_space, parse_space
from tfl.tuning.study import tune

__all__ = ["Parameter", "TrialRecord", "TuneResult", "default_space", "parse_space", "tune"]
