"""Charts of a search: its history, and which settings mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tfl.report import _style as style
from tfl.report.chart_svg import Mark, named, point


def draw_history(
    complete: Sequence[tuple[int, float]], pruned: Sequence[int], objective: str, path: Path, *, best: int
) -> None:
    """Draw each complete trial, the best so far as a step, and crosses on the axis for those ended early.

    Args:
        complete: Number and objective of each, in order; at least one.
        pruned: Numbers of those ended early.
        objective: `loss` (less is better) or `accuracy`.
        path: The PNG.
        best: Number of the trial that was chosen.
    """
    summary = (
        f"{len(complete)} complete trials and {len(pruned)} ended early; trial {best} was chosen, with a validation"
        f" {objective} of {dict(complete)[best]:.4f}."
    )
    style.save_shapes(
        lambda shape: _history(complete, pruned, objective, best=best, shape=shape), path, summary=summary
    )


def _history(
    complete: Sequence[tuple[int, float]], pruned: Sequence[int], objective: str, *, best: int, shape: style.Shape
) -> style.Drawing:
    from matplotlib.ticker import MaxNLocator

    figure = style.new_figure(style.NARROW_IN if shape == "narrow" else 7.0, 4.0)
    axes = figure.subplots()
    style.tidy(axes, title="Trials and the best so far", x="trial", y=f"validation {objective}")
    choose = min if objective == "loss" else max
    numbers = [number for number, _ in complete]
    values = [value for _, value in complete]
    so_far = [choose(values[: index + 1]) for index in range(len(values))]
    axes.plot(numbers, values, "o", color=style.BLUE, markersize=6, label="complete")
    last = max([*numbers, *pruned])
    axes.step(
        [*numbers, last], [*so_far, so_far[-1]], where="post", color=style.VERMILION, linewidth=1.4, label="best so far"
    )
    chosen = values[numbers.index(best)]
    axes.plot([best], [chosen], "o", color=style.VERMILION, markersize=9, label=f"chosen: trial {best}, {chosen:.4g}")
    if pruned:
        # They have no value that compares, so they stand on the axis.
        axes.plot(
            pruned,
            [0.025] * len(pruned),
            "x",
            color=style.GREY,
            markersize=6,
            transform=axes.get_xaxis_transform(),
            label="ended early, without a value",
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.margins(y=0.12)
    style.legend(figure, loc="outside lower center", ncols=2)
    marks = [
        point(axes, place, f"trial {place[0]}{', chosen' if place[0] == best else ''}\n{objective} {place[1]:.4f}")
        for place in complete
    ]
    return style.Drawing(figure, marks)


def draw_importance(importance: Mapping[str, float], objective: str, path: Path) -> None:
    """Draw a bar per setting, the largest at the top.

    Args:
        importance: Setting -> share of the variance, falling; at least one.
        objective: What is explained.
        path: The PNG.
    """
    figure = style.new_figure(4.4, 1.4 + 0.4 * len(importance))
    axes = figure.subplots()
    style.tidy(axes, title=f"What the {objective} depends on", x="share of the variance (fANOVA)")
    names = list(importance)[::-1]
    axes.barh([style.shown(name, 40) for name in names], [importance[name] for name in names], color=style.BLUE)
    marks = [
        Mark(
            axes, axes.get_xlim(), (place - 0.5, place + 0.5), f"{named(name)}\n{importance[name]:.1%} of the variance"
        )
        for place, name in reversed(list(enumerate(names)))
    ]
    first = next(iter(importance))
    summary = f"{named(first)} explains most of the validation {objective}: {importance[first]:.1%} of its variance."
    style.save_chart(figure, path, marks=marks, summary=summary)
