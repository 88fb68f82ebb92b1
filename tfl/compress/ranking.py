"""Which layers to leave in float: ranked by what each costs in the metric, and as few of them as do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: Where one layer breaks the model, what the others cost is not seen before it is mended.
RERANKINGS = 3


@dataclass(frozen=True)
class Score:
    """How good a model is on the choice set.

    Attributes:
        metric: The task's, larger is better.
        log_loss: Mean, smaller is better; it moves where a coarse metric does not.
    """

    metric: float
    log_loss: float


@dataclass(frozen=True)
class Gain:
    """What putting a layer back to float gained.

    Attributes:
        layer: Its name.
        metric: Of the task's metric.
        log_loss: How much the log loss fell.
        given: How many layers were in float already.
    """

    layer: str
    metric: float
    log_loss: float
    given: int


@dataclass(frozen=True)
class Found:
    """What a search came to.

    Attributes:
        gains: Every layer, in the order in which they are left in float.
        count: How many of the first ones do; None where even the most that may be do not.
    """

    gains: tuple[Gain, ...]
    count: int | None


def rank_layers(
    layers: Sequence[str], given: Sequence[str], score_with: Callable[[Sequence[str]], Score]
) -> list[Gain]:
    """Put layers in the order of what they cost, the most expensive first.

    Args:
        layers: In data order, which breaks what is still equal.
        given: Layers that are in float already.
        score_with: Scores the model with these layers in float.
    """
    base = score_with(given)
    gains = []
    for layer in layers:
        score = score_with([*given, layer])
        gains.append(Gain(layer, score.metric - base.metric, base.log_loss - score.log_loss, len(given)))
    # `sorted` keeps the data order of equals; a loss that is no number ranks last.
    return sorted(gains, key=lambda item: (-item.metric, -item.log_loss if item.log_loss == item.log_loss else 1e300))


def search_layers(
    layers: Sequence[str],
    *,
    score_with: Callable[[Sequence[str]], Score],
    holds: Callable[[Sequence[str]], bool],
    most: int,
    rerankings: int = RERANKINGS,
) -> Found:
    """Leave ranked layers in float, twice as many each time until it holds, then find the fewest by bisection.

    After a step that does not hold the other layers are ranked again with those of the step in float. The number
    is the smallest for this order where more layers in float always help; a metric that moves by chance can make
    it the smallest of those that were tried.

    Args:
        layers: In data order, at least one.
        score_with: Scores the model with these layers in float.
        holds: Says whether the model with these layers in float does.
        most: How many layers may stay in float, at least 1.
        rerankings: How often at most the rest is ranked again.
    """
    gains = rank_layers(layers, (), score_with)
    low, high = 0, 1
    while not holds([gain.layer for gain in gains[:high]]):
        if high == most:
            return Found(tuple(gains), None)
        if rerankings:
            fixed = gains[:high]
            names = {gain.layer for gain in fixed}
            rest = [layer for layer in layers if layer not in names]
            gains = [*fixed, *rank_layers(rest, [gain.layer for gain in fixed], score_with)]
            rerankings -= 1
        low, high = high, min(high * 2, most)
    while high - low > 1:
        middle = (low + high) // 2
        if holds([gain.layer for gain in gains[:middle]]):
            high = middle
        else:
            low = middle
    return Found(tuple(gains), high)
