"""Accuracy against latency over the measured artefacts, with labels that keep out of each other's way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.records import Measurement
from tfl.report import _style as style
from tfl.report.chart_svg import named, point

_MARKERS = ("o", "s", "D", "^", "v", "P", "X", "*")
#: Directions in which a label is tried, nearest to the reading direction first.
_DIRECTIONS = ((1, 0), (1, 1), (1, -1), (0, 1), (0, -1), (-1, 0), (-1, 1), (-1, -1))
_DISTANCES_PT = (8, 18, 30, 44, 60, 78, 98, 120)


def pareto_front(measurements: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """Return those that no other beats in both latency (p50) and metric, fastest first."""
    front: list[Measurement] = []
    for item in sorted(measurements, key=lambda item: (item.model_ms.p50, -item.metric)):
        if not front or item.metric > front[-1].metric:
            front.append(item)
    return tuple(front)


def draw_accuracy_latency(measurements: Sequence[Measurement], path: Path) -> None:
    """Draw the metric against the batch-1 latency: a colour per target, a marker per precision, the Pareto front.

    Args:
        measurements: Of one run; with none the plot says so.
        path: The PNG.
    """
    summary = _summary(measurements) if measurements else "Nothing was measured."
    style.save_shapes(lambda shape: _draw(measurements, shape), path, summary=summary)


def _draw(measurements: Sequence[Measurement], shape: style.Shape) -> style.Drawing:
    is_narrow = shape == "narrow"
    figure = style.new_figure(*((style.NARROW_IN, 5.2) if is_narrow else (7.6, 4.8)))
    axes = figure.subplots()
    metric = measurements[0].metric_name if measurements else "accuracy"
    break_or_space = "\n" if is_narrow else " "
    style.tidy(
        axes,
        title=f"{metric.capitalize()} against latency",
        x=f"latency of one sample, model only, p50 (ms):{break_or_space}further left is faster",
        y=f"{metric} on {measurements[0].sample_count} samples" if measurements else metric,
    )
    if not measurements:
        axes.text(0.5, 0.5, "nothing was measured", transform=axes.transAxes, ha="center", color=style.GREY)
        axes.set(xticks=[], yticks=[])
        return style.Drawing(figure)
    colours = _assign([item.target for item in measurements], style.SERIES)
    markers = _assign([item.variant for item in measurements], _MARKERS)
    _set_limits(axes, measurements)
    front = pareto_front(measurements)
    axes.step(
        [item.model_ms.p50 for item in front],
        [item.metric for item in front],
        where="post",
        color=style.GREY,
        linewidth=1.2,
        linestyle="--",
        zorder=1,
    )
    for item in measurements:
        axes.plot(
            item.model_ms.p50,
            item.metric,
            markers[item.variant],
            color=colours[item.target],
            markersize=9,
            markeredgecolor=style.PAPER,
            markeredgewidth=0.8,
        )
    _legend(figure, colours, markers, columns=2 if is_narrow else 4)
    figure.draw_without_rendering()
    _place_labels(axes, measurements, colours)
    marks = [
        point(axes, (item.model_ms.p50, item.metric), _told(item, item in front), key=_key(item))
        for item in sorted(measurements, key=lambda item: item.model_ms.p50)
    ]
    return style.Drawing(figure, marks)


def _told(item: Measurement, is_best: bool) -> str:
    lines = [
        _name(item),
        f"{item.metric_name} {item.metric:.4f} on {item.sample_count} samples",
        f"latency p50 {item.model_ms.p50:.2f} ms, p99 {item.model_ms.p99:.2f} ms",
        f"{item.throughput_per_s:,.0f} per s, {item.size_bytes / 1e6:.2f} MB",
    ]
    return "\n".join(lines + ["no other is both faster and better"] * is_best)


def _name(item: Measurement) -> str:
    return named(f"{item.target}: {item.artifact}" if _is_of_a_run(item) else item.artifact)


def _key(item: Measurement) -> str:
    return item.target if _is_of_a_run(item) else item.artifact


def _is_of_a_run(item: Measurement) -> bool:
    """Whether runs are set side by side: then the run's name stands in the target's place."""
    return not item.artifact.startswith(item.target)


def _summary(measurements: Sequence[Measurement]) -> str:
    fastest = min(measurements, key=lambda item: item.model_ms.p50)
    best = max(measurements, key=lambda item: item.metric)
    return (
        f"{len(measurements)} measured artefacts: the fastest is {_name(fastest)} with"
        f" {fastest.model_ms.p50:.2f} ms and {fastest.metric_name} {fastest.metric:.4f}, the best is"
        f" {_name(best)} with {best.model_ms.p50:.2f} ms and {best.metric:.4f}."
    )


def _assign(names: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    return {name: values[index % len(values)] for index, name in enumerate(dict.fromkeys(names))}


def _set_limits(axes: Any, measurements: Sequence[Measurement]) -> None:
    latencies = [item.model_ms.p50 for item in measurements]
    if max(latencies) > 4 * min(latencies) > 0:
        axes.set_xscale("log")
        style.plain_steps(axes.xaxis)
        axes.set_xlim(min(latencies) / 1.6, max(latencies) * 1.9)
    else:
        axes.set_xlim(0.0, max(latencies) * 1.3)
    values = [item.metric for item in measurements]
    # Differences of less than a thousandth must not look like a gulf.
    spread = max(max(values) - min(values), 0.01)
    axes.set_ylim(min(values) - 0.5 * spread, max(values) + 0.6 * spread)
    style.name_shares_only(axes.yaxis, values)


def _legend(figure: Any, colours: dict[str, str], markers: dict[str, str], *, columns: int) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], marker="o", linestyle="", color=colour, label=name) for name, colour in colours.items()]
    handles += [
        Line2D([], [], marker=marker, linestyle="", color=style.TEXT, markerfacecolor="none", label=name)
        for name, marker in markers.items()
    ]
    handles.append(Line2D([], [], linestyle="--", color=style.GREY, label="no other is both faster and better"))
    style.legend(figure, handles=handles, loc="outside lower center", ncols=columns)


def _place_labels(axes: Any, measurements: Sequence[Measurement], colours: dict[str, str]) -> None:
    """Put each label at the nearest place where it covers no point and no other label."""
    from matplotlib.text import Text

    renderer = axes.figure.canvas.get_renderer()
    pixels_per_pt = axes.figure.dpi / 72
    points = axes.transData.transform([(item.model_ms.p50, item.metric) for item in measurements])
    half = 6 * pixels_per_pt
    taken = [np.array([x - half, y - half, x + half, y + half]) for x, y in points]
    frame = axes.get_window_extent(renderer)
    bounds = np.array([frame.x0, frame.y0, frame.x1, frame.y1])
    order = sorted(range(len(points)), key=lambda index: (points[index][0], points[index][1]))
    for index in order:
        item = measurements[index]
        text = axes.annotate(
            style.shown(item.artifact, 30),
            (item.model_ms.p50, item.metric),
            xytext=(0, 0),
            textcoords="offset points",
            fontsize=8.5,
            color=style.LABEL_OF[colours[item.target]],
            bbox={"facecolor": style.PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 0.6},
            arrowprops={"arrowstyle": "-", "color": colours[item.target], "linewidth": 0.7, "shrinkA": 0, "shrinkB": 4},
        )
        text.set_in_layout(False)
        # The annotation's own extent would count its line, too.
        extent = Text.get_window_extent(text, renderer)
        size = np.array([extent.width, extent.height]) + 2
        box, corner = _free_place(points[index], size, taken, bounds, pixels_per_pt)
        taken.append(box)
        text.set_position(tuple((corner - points[index]) / pixels_per_pt))


def _free_place(point: Any, size: Any, taken: list[Any], bounds: Any, pixels_per_pt: float) -> tuple[Any, Any]:
    """Return the box and the lower left corner of the first place that is free, or of the nearest one."""
    first = None
    for distance in _DISTANCES_PT:
        for direction in _DIRECTIONS:
            way = np.asarray(direction, dtype=float)
            centre = point + way * (distance * pixels_per_pt + size / 2)
            box = np.concatenate([centre - size / 2, centre + size / 2])
            first = first if first is not None else (box, centre - size / 2)
            inside = (box[:2] >= bounds[:2]).all() and (box[2:] <= bounds[2:]).all()
            if inside and not any(_overlap(box, other) for other in taken):
                return box, centre - size / 2
    return first if first is not None else (np.zeros(4), point)


def _overlap(one: Any, other: Any) -> bool:
    return bool((one[:2] < other[2:]).all() and (other[:2] < one[2:]).all())
