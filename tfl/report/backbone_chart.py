"""Accuracy of a linear probe against latency, over backbones, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfl.report import _style as style


@dataclass(frozen=True)
class BackbonePoint:
    """One backbone in the chart.

    Attributes:
        name: Drawn beside the point.
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
    figure = style.new_figure(9.0, 5.2)
    axes = figure.subplots()
    style.tidy(
        axes,
        title="Backbones: accuracy of a linear probe against latency",
        x="latency of one picture, float32, median (ms): further left is faster",
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
    for item in points:
        colour = style.VERMILION if item.is_chosen else style.BLUE if item.is_best else style.GREY
        axes.errorbar(
            item.latency_ms,
            item.accuracy,
            yerr=[[item.accuracy - item.low], [item.high - item.accuracy]],
            fmt="*" if item.is_chosen else "o",
            markersize=13 if item.is_chosen else 8,
            color=colour,
            capsize=3,
            linewidth=1.0,
        )
        axes.annotate(
            style.shown(item.name, 40),
            (item.latency_ms, item.accuracy),
            xytext=(8, 6),
            textcoords="offset points",
            fontsize=8.5,
            color=style.TEXT,
        )
    if max_latency_ms is not None:
        axes.axvline(max_latency_ms, color=style.ORANGE, linewidth=1.2)
    if min_accuracy is not None:
        axes.axhline(min_accuracy, color=style.ORANGE, linewidth=1.2)
    latencies = [item.latency_ms for item in points]
    axes.set_xlim(min(latencies) / 2.0, max(latencies) * 4.0)
    style.save(figure, path)
