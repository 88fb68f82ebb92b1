"""What could be had beside what is on this machine: the best published scores by size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tfl.catalogue._entries import ModelEntry
from tfl.catalogue._filters import Filters, select_entries
from tfl.core.records import Record

#: The best up to each size is named: for a small device, a phone, a server (10^6 bytes of float32 weights).
_SIZES_MB = (10, 30, 100)


@dataclass(frozen=True, kw_only=True)
class NotHere(Record):
    """A backbone whose weights are not on this machine.

    Attributes:
        backbone: `source:name`.
        size_bytes: Of the weights in float32, worked out from their number.
        score: What is published of its classifier, in [0, 1].
        scored: Metric and data of the score.
    """

    backbone: str
    size_bytes: int
    score: float
    scored: str

    @property
    def text(self) -> str:
        """Such as `keras_applications:MobileNetV2 (9 MB, 71 % top-1 on ImageNet-1k)`."""
        return f"{self.backbone} ({self.size_bytes / 1e6:.2g} MB, {self.score:.0%} {self.scored})"


def best_not_here(entries: Iterable[ModelEntry], *, task: str) -> tuple[NotHere, ...]:
    """Name the backbones with the best published score up to 10, 30 and 100 MB, of those not on this machine.

    Where several have it, the smallest is named. One that publishes no better score than a smaller one here does not
    come in, and for a kind of input without published scores there are none.

    Args:
        entries: Of the catalogue.
        task: The kind of input that counts.
    """
    fitting, _ = select_entries(entries, Filters(task=task))
    scored = [item for item in fitting if item.score is not None and "fp32" in item.estimated_bytes]
    found: dict[str, NotHere] = {}
    for limit in _SIZES_MB:
        within = [item for item in scored if item.estimated_bytes["fp32"] <= limit * 1e6]
        best = max(within, key=_rank, default=None)
        if best is None or best.score is None or best.available_offline:
            continue
        found[best.spec] = NotHere(
            backbone=best.spec,
            size_bytes=best.estimated_bytes["fp32"],
            score=best.score.value,
            scored=f"{best.score.metric} on {best.score.data}",
        )
    return tuple(found.values())


def _rank(entry: ModelEntry) -> tuple[float, int]:
    return entry.score.value if entry.score else 0.0, -entry.estimated_bytes["fp32"]
