"""A benchmark under scenarios in pictures: latencies with their intervals, and latency against the rate of arrivals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfl.bench.scenario_records import CellResult, LoadPoint, ScenarioResult
from tfl.report import _style as style
from tfl.report.chart_svg import Mark, named, point

#: A picture of more would not be read; the record has them all.
MOST_CELLS = 16
_PERCENTS = ((50.0, "o", style.BLUE), (90.0, "s", style.ORANGE), (99.0, "D", style.VERMILION))
_COLUMNS = 2
_LOG_RANGE = 4.0


def latency_cells(result: ScenarioResult) -> list[CellResult]:
    """Return the cells that the picture of latencies shows: closed loops with a percentile that is not withheld."""
    found = [
        cell
        for cell in result.cells
        if not cell.rounds[0].figures.curve and any(item.value_ms is not None for item in cell.percentiles)
    ]
    return found[:MOST_CELLS]


def server_cells(result: ScenarioResult) -> list[CellResult]:
    """Return the cells that the picture of servers shows."""
    return [cell for cell in result.cells if cell.rounds[0].figures.curve][:MOST_CELLS]


def draw_latencies(result: ScenarioResult, path: Path) -> None:
    """Draw each closed-loop cell's percentiles with their 95 % intervals, the fastest at the top.

    Args:
        result: With at least one of `latency_cells`.
        path: The PNG.
    """
    cells = sorted(latency_cells(result), key=lambda cell: cell.compared_ms)
    fastest = f"the fastest is {named(cells[0].name)} with {cells[0].compared_ms:.2f} ms"
    summary = f"Latencies of {len(cells)} cells: {fastest}."
    style.save_shapes(lambda shape: _latencies(cells, shape), path, summary=summary)


def _latencies(cells: Sequence[CellResult], shape: style.Shape) -> style.Drawing:
    is_narrow = shape == "narrow"
    figure = style.new_figure(
        *((style.NARROW_IN, 1.6 + 0.52 * len(cells)) if is_narrow else (7.0, 1.5 + 0.42 * len(cells)))
    )
    axes = figure.subplots()
    style.tidy(axes, title="Latency of a query, model only", x="ms, with the 95 % interval: further left is faster")
    values: list[float] = []
    marks = []
    for row, cell in enumerate(cells):
        for percent, marker, colour in _PERCENTS:
            found = cell.percentile(percent)
            if found is None or found.value_ms is None or found.low_ms is None or found.high_ms is None:
                continue
            error = [[max(found.value_ms - found.low_ms, 0.0)], [max(found.high_ms - found.value_ms, 0.0)]]
            axes.errorbar(
                [found.value_ms],
                [row],
                xerr=error,
                fmt=marker,
                color=colour,
                markersize=6.5,
                capsize=3,
                linewidth=1.3,
                label=f"p{percent:g}",
            )
            values += [found.low_ms, found.high_ms]
            interval = f"95 % interval {found.low_ms:.2f} to {found.high_ms:.2f} ms"
            text = f"{named(cell.name)}\np{percent:g} {found.value_ms:.2f} ms, {interval}"
            marks.append(point(axes, (found.value_ms, row), text))
    names = [style.shown(cell.name, 44) for cell in cells]
    axes.set_yticks(range(len(cells)), [""] * len(cells) if is_narrow else names)
    axes.set_ylim(len(cells) - 0.5, -0.75 if is_narrow else -0.5)
    _scale(axes, "x", values)
    if is_narrow:
        # Beside the axes they would leave the figures no room.
        for row, name in enumerate(names):
            axes.annotate(
                name,
                *((0.0, row), (2, 8)),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                fontsize=8.5,
                color=style.TEXT,
            )
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    style.legend(figure, handles=unique.values(), labels=unique.keys(), loc="outside lower center", ncols=3)
    return style.Drawing(figure, marks)


def draw_servers(result: ScenarioResult, path: Path) -> None:
    """Draw latency against the rate of arrivals, a panel per cell, every round a line, with the bound on the p99.

    Args:
        result: With at least one of `server_cells`.
        path: The PNG.
    """
    cells = server_cells(result)
    best = max(cells, key=lambda cell: cell.rate_per_s)
    found = f"{named(best.name)} bears most, {best.rate_per_s:,.1f} per second" if best.rate_per_s else "none keeps it"
    summary = f"Servers against their bound on the p99: {found}."
    style.save_shapes(lambda shape: _servers(cells, shape), path, summary=summary)


def _servers(cells: Sequence[CellResult], shape: style.Shape) -> style.Drawing:
    is_narrow = shape == "narrow"
    columns = 1 if is_narrow else min(_COLUMNS, len(cells))
    rows = -(-len(cells) // columns)
    figure = style.new_figure(style.NARROW_IN if is_narrow else 4.5 * columns, 3.3 * rows + 0.4)
    panels = figure.subplots(rows, columns, squeeze=False).flatten()
    marks = [mark for axes, cell in zip(panels, cells, strict=False) for mark in _draw_server(axes, cell)]
    for axes in panels[len(cells) :]:
        axes.set_visible(False)
    handles, labels = panels[0].get_legend_handles_labels()
    style.legend(figure, handles=handles, labels=labels, loc="outside lower center", ncols=2 if is_narrow else 3)
    return style.Drawing(figure, marks)


def _draw_server(axes: Any, cell: CellResult) -> list[Mark]:
    """Draw one panel; return its marks."""
    style.tidy(axes, title=style.shown(cell.name, 44), x="arrivals per second", y="ms from arrival to answer")
    values: list[float] = []
    marks: list[Mark] = []
    for number, item in enumerate(cell.rounds):
        curve, first = item.figures.curve, number == 0
        rates = [point.rate_per_s for point in curve]
        for name, colour, dashes in (("p99_ms", style.VERMILION, "-"), ("p50_ms", style.BLUE, "--")):
            latencies = [getattr(point, name) for point in curve]
            label = f"{name.removesuffix('_ms')}, a line per round" if first else None
            axes.plot(rates, latencies, dashes, color=colour, linewidth=1.2, alpha=0.85, label=label)
            values += latencies
        kept = [point for point in curve if point.is_kept]
        missed = [point for point in curve if not point.is_kept]
        for points, marker, face, words in (
            (kept, "o", style.VERMILION, "keeps the bound"),
            (missed, "X", style.PAPER, "misses it"),
        ):
            axes.plot(
                [point.rate_per_s for point in points],
                [point.p99_ms for point in points],
                marker,
                color=style.VERMILION,
                markerfacecolor=face,
                markersize=6,
                linestyle="",
                label=words if first else None,
            )
        title = f"{named(cell.name)}, round {number + 1}"
        marks += [point(axes, (at.rate_per_s, at.p99_ms), f"{title}\n{_told(at)}") for at in curve]
        bound = item.figures.latency_bound_ms
        if bound is not None:
            # Without a given bound each process derives its own.
            axes.axhline(bound, color=style.ORANGE, linewidth=1.1, label="bound on the p99" if first else None)
            values.append(bound)
    if cell.rate_per_s > 0:
        axes.axvline(cell.rate_per_s, color=style.GREEN, linewidth=1.3, linestyle=":", label="rate found")
    _scale(axes, "y", values)
    return marks


def _told(load: LoadPoint) -> str:
    latencies = f"p50 {load.p50_ms:.2f} ms, p99 {load.p99_ms:.2f} ms"
    kept = "keeps" if load.is_kept else "misses"
    return f"{load.rate_per_s:,.1f} arrivals per s\n{latencies}: {kept} the bound"


def _scale(axes: Any, axis: str, values: Sequence[float]) -> None:
    low, high = min(values), max(values)
    if low > 0 and high > _LOG_RANGE * low:
        getattr(axes, f"set_{axis}scale")("log")
        style.plain_steps(getattr(axes, f"{axis}axis"), subs=(1.0, 2.0, 5.0) if high < 200 * low else (1.0,))
