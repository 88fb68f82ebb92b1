"""What a model takes for what: the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfl.report import _style as style
from tfl.report.chart_svg import Mark, named
from tfl.tasks import Evaluation

#: A matrix of more classes has cells too small to read; the classes with the most mistakes are drawn.
MOST_CLASSES = 50
#: Up to so many classes every cell has a number, and names need not stand upright.
_FEW = 12
#: Letters of a class's name at most: few classes, many, and where they must leave room on a phone.
_LETTERS, _LETTERS_OF_MANY, _LETTERS_NARROW = 24, 18, 14
#: Below that a number is too small on a phone, which shows the wide drawing then, to be scrolled.
_LEAST_NUMBER_PT = 8.4
#: Inches beside and below the matrix, without the names.
_BESIDE_IN, _BELOW_IN = 0.6, 0.9
#: Width of a letter of a class's name, and of a digit as a share of its height.
_LETTER_IN, _DIGIT_EM = 0.06, 0.7
#: The most frequent mistake's depth on its colour scale, so that the number on it can be read.
_WRONG_DEPTH = 0.5
#: What the colour of a class that is always right covers of its cell, for the same reason.
_RIGHT_DEPTH = 0.55


def draw_confusion(evaluation: Evaluation, path: Path) -> None:
    """Draw the confusion matrix: colour is the share of the true class (blue right, orange wrong), numbers are counts.

    Of more than `MOST_CLASSES` classes those with the most mistakes are drawn.
    """
    counts = np.asarray(evaluation.confusion)
    labels, note = list(evaluation.labels), ""
    if len(labels) > MOST_CLASSES:
        wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * np.diag(counts)
        chosen = np.sort(np.argsort(-wrong, kind="stable")[:MOST_CLASSES])
        note = f": the {MOST_CLASSES} of {len(labels)} classes with the most mistakes"
        shares = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))[np.ix_(chosen, chosen)]
        counts, labels = counts[np.ix_(chosen, chosen)], [labels[index] for index in chosen]
    else:
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(labels)
    matrix = _Matrix(
        title=f"Confusion{note}",
        labels=labels,
        names=_shown(labels, _LETTERS if size <= 20 else _LETTERS_OF_MANY),
        counts=counts,
        shares=shares,
        side_in=max(2.4, 0.36 * size) if size <= _FEW else 2.6 + 0.175 * size,
    )
    names = _shown(labels, _LETTERS_NARROW)
    room_in = style.NARROW_IN - _BESIDE_IN - _LETTER_IN * _longest(names)
    narrow = replace(matrix, names=names, side_in=min(matrix.side_in, room_in))
    summary = _confusion_summary(evaluation)
    if matrix.width_in <= style.NARROW_IN or narrow.number_pt < _LEAST_NUMBER_PT:
        drawing = _draw(matrix)
        style.save_chart(drawing.figure, path, marks=drawing.marks, summary=summary)
    else:
        style.save_shapes(lambda shape: _draw(narrow if shape == "narrow" else matrix), path, summary=summary)


@dataclass(frozen=True)
class _Matrix:
    """What is drawn, and the side of the square in inches."""

    title: str
    labels: Sequence[str]
    names: Sequence[str]
    counts: Any
    shares: Any
    side_in: float

    @property
    def width_in(self) -> float:
        return max(3.2, self.side_in + _BESIDE_IN + _LETTER_IN * _longest(self.names))

    @property
    def height_in(self) -> float:
        return self.side_in + _BELOW_IN + _LETTER_IN * _longest(self.names)

    @property
    def number_pt(self) -> float:
        size, digits = len(self.labels), len(str(self.counts.max(initial=1)))
        return float(min(11.0 if size <= _FEW else 9.5 - size / 14, 72 * self.side_in / size / (_DIGIT_EM * digits)))


def _draw(matrix: _Matrix) -> style.Drawing:
    counts, labels, size = matrix.counts, matrix.labels, len(matrix.labels)
    figure = style.new_figure(matrix.width_in, matrix.height_in)
    axes = figure.subplots()
    style.tidy(axes, title=matrix.title, x="predicted class", y="true class")
    axes.grid(visible=False)
    _paint_shares(axes, matrix.shares)
    _name_classes(axes, matrix.names)
    marks = []
    for row, column in np.ndindex(size, size):
        if counts[row, column] or size <= _FEW:
            # Left out of the layout, which would measure every number and take a minute for fifty classes.
            axes.text(
                *(column, row, f"{counts[row, column]}"),
                ha="center",
                va="center",
                fontsize=matrix.number_pt,
                color=style.TEXT if counts[row, column] else style.GREY,
                in_layout=False,
            )
        if counts[row, column]:
            text = _cell_text(labels[row], labels[column], int(counts[row, column]), matrix.shares[row, column])
            marks.append(Mark(axes, (column - 0.5, column + 0.5), (row - 0.5, row + 0.5), text))
    return style.Drawing(figure, marks)


def _cell_text(truth: str, predicted: str, count: int, share: float) -> str:
    what = "taken for itself" if truth == predicted else f"taken for {named(predicted)}"
    return f"{named(truth)} {what}\n{count} of its samples, {share:.1%}"


def _confusion_summary(evaluation: Evaluation) -> str:
    counts = np.asarray(evaluation.confusion)
    line = f"{int(np.trace(counts))} of {int(counts.sum())} answers are right"
    if not evaluation.most_confused:
        return f"{line}."
    worst = evaluation.most_confused[0]
    return f"{line}; most often {named(worst.truth)} is taken for {named(worst.predicted)} ({worst.count})."


def _paint_shares(axes: Any, shares: Any) -> None:
    """Paint right answers blue and mistakes orange, on a scale of their own so that rare ones are seen.

    A share is how much of the paper its colour covers, so that the matrix is right on dark paper, too.
    """
    from matplotlib.patches import Rectangle

    wrong = shares - np.diag(np.diag(shares))
    deepest = max(float(wrong.max()), 1e-9)
    for row, column in zip(*np.nonzero(shares), strict=True):
        is_right = row == column
        depth = shares[row, column] * _RIGHT_DEPTH if is_right else shares[row, column] / deepest * _WRONG_DEPTH
        colour = style.BLUE if is_right else style.VERMILION
        cell = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=colour, alpha=float(depth), linewidth=0)
        cell.set_in_layout(False)
        axes.add_artist(cell)
    ends = (-0.5, len(shares) - 0.5)
    axes.set(xlim=ends, ylim=ends[::-1], aspect="equal")
    edges = np.arange(1, len(shares)) - 0.5
    axes.hlines(edges, *ends, color=style.FAINT, linewidth=0.6)
    axes.vlines(edges, *ends, color=style.FAINT, linewidth=0.6)


def _shown(labels: Sequence[str], limit: int) -> list[str]:
    return [style.shown(label, limit) for label in labels]


def _longest(names: Sequence[str]) -> int:
    return max((len(name) for name in names), default=0)


def _name_classes(axes: Any, names: Sequence[str]) -> None:
    size = len(names)
    axes.set_xticks(range(size), names)
    axes.set_yticks(range(size), names)
    axes.tick_params(which="major", labelsize=max(7.0, 9.0 - size / 25))
    if size > _FEW:
        axes.tick_params(axis="x", rotation=90)
    elif max(len(name) for name in names) > 6:
        axes.tick_params(axis="x", rotation=40)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
