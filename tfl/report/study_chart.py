"""Charts of a search: its history, and which settings mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tfl.report import _style as style


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
    figure = style.new_figure(8.0, 4.2)
    from matplotlib.ticker import MaxNLocator

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
    figure.legend(loc="outside lower center", ncols=4, fontsize=8.5, frameon=False)
    style.save(figure, path)


def draw_importance(importance: Mapping[str, float], objective: str, path: Path) -> None:
    """Draw a bar per setting, the largest at the top.

    Args:
        importance: Setting -> share of the variance, falling; at least one.
        objective: What is explained.
        path: The PNG.
    """
    figure = style.new_figure(8.0, 1.4 + 0.4 * len(importance))
    axes = figure.subplots()
    style.tidy(axes, title=f"What the validation {objective} depends on", x="share of the variance (fANOVA)")
    names = list(importance)[::-1]
    axes.barh([style.shown(name, 40) for name in names], [importance[name] for name in names], color=style.BLUE)
    style.save(figure, path)
