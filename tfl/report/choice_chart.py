"""The artefacts of a run within bounds: accuracy against latency, and memory against size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from tfl.bench.choice import Choice, Option
from tfl.report import _style as style
from tfl.report.chart_svg import Mark, named, point

#: The star is the picked one's.
_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
_LOG_RANGE = 4.0


def draw_choice(choice: Choice, path: Path, *, form: Literal["png", "chart"] = "png") -> None:
    """Draw every option in two panels; what the bounds shut out is shaded, and what breaks one is hollow.

    Args:
        choice: With at least one option.
        path: The PNG.
        form: `chart` writes the report's SVG beside the PNG, which a person who named one file did not ask for.
    """
    if form == "png":
        style.save(_draw(choice, "wide").figure, path)
        return
    style.save_shapes(lambda shape: _draw(choice, shape), path, summary=choice_summary(choice))


def choice_summary(choice: Choice) -> str:
    """Say what the chart shows, with the figures of the picked one."""
    found = next((item for item in choice.options if item.name == choice.picked), None)
    line = f"Of {len(choice.options)} measured artefacts {named(choice.picked) if choice.picked else 'none'} is picked"
    if found is None:
        return f"{line}."
    figures = f"{choice.metric_name} {found.metric:.4f}, latency {found.latency_ms:.2f} ms"
    return f"{line}: {figures}, {found.size_bytes / 1e6:.2f} MB, {found.peak_rss_bytes / 1e6:,.0f} MB of memory."


def _draw(choice: Choice, shape: style.Shape) -> style.Drawing:
    options, bounds = choice.options, choice.bounds
    if shape == "narrow":
        figure = style.new_figure(style.NARROW_IN, 6.6 + 0.24 * len(options))
        left, right = figure.subplots(2, 1)
    else:
        figure = style.new_figure(9.0, 4.6 + 0.12 * len(options))
        left, right = figure.subplots(1, 2)
    style.tidy(
        left,
        title=f"{choice.metric_name.capitalize()} against latency",
        x=f"latency of one sample, p{bounds.percent:g} (ms)",
        y=f"{choice.metric_name} on held-out samples",
    )
    style.tidy(right, title="Memory against size", x="model files (MB)", y="peak memory of the process (MB)")
    for index, option in enumerate(options):
        _draw_option(left, option, index, choice, (option.latency_ms, option.metric), label=_label(option, choice))
        _draw_option(right, option, index, choice, (option.size_bytes / 1e6, option.peak_rss_bytes / 1e6))
    _front(left, options)
    _fit(left, [item.latency_ms for item in options], bounds.max_latency_ms, axis="x", most=True)
    _fit(left, [item.metric for item in options], bounds.min_metric, axis="y", most=False)
    _fit(right, [item.size_bytes / 1e6 for item in options], _mb(bounds.max_size_bytes), axis="x", most=True)
    _fit(right, [item.peak_rss_bytes / 1e6 for item in options], _mb(bounds.max_memory_bytes), axis="y", most=True)
    style.legend(figure, loc="outside lower left", ncols=1 if shape == "narrow" else 2)
    marks = [
        *(_mark(left, item, (item.latency_ms, item.metric), choice) for item in options),
        *(_mark(right, item, (item.size_bytes / 1e6, item.peak_rss_bytes / 1e6), choice) for item in options),
    ]
    return style.Drawing(figure, marks)


def _mark(axes: Any, option: Option, place: tuple[float, float], choice: Choice) -> Mark:
    lines = [
        named(_label(option, choice)),
        f"{choice.metric_name} {option.metric:.4f}, latency {option.latency_ms:.2f} ms",
        f"{option.size_bytes / 1e6:.2f} MB of files, {option.peak_rss_bytes / 1e6:,.0f} MB of memory",
    ]
    return point(axes, place, "\n".join(lines), key=option.name)


def _mb(value_bytes: int | None) -> float | None:
    return None if value_bytes is None else value_bytes / 1e6


def _label(option: Option, choice: Choice) -> str:
    words = [style.shown(option.name, 60)]
    words += ["picked"] if option.name == choice.picked else []
    words += ["closest"] if option.name == choice.closest else []
    words += ["breaks a bound"] if option.broken else []
    return ", ".join(words)


def _draw_option(
    axes: Any, option: Option, index: int, choice: Choice, place: tuple[float, float], *, label: str | None = None
) -> None:
    colour = style.SERIES[index % len(style.SERIES)]
    is_picked = option.name == choice.picked
    axes.plot(
        *place,
        "*" if is_picked else _MARKERS[index % len(_MARKERS)],
        markersize=16 if is_picked else 8.5,
        color=colour,
        markerfacecolor=style.PAPER if option.broken else colour,
        markeredgewidth=1.6,
        linestyle="",
        label=label,
        zorder=4 if is_picked else 3,
    )


def _front(axes: Any, options: Sequence[Option]) -> None:
    """Draw the steps of those that no other beats in both latency and metric."""
    front: list[Option] = []
    for option in sorted(options, key=lambda item: (item.latency_ms, -item.metric)):
        if not front or option.metric > front[-1].metric:
            front.append(option)
    axes.step(
        [item.latency_ms for item in front],
        [item.metric for item in front],
        where="post",
        color=style.GREY,
        linewidth=1.2,
        linestyle="--",
        zorder=2,
        label="no other is both faster and better",
    )


def _fit(axes: Any, values: Sequence[float], bound: float | None, *, axis: str, most: bool) -> None:
    """Set an axis to show all values and the bound, and shade what lies beyond the bound."""
    shown = [*values, *([] if bound is None else [bound])]
    low, high = min(shown), max(shown)
    if most and low > 0 and high > _LOG_RANGE * low:
        getattr(axes, f"set_{axis}scale")("log")
        style.plain_steps(getattr(axes, f"{axis}axis"))
        limits = (low / 1.5, high * 1.5)
    else:
        # Differences of less than a thousandth must not look like a gulf.
        margin = 0.15 * max(high - low, 0.01 if not most else 0.1 * high)
        limits = (low - margin, high + margin)
    getattr(axes, f"set_{axis}lim")(*limits)
    if not most:
        style.name_shares_only(axes.yaxis, shown)
    if bound is not None:
        span = axes.axvspan if axis == "x" else axes.axhspan
        line = axes.axvline if axis == "x" else axes.axhline
        span(*((bound, limits[1]) if most else (limits[0], bound)), color=style.ORANGE, alpha=0.13, linewidth=0)
        line(bound, color=style.ORANGE, linewidth=1.2)
