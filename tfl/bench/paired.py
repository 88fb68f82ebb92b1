"""Two models on the same samples."""

from __future__ import annotations

import numpy as np

from tfl.core.extras import require


def mcnemar(lost: int, gained: int) -> float:
    """Return the two-sided p-value of McNemar's exact test (Q. McNemar, Psychometrika 12, 1947) on the same samples.

    Args:
        lost: Samples that the first model alone answers rightly.
        gained: Samples that the second model alone answers rightly.
    """
    stats = require("scipy.stats", purpose="comparing two models")
    return float(stats.binomtest(lost, lost + gained, 0.5).pvalue) if lost + gained else 1.0


def mcnemar_of(first: np.ndarray, second: np.ndarray) -> float:
    """Return `mcnemar` of which samples each of two models answers rightly: boolean `(samples,)`."""
    return mcnemar(int((first & ~second).sum()), int((second & ~first).sum()))
