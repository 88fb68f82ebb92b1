"""What timings say and what they do not: percentiles with intervals, ratios, verdicts, the noise floor.

Latencies are skewed and follow one another, so nothing here takes them to be normal, and resampling keeps
neighbours together. NumPy only: it also runs where no more than an engine is installed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tfl.core.errors import UserError
from tfl.core.records import Record

Verdict = Literal["faster", "slower", "no difference"]
Series = npt.NDArray[np.float64]

_LEVEL = 0.95
_RESAMPLES = 1000
#: Longer series are thinned evenly before they are resampled; the interval only becomes wider by it.
_MOST_RESAMPLED = 1000


@dataclass(frozen=True, kw_only=True)
class Percentile(Record):
    """One percentile of a latency and how sure it is.

    Attributes:
        percent: In (0, 100).
        value_ms: The order statistic, or None where there are too few timings for an interval.
        low_ms: Lower end of the interval of at least 95 %, or None.
        high_ms: Upper end, or None.
        timings: How many there were.
        needed: How many would do.
    """

    percent: float
    value_ms: float | None
    low_ms: float | None
    high_ms: float | None
    timings: int
    needed: int


@dataclass(frozen=True, kw_only=True)
class Ratio(Record):
    """A new median over an old one: 0.5 is twice as fast.

    Attributes:
        value: Geometric mean over the rounds' medians, new over old.
        low: Lower end of the 95 % bootstrap interval.
        high: Upper end.
        noise_floor: Relative difference that the same thing measured twice shows.
        verdict: `faster` or `slower` only where the whole interval lies beyond the noise floor.
    """

    value: float
    low: float
    high: float
    noise_floor: float
    verdict: Verdict


def timings_needed(percent: float, *, level: float = _LEVEL) -> int:
    """Return how many timings a percentile's interval needs: 6 for p50, 36 for p90, 368 for p99 at 95 %.

    With fewer, the largest (or smallest) timing is not sure enough to lie beyond the percentile.
    """
    share = percent / 100.0
    tail = (1.0 - level) / 2.0
    return math.ceil(max(math.log(tail) / math.log(share), math.log(tail) / math.log1p(-share)))


def percentile(timings_ms: Sequence[float] | Series, percent: float, *, level: float = _LEVEL) -> Percentile:
    """Estimate a percentile with the interval of order statistics, which needs no distribution.

    The number of timings below the percentile is binomial, so the two order statistics outside which it lies with
    less than `(1 - level) / 2` each bound it (David and Nagaraja, "Order Statistics", 3rd ed., 7.1). The timings are
    taken as independent; where rounds differ, compare rounds instead.

    Args:
        timings_ms: In any order.
        percent: In (0, 100).
        level: In (0, 1).
    """
    if not 0.0 < percent < 100.0:
        raise UserError(f"A percentile must be in (0, 100). Received: {percent}.", hint="Such as 50, 90, 99.")
    values = np.sort(np.asarray(timings_ms, dtype=np.float64))
    count, needed = len(values), timings_needed(percent, level=level)
    if count < needed:
        return Percentile(percent=percent, value_ms=None, low_ms=None, high_ms=None, timings=count, needed=needed)
    share, tail = percent / 100.0, (1.0 - level) / 2.0
    cumulative = binomial_cdf(count, share)
    # Rank r (from 1) lies above the percentile with probability P(B <= r - 1); arrays begin at 0.
    low = int(np.searchsorted(cumulative, tail, side="right")) - 1
    high = int(np.searchsorted(cumulative, 1.0 - tail, side="left"))
    middle = min(count - 1, math.ceil(share * count) - 1)
    return Percentile(
        percent=percent,
        value_ms=float(values[middle]),
        low_ms=float(values[max(low, 0)]),
        high_ms=float(values[min(high, count - 1)]),
        timings=count,
        needed=needed,
    )


def binomial_cdf(count: int, share: float) -> Series:
    """Return `P(B <= k)` for k = 0 ... count of a binomial B with `count` draws of probability `share`."""
    steps = np.arange(1, count + 1, dtype=np.float64)
    factors = np.log((count - steps + 1) / steps)
    log_choose = np.concatenate([[0.0], np.cumsum(factors)])
    tries = np.arange(count + 1, dtype=np.float64)
    log_mass = log_choose + tries * math.log(share) + (count - tries) * math.log1p(-share)
    cumulative: Series = np.minimum(np.cumsum(np.exp(log_mass)), 1.0)
    return cumulative


def compare(
    old: Sequence[Sequence[float] | Series],
    new: Sequence[Sequence[float] | Series],
    *,
    noise_floor: float = 0.0,
    seed: int = 0,
) -> Ratio:
    """Compare two things that were timed in rounds.

    A round is a process of its own, and processes differ more than timings inside of one (Kalibera and Jones,
    "Rigorous benchmarking in reasonable time", 2013). So rounds are resampled, one less than there are (Rao and Wu,
    1988, which takes the bias off the variance of few), and inside each round blocks of neighbours (Kunsch, 1989).

    Args:
        old: Timings of each round, at least one round of at least one timing.
        new: The same of the other.
        noise_floor: Relative difference below which nothing is said.
        seed: Of the resampling.

    Raises:
        UserError: A side has no timings, or one that is not above zero.
    """
    sides = [[_checked(item) for item in side] for side in (old, new)]
    if not all(sides):
        raise UserError("Both sides of a comparison need timings. Received: none.", hint="Measure at least one round.")
    generator = np.random.default_rng(seed)
    logs = [_resampled_log_medians(side, generator) for side in sides]
    centres = [float(np.mean([math.log(float(np.median(item))) for item in side])) for side in sides]
    low, high = np.percentile(logs[1] - logs[0], [100 * (1 - _LEVEL) / 2, 100 * (1 + _LEVEL) / 2])
    value = math.exp(centres[1] - centres[0])
    low, high = min(math.exp(low), value), max(math.exp(high), value)
    return Ratio(value=value, low=low, high=high, noise_floor=noise_floor, verdict=verdict(low, high, noise_floor))


def verdict(low: float, high: float, noise_floor: float) -> Verdict:
    """Judge the interval of a ratio of times."""
    if high < 1.0 / (1.0 + noise_floor):
        return "faster"
    if low > 1.0 + noise_floor:
        return "slower"
    return "no difference"


def noise_floor(once: Sequence[Sequence[float] | Series], again: Sequence[Sequence[float] | Series]) -> float:
    """Return the relative difference that the same cell shows when it is measured twice (an A/A run).

    It is the far end of the interval of their ratio, so a difference that an A/A run can show by chance stays below.
    """
    ratio = compare(once, again)
    return max(ratio.high, 1.0 / ratio.low) - 1.0


def _checked(timings: Sequence[float] | Series) -> Series:
    values = np.asarray(timings, dtype=np.float64)
    if values.size == 0 or not np.isfinite(values).all() or values.min() <= 0.0:
        raise UserError(
            f"Timings must be finite and above 0. Received: {values.size} of them"
            + (f", the least {values.min()}." if values.size else "."),
            hint="Measure again.",
        )
    return values


def _resampled_log_medians(rounds: Sequence[Series], generator: np.random.Generator) -> Series:
    inner = np.stack([np.log(_block_medians(values, generator)) for values in rounds])
    if len(rounds) == 1:
        alone: Series = inner[0]
        return alone
    chosen = generator.integers(0, len(rounds), (len(rounds) - 1, _RESAMPLES))
    means: Series = inner[chosen, np.arange(_RESAMPLES)].mean(axis=0)
    return means


def _block_medians(values: Series, generator: np.random.Generator) -> Series:
    """Return medians of `_RESAMPLES` circular block bootstrap samples; blocks are of length n^(1/3)."""
    if len(values) > _MOST_RESAMPLED:
        stride = math.ceil(len(values) / _MOST_RESAMPLED)
        values = values[::stride]
    count = len(values)
    length = max(1, round(count ** (1 / 3)))
    starts = generator.integers(0, count, (_RESAMPLES, math.ceil(count / length), 1))
    chosen = ((starts + np.arange(length)) % count).reshape(_RESAMPLES, -1)[:, :count]
    medians: Series = np.median(values[chosen], axis=1)
    return medians
