"""Two models on the same samples: how far the metric fell, and how sure that is.

The samples are drawn again with replacement, each with both models' answers, so that what both get right or
wrong alike cancels out (B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tfl.bench.paired import mcnemar
from tfl.core.errors import DataError
from tfl.core.records import Record
from tfl.data.contract import Floats

Metric: TypeAlias = Callable[[Sequence[int], Floats], float]
Outcome = Literal["within", "exceeded", "too few samples to say"]

RESAMPLES = 4000
CONFIDENCE = 0.95
#: Points of the standard normal distribution: two-sided 95 %, and the 80 % power that the sample size is for.
_Z_TWO_SIDED, _Z_POWER = 1.959963984540054, 0.8416212335729143
_ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True)
class PairedDrop(Record):
    """How far a metric fell from one model to another on the same samples. Positive is worse.

    Attributes:
        metric_name: The task's metric.
        float_metric: Of the float model.
        metric: Of the other model.
        drop: `float_metric - metric`.
        low: Lower end of the 95 % interval of the drop.
        high: Upper end.
        sample_count: How many samples.
        lost: Samples that the float model alone gets right.
        gained: Samples that the other model alone gets right.
        flipped: Samples with another decision, right or wrong.
        p_value: McNemar's exact two-sided test of `lost` against `gained`.
        method: How the interval was made.
    """

    metric_name: str
    float_metric: float
    metric: float
    drop: float
    low: float
    high: float
    sample_count: int
    lost: int
    gained: int
    flipped: int
    p_value: float
    method: str


@dataclass(frozen=True, kw_only=True)
class Statement(Record):
    """What can be said about a drop and the most that is allowed.

    Attributes:
        outcome: `within`: the whole interval is at most `max_drop`; `exceeded`: all of it is above.
        max_drop: The most that is allowed.
        needed_samples: About how many samples would tell, where these do not; None when no number would.
    """

    outcome: Outcome
    max_drop: float
    needed_samples: int | None


def compare_paired(
    truth: Sequence[int],
    reference: Floats,
    outputs: Floats,
    *,
    metric: Metric,
    metric_name: str,
    seed: int,
    resamples: int = RESAMPLES,
) -> PairedDrop:
    """Compare two models' answers to the same samples.

    Args:
        truth: Class indices.
        reference: `(samples, classes)` float32 of the float model.
        outputs: The same of the other model.
        metric: Of truth and outputs, larger is better.
        metric_name: Its name.
        seed: Of the resampling.
        resamples: How many times the samples are drawn again.

    Raises:
        DataError: There are no samples, or the numbers differ.
    """
    classes = np.asarray(truth, dtype=np.int64)
    if not len(classes) or reference.shape != outputs.shape or len(reference) != len(classes):
        raise DataError(
            f"Paired answers must be of the same samples, at least one. Received: {len(classes)} classes, "
            f"answers {reference.shape} and {outputs.shape}."
        )
    before, after = metric(truth, reference), metric(truth, outputs)
    right_before, right_after = reference.argmax(axis=1) == classes, outputs.argmax(axis=1) == classes
    lost = int((right_before & ~right_after).sum())
    gained = int((~right_before & right_after).sum())
    low, high = _bootstrap(classes, reference, outputs, metric, seed, resamples)
    method = f"percentile bootstrap of {resamples} paired resamples"
    if abs((before - after) - (lost - gained) / len(classes)) < 1e-9:
        # The metric is the share of right answers. Where hardly any answer differs, resampling finds hardly any
        # spread, however few the samples are; this interval does not collapse.
        least, most = agresti_min(lost, gained, len(classes))
        low, high, method = min(low, least), max(high, most), f"{method}, at least Agresti and Min's interval"
    return PairedDrop(
        metric_name=metric_name,
        float_metric=before,
        metric=after,
        drop=before - after,
        low=low,
        high=high,
        sample_count=len(classes),
        lost=lost,
        gained=gained,
        flipped=int((reference.argmax(axis=1) != outputs.argmax(axis=1)).sum()),
        p_value=mcnemar(lost, gained),
        method=method,
    )


def _bootstrap(
    classes: npt.NDArray[np.int64], reference: Floats, outputs: Floats, metric: Metric, seed: int, resamples: int
) -> tuple[float, float]:
    generator = np.random.default_rng(seed)
    drops = np.empty(resamples)
    for index in range(resamples):
        drawn = generator.integers(0, len(classes), len(classes))
        truth = classes[drawn]
        drops[index] = metric(truth, reference[drawn]) - metric(truth, outputs[drawn])  # type: ignore[arg-type]
    low, high = np.percentile(drops, [100 * (1 - CONFIDENCE) / 2, 100 * (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def agresti_min(lost: int, gained: int, sample_count: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two paired proportions.

    A. Agresti and Y. Min, "Simple improved confidence intervals for comparing matched proportions",
    Statistics in Medicine 24 (2005): Wald's interval after half a sample more in each cell of the table.
    """
    count = sample_count + 2
    difference = (lost - gained) / count
    spread = math.sqrt(max(lost + gained + 1 - (lost - gained) ** 2 / count, 0.0)) / count
    return difference - _Z_TWO_SIDED * spread, difference + _Z_TWO_SIDED * spread


def judge(drop: PairedDrop, *, max_drop: float) -> Statement:
    """Say whether a drop is within what is allowed, as far as the samples tell.

    The number of samples that would do follows R. J. Connor, "Sample size for testing differences in proportions
    for the paired-sample design", Biometrics 43 (1987), with the observed drop and share of differing answers,
    half a sample more in each cell, 5 % two-sided error and 80 % power.

    Args:
        drop: On the samples that chose nothing.
        max_drop: The most that is allowed, such as 0.01.
    """
    if drop.high <= max_drop + _ROUNDING:
        return Statement(outcome="within", max_drop=max_drop, needed_samples=None)
    if drop.low > max_drop + _ROUNDING:
        return Statement(outcome="exceeded", max_drop=max_drop, needed_samples=None)
    distance = abs(max_drop - drop.drop)
    if distance < 1e-9:
        return Statement(outcome="too few samples to say", max_drop=max_drop, needed_samples=None)
    differing = (drop.lost + drop.gained + 1) / (drop.sample_count + 2)
    variance = max(differing - drop.drop**2, 0.0)
    needed = math.ceil((_Z_TWO_SIDED * math.sqrt(differing) + _Z_POWER * math.sqrt(variance)) ** 2 / distance**2)
    return Statement(
        outcome="too few samples to say", max_drop=max_drop, needed_samples=max(needed, drop.sample_count + 1)
    )
