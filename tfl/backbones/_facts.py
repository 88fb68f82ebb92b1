"""What helps to choose among listed backbones: counted costs, scores that others published, grounds of licences.

Nothing of it is needed to load a backbone. Costs are counted (`_costs_table.py`); scores and licences are told with who
says so, and where nobody does, nothing is said. What is known of each source's backbones lies in a file of its own.
"""

from __future__ import annotations

from tfl.backbones._base import BackboneFacts, PublishedScore
from tfl.backbones._costs_table import COSTS


def known_facts(
    spec: str, family: str, scores: tuple[PublishedScore, ...] = (), *, licence_source: str, address: str = ""
) -> BackboneFacts:
    """Put what was counted beside what is published.

    Args:
        spec: Of a listed backbone.
        family: Of its architecture.
        scores: As published.
        licence_source: Who states the licence.
        address: What the weights are downloaded from.
    """
    cost = COSTS.get(spec)
    return BackboneFacts(
        family=family,
        multiply_adds=cost.multiply_adds if cost else None,
        multiply_adds_at=cost.at if cost else "",
        parameters_with_top=cost.parameters_with_top if cost else None,
        multiply_adds_with_top=cost.multiply_adds_with_top if cost else None,
        scores=scores,
        licence_source=licence_source,
        address=address,
    )


def imagenet_scores(top_1: float, top_5: float | None, *, source: str) -> tuple[PublishedScore, ...]:
    """Return accuracies on ImageNet-1k.

    Args:
        top_1: In percent.
        top_5: In percent, or None where it is not told.
        source: Who says so.
    """
    values = {"top-1": top_1, "top-5": top_5}
    return tuple(
        PublishedScore(data="ImageNet-1k", metric=metric, value=share_of(value), source=source)
        for metric, value in values.items()
        if value is not None
    )


def share_of(percent: float) -> float:
    """Return a percentage as a share, without the noise of the division."""
    return round(percent / 100, 4)
