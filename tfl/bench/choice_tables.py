"""A choice among artefacts as titles, rows and sentences, which the terminal, the report and a notebook share."""

from __future__ import annotations

from tfl.bench.choice import Bounds, Choice, said
from tfl.core.tables import Plain

LEGEND = "* picked, - no other is as good in all four figures and better in one"


def choice_table(choice: Choice) -> Plain:
    """Return a row per option."""
    rows = tuple(
        (
            "*" if item.name == choice.picked else "-" if item.is_on_front else "",
            item.name,
            f"{item.metric:.4f}",
            f"{item.latency_ms:.2f}",
            f"{item.size_bytes / 1e6:.2f}",
            f"{item.peak_rss_bytes / 1e6:,.0f}",
            ", ".join(f"{excess.figure} {excess.share:+.0%}" for excess in item.broken),
        )
        for item in choice.options
    )
    figures = (choice.metric_name, f"p{choice.bounds.percent:g} ms", "MB", "memory MB", "beyond its bound")
    return Plain(LEGEND, ("", "artefact", *figures), rows)


def asked_of(bounds: Bounds) -> str:
    """Say the bounds in a sentence."""
    most = [
        said(name, value, "metric")
        for name, value in (
            ("latency_ms", bounds.max_latency_ms),
            ("size_bytes", bounds.max_size_bytes),
            ("peak_rss_bytes", bounds.max_memory_bytes),
        )
        if value is not None
    ]
    parts = [f"at most {', '.join(most)}"] if most else []
    parts += [f"at least a metric of {bounds.min_metric:g}"] if bounds.min_metric is not None else []
    told = " and ".join(parts) if parts else "none; of those that score within 0.01 of the best, the fastest"
    return f"Bounds: {told}. Latency is the p{bounds.percent:g} of one sample."
