"""Two models on the same samples."""

from __future__ import annotations

import numpy as np

from tfl.core.extras import require


def mcnemar(first: np.ndarray, second: np.ndarray) -> float:
    """Return the p-value of McNemar's exact test (Q. McNemar, Psychometrika 12, 1947) on the same samples.

    Args:
        first: Which samples one model answers rightly, boolean.
        second: And the other.
    """
    stats = require("scipy.stats", purpose="comparing two models")
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second, 0.5).pvalue)
