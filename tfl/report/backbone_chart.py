"""Accuracy of a linear probe against latency, over backbones, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfl.report import _style as style

#: The star is the recommended one's.
_MARKERS = ("o", "s", "D", "^", "v", "P", "X")


@dataclass(frozen=True)
class BackbonePoint:
    """One backbone in the chart.

    Attributes:
        name: In the legend.
        latency_ms: Above 0.
        accuracy: In [0, 1], with the ends of its interval.
        is_best: Whether no other is both faster and better.
        is_chosen: Whether it is the recommended one.
    """

    name: str
    latency_ms: float
    accuracy: float
    low: float
    high: float
    is_best: bool
    is_chosen: bool


def draw_backbones(
    points: Sequence[BackbonePoint], path: Path, *, max_latency_ms: float | None, min_accuracy: float | None
) -> None:
    """Draw the points with their intervals, the front as a step, and the limits as lines.

    Args:
        points: At least one.
        path: The PNG.
        max_latency_ms: A limit to draw, or None.
        min_accuracy: A limit to draw, or None.
    """
    figure = style.new_figure(9.0, 4.8 + 0.2 * len(points))
    axes = figure.subplots()
    style.tidy(
        axes,
        title="Backbones: accuracy of a linear probe against latency",
        x="latency of one sample, float32, median (ms): further left is faster",
        y="accuracy, 5 folds, 95 % interval",
    )
    axes.set_xscale("log")
    front = sorted((item for item in points if item.is_best), key=lambda item: item.latency_ms)
    axes.step(
        [item.latency_ms for item in front],
        [item.accuracy for item in front],
        where="post",
        color=style.GREY,
        linewidth=1.2,
        linestyle="--",
        zorder=1,
    )
    for index, item in enumerate(points):
        words = [style.shown(item.name, 90)]
        words += ["no other is both faster and better"] if item.is_best else []
        words += ["recommended"] if item.is_chosen else []
        axes.errorbar(
            item.latency_ms,
            item.accuracy,
            yerr=[[item.accuracy - item.low], [item.high - item.accuracy]],
            fmt="*" if item.is_chosen else _MARKERS[index % len(_MARKERS)],
            markersize=14 if item.is_chosen else 8,
            color=style.SERIES[index % len(style.SERIES)],
            capsize=3,
            linewidth=1.0,
            label=" - ".join(words),
        )
    if max_latency_ms is not None:
        axes.axvline(max_latency_ms, color=style.ORANGE, linewidth=1.2)
    if min_accuracy is not None:
        axes.axhline(min_accuracy, color=style.ORANGE, linewidth=1.2)
    limits = [] if max_latency_ms is None else [max_latency_ms]
    latencies = [*(item.latency_ms for item in points), *limits]
    axes.set_xlim(min(latencies) / 1.6, max(latencies) * 1.6)
    style.plain_steps(axes.xaxis)
    style.legend(figure, loc="outside lower left")
    style.save(figure, path)
