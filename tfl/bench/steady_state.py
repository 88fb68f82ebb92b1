"""Where a warm-up ends, found in the timings instead of assumed.

The series is cut where its level changes, by PELT (Killick, Fearnhead and Eckley, "Optimal detection of changepoints
with a linear computational cost", JASA 107, 2012), as Barrett et al. did for virtual machines ("Virtual machine warmup
blows hot and cold", OOPSLA 2017): leading segments that differ from the level of the rest are warm-up.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tfl.core.records import Record

Series = npt.NDArray[np.float64]

#: Medians of blocks are cut, not single timings: single ones have outliers that are no change of level.
_MOST_BLOCKS = 300
_LEAST_BLOCK = 5
#: Levels that differ by less count as one, whatever the noise allows to tell apart.
_SAME_LEVEL = 0.02
#: Neighbours in a latency series are alike, which the usual penalty of 2 log n per change takes for changes.
_PENALTY = 6.0
_LEAST_TIMINGS = 50


@dataclass(frozen=True, kw_only=True)
class SteadyState(Record):
    """What became of a series of timings.

    Attributes:
        warm_up: How many leading timings belong to the warm-up.
        is_steady: Whether the level stayed the same after it.
        changes: Indices where the level changes.
    """

    warm_up: int
    is_steady: bool
    changes: tuple[int, ...]


def find_steady_state(timings_ms: Sequence[float] | Series) -> SteadyState:
    """Find the end of the warm-up.

    The level of the rest is the median of the second half. Where the level still changes after the warm-up the series
    is not steady, and a figure taken from it says so.

    Args:
        timings_ms: In the order they were taken, above 0; with fewer than 50 nothing is cut.
    """
    values = np.log(np.maximum(np.asarray(timings_ms, dtype=np.float64), 1e-12))
    if len(values) < _LEAST_TIMINGS:
        return SteadyState(warm_up=0, is_steady=True, changes=())
    size = max(_LEAST_BLOCK, math.ceil(len(values) / _MOST_BLOCKS))
    blocks = np.array([np.median(values[start : start + size]) for start in range(0, len(values), size)])
    spread = _noise(blocks)
    cuts = pelt(blocks / spread, penalty=_PENALTY * math.log(len(blocks))) if spread > 0 else _steps(blocks)
    edges = [0, *cuts, len(blocks)]
    levels = [float(np.median(blocks[start:end])) for start, end in itertools.pairwise(edges)]
    usual = float(np.median(blocks[len(blocks) // 2 :]))
    same = [abs(level - usual) <= max(_SAME_LEVEL, spread) for level in levels]
    first = same.index(True) if True in same else len(same) - 1
    return SteadyState(
        warm_up=edges[first] * size,
        is_steady=all(same[first:]),
        changes=tuple(edge * size for edge in cuts),
    )


def pelt(values: Series, *, penalty: float, least: int = 2) -> list[int]:
    """Return where the mean of a series of unit noise changes: the cuts of the least squares plus `penalty` per cut.

    Args:
        values: Scaled so that the noise is about 1.
        penalty: What a cut costs.
        least: Length of the shortest segment.
    """
    count = len(values)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    squares = np.concatenate([[0.0], np.cumsum(values**2)])
    best = np.full(count + 1, np.inf)
    best[0] = -penalty
    previous = np.zeros(count + 1, dtype=np.int64)
    candidates = np.array([0])
    for end in range(least, count + 1):
        lengths = end - candidates
        cost = squares[end] - squares[candidates] - (sums[end] - sums[candidates]) ** 2 / lengths
        totals = best[candidates] + cost
        index = int(np.argmin(totals))
        best[end] = totals[index] + penalty
        previous[end] = candidates[index]
        kept = candidates[totals <= best[end]]
        candidates = np.append(kept, end - least + 1) if end - least + 1 >= least else kept
    cuts, end = [], count
    while end > 0 and previous[end] > 0:
        end = int(previous[end])
        cuts.append(end)
    return cuts[::-1]


def _noise(blocks: Series) -> float:
    """Estimate the noise from differences of neighbours (median absolute deviation), few of which hold a change."""
    return float(np.median(np.abs(np.diff(blocks))) / (0.6745 * math.sqrt(2.0)))


def _steps(blocks: Series) -> list[int]:
    """Return the cuts of a series without noise: wherever it changes."""
    return [int(index) + 1 for index in np.flatnonzero(np.diff(blocks))]
