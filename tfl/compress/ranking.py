"""Which layers to leave in float: ranked by what each costs in the metric, and as few of them as do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """How good a model is on the choice set.

    Attributes:
        metric: The task's, larger is better.
        log_loss: Mean, smaller is better; it moves where a coarse metric does not.
    """

    metric: float
    log_loss: float


def rank_layers(
    layers: Sequence[str], base: Score, score_with: Callable[[str], Score]
) -> list[tuple[str, float, float]]:
    """Put layers in the order of what they cost, the most expensive first.

    Args:
        layers: In data order, which breaks what is still equal.
        base: Of the model with every layer quantized.
        score_with: Scores the model with that layer alone put back to float.

    Returns:
        Layer, gain of the metric, gain of the log loss.
    """
    gains = []
    for layer in layers:
        score = score_with(layer)
        gains.append((layer, score.metric - base.metric, base.log_loss - score.log_loss))
    # `sorted` keeps the data order of equals; a loss that is no number ranks last.
    return sorted(gains, key=lambda item: (-item[1], -item[2] if item[2] == item[2] else float("inf")))


def fewest(count: int, holds: Callable[[int], bool]) -> int | None:
    """Find how many of `count` ranked layers have to stay in float: doubling until it holds, then bisection.

    Where more layers in float always help, it is the smallest number; a metric that moves by chance can make it
    the smallest of those that were tried.

    Args:
        count: How many there are, at least one.
        holds: Says whether that many of the first ones do.

    Returns:
        The number, or None where even all do not.
    """
    low, high = 0, 1
    while not holds(high):
        if high == count:
            return None
        low, high = high, min(high * 2, count)
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high
