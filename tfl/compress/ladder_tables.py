"""Ladders of accuracy-aware quantization as titles and rows: for the report and notebooks."""

from __future__ import annotations

from tfl.compress.ladder_records import Ladder, Try
from tfl.core.tables import NONE, Plain

_WORDS = {"holds": "holds", "drops": "falls too far", "failed": "FAILED"}


def rungs_table(ladder: Ladder) -> Plain:
    """Return a row per rung that was tried: what it lost with the interval, its size and its speed."""
    tries = ladder.climb.tries if ladder.climb is not None else ()
    head = ("rung", "precision", "status", "drop, points", "95 % interval", "MB", "latency to float32", "float layers")
    title = f"{ladder.target}: every rung that was tried, on the samples that choose"
    return Plain(title, head, tuple(_values(tried) for tried in tries))


def _values(tried: Try) -> tuple[str, ...]:
    drop, speed = tried.drop, tried.speed
    left = tried.recipe.float_layers if tried.recipe is not None else ()
    return (
        tried.rung,
        tried.precision,
        _WORDS[tried.status],
        f"{drop.drop * 100:+.2f}" if drop else NONE,
        f"{drop.low * 100:+.2f} to {drop.high * 100:+.2f}" if drop else NONE,
        f"{tried.size_bytes / 1e6:.2f}" if tried.size_bytes else NONE,
        f"{speed.ratio:.2f} ({speed.low:.2f} to {speed.high:.2f})" if speed else NONE,
        f"{len(left)} of {len(tried.ranking)}" if tried.ranking else NONE,
    )
