"""Plots of figures: training curves, scores per class, calibration, class balance."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfl.data.contract import Floats
from tfl.data.manifest import SPLITS, Manifest, SplitName
from tfl.report import _style as style
from tfl.report.chart_svg import Mark, named
from tfl.report.confusion_chart import MOST_CLASSES
from tfl.tasks import Evaluation, calibration_bins
from tfl.training.rate_finder import SETTLED_STEPS, RateTest

#: Width of a letter of a stage's name as a share of the curves' axes.
_LETTER_SHARE = 0.014
_STAGE_TITLES = {"instant": "instant", "head": "head", "fine_tune": "fine-tuning"}


def draw_curves(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw loss and accuracy over the epochs of all stages.

    Args:
        history: Rows with `stage`, `epoch`, `loss`, `accuracy`, `val_loss`, `val_accuracy`.
        path: The PNG.
    """
    style.save_shapes(lambda shape: _curves(history, shape), path, summary=_curves_summary(history))


def _curves(history: Sequence[Mapping[str, Any]], shape: style.Shape) -> style.Drawing:
    figure, panels = _panels(2, shape)
    epochs = np.arange(1, len(history) + 1)
    marks: list[Mark] = []
    for axes, key, title in zip(panels, ("loss", "accuracy"), ("Loss", "Accuracy"), strict=True):
        style.tidy(axes, title=title, x="epoch")
        marker = "o" if len(history) <= 15 else ""
        for name, label, colour, line in (
            (key, "training", style.BLUE, "--"),
            (f"val_{key}", "validation", style.VERMILION, "-"),
        ):
            values = [row[name] for row in history]
            axes.plot(epochs, values, line, color=colour, label=label, linewidth=1.8, marker=marker, markersize=3.5)
        _mark_stages(axes, history)
        axes.xaxis.get_major_locator().set_params(integer=True)
        style.legend(axes)
        marks += [
            Mark(axes, (epoch - 0.5, epoch + 0.5), None, _epoch_text(row, epoch, key))
            for epoch, row in enumerate(history, start=1)
        ]
    return style.Drawing(figure, marks)


def _panels(count: int, shape: style.Shape) -> tuple[Any, Sequence[Any]]:
    """Return a figure and its axes: beside each other, or on a phone below each other."""
    if shape == "narrow":
        figure = style.new_figure(style.NARROW_IN, 3.1 * count)
        return figure, figure.subplots(count, 1, squeeze=False)[:, 0]
    figure = style.new_figure(4.5 * max(2, count), 3.6)
    return figure, figure.subplots(1, count, squeeze=False)[0]


def _epoch_text(row: Mapping[str, Any], epoch: int, key: str) -> str:
    figures = [
        f"{label}: {_told(row[name])}"
        for label, name in ((f"training {key}", key), (f"validation {key}", f"val_{key}"))
    ]
    return "\n".join([f"epoch {epoch}, {_stage_title(row)}", *figures])


def _told(value: float | None) -> str:
    return "none" if value is None or not math.isfinite(value) else f"{value:.4f}"


def _stage_title(row: Mapping[str, Any]) -> str:
    return _STAGE_TITLES.get(str(row["stage"]), str(row["stage"]))


def _curves_summary(history: Sequence[Mapping[str, Any]]) -> str:
    losses = [(row["val_loss"], epoch) for epoch, row in enumerate(history, start=1) if row["val_loss"] is not None]
    finite = [item for item in losses if math.isfinite(item[0])]
    if not finite:
        return f"Loss and accuracy over {len(history)} epochs; there is no validation loss."
    lowest, epoch = min(finite)
    return (
        f"Over {len(history)} epochs the validation loss goes from {finite[0][0]:.4f} to {finite[-1][0]:.4f}; it is"
        f" lowest, {lowest:.4f}, in epoch {epoch}, where the validation accuracy is"
        f" {_told(history[epoch - 1]['val_accuracy'])}."
    )


def draw_rate_tests(tests: Mapping[str, RateTest], path: Path) -> None:
    """Draw the loss over the rates of each stage's range test, and the rate that was taken.

    Args:
        tests: By stage, in the order of training.
        path: The PNG.
    """
    taken = ", ".join(f"{test.chosen:.2g} for {_STAGE_TITLES.get(stage, stage)}" for stage, test in tests.items())
    summary = f"The loss while the learning rate rises; taken: {taken}."
    style.save_shapes(lambda shape: _rate_tests(tests, shape), path, summary=summary)


def _rate_tests(tests: Mapping[str, RateTest], shape: style.Shape) -> style.Drawing:
    figure, panels = _panels(len(tests), shape)
    marks: list[Mark] = []
    for axes, (stage, test) in zip(panels, tests.items(), strict=True):
        title = f"Range test: {_STAGE_TITLES.get(stage, stage)}"
        style.tidy(axes, title=title, x="learning rate", y="smoothed training loss")
        first = min(SETTLED_STEPS, len(test.losses) - 1)
        axes.plot(test.rates[: first + 1], test.losses[: first + 1], color=style.FAINT, linewidth=1.4)
        axes.plot(test.rates[first:], test.losses[first:], color=style.BLUE, linewidth=1.8)
        axes.axvline(test.chosen, color=style.VERMILION, linewidth=1.4, label=f"taken: {test.chosen:.2g}")
        axes.axvline(
            test.steepest, color=style.GREY, linewidth=1.1, linestyle=":", label=f"steepest: {test.steepest:.2g}"
        )
        axes.set_xscale("log")
        style.plain_powers(axes.xaxis)
        axes.set_ylim(*_range_before_divergence(test.losses[first:]))
        style.legend(axes, loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2)
        marks += [
            Mark(axes, ends, None, f"learning rate {rate:.3g}\nsmoothed training loss {loss:.4f}")
            for ends, rate, loss in zip(_between(test.rates), test.rates, test.losses, strict=True)
        ]
    return style.Drawing(figure, marks)


def _between(rates: Sequence[float]) -> list[tuple[float, float]]:
    """Return the ends of each rate's part of a logarithmic axis."""
    middles = [math.sqrt(low * high) for low, high in itertools.pairwise(rates)]
    return list(zip([rates[0], *middles], [*middles, rates[-1]], strict=True))


def _range_before_divergence(losses: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the axis: at full height, the climb at the end would flatten the fall that matters."""
    lowest = int(np.argmin(losses))
    low, high = losses[lowest], max(losses[: lowest + 1])
    room = max(high - low, 0.1 * abs(low), 1e-6)
    return max(low - 0.15 * room, 0.0), high + 0.4 * room


def _mark_stages(axes: Any, history: Sequence[Mapping[str, Any]]) -> None:
    starts = [i for i, row in enumerate(history) if i == 0 or row["stage"] != history[i - 1]["stage"]]
    if len(starts) < 2:
        return
    axes.margins(y=0.12)
    free, row = -math.inf, 0
    for index in starts:
        if index:
            axes.axvline(index + 0.5, color=style.GREY, linewidth=0.9, linestyle=":")
        name = _stage_title(history[index])
        # A stage of one epoch is narrower than its name, so the next name stands below.
        row = row + 1 if index < free else 0
        free = index + _LETTER_SHARE * len(name) * len(history)
        axes.annotate(
            name,
            xy=(index + 0.5 if index else 0.0, 1.0),
            xycoords=("data" if index else "axes fraction", "axes fraction"),
            xytext=(4, -2 - 10 * row),
            textcoords="offset points",
            va="top",
            fontsize=8.5,
            color=style.GREY,
        )


def draw_class_scores(evaluation: Evaluation, path: Path) -> None:
    """Draw the F1 of each class as bars, worst first, at most `MOST_CLASSES`."""
    rows = sorted(evaluation.per_class, key=lambda item: (item.f1, item.label))
    note = f": the {MOST_CLASSES} lowest of {len(rows)} classes" if len(rows) > MOST_CLASSES else ", lowest first"
    rows = rows[:MOST_CLASSES]
    figure = style.new_figure(4.4, 1.35 + 0.27 * len(rows))
    axes = figure.subplots()
    style.tidy(axes, title=f"F1 per class{note}", x="F1 (1 is best)")
    places = np.arange(len(rows))[::-1]
    axes.barh(places, [item.f1 for item in rows], height=0.68, color=style.BLUE)
    axes.set_yticks(places, [f"{style.shown(item.label)} ({item.support})" for item in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.axvline(evaluation.macro_f1, color=style.VERMILION, linewidth=1.2, linestyle="--")
    axes.set_xlabel(
        f"F1 (1 is best); dashed: mean {evaluation.macro_f1:.3f}\nin brackets: samples", fontsize=9, color=style.TEXT
    )
    axes.set_xlim(0.0, 1.0)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.grid(visible=False, axis="y")
    for place, item in zip(places, rows, strict=True):
        inside = item.f1 > 0.12
        x, colour = (0.01, style.ON_BAR) if inside else (item.f1 + 0.01, style.TEXT)
        axes.text(x, place, f"{item.f1:.3f}", va="center", fontsize=8.5, color=colour)
    marks = [
        Mark(
            axes,
            (0.0, 1.0),
            (place - 0.5, place + 0.5),
            f"{named(item.label)}\nF1 {item.f1:.4f}, precision {item.precision:.4f}, recall {item.recall:.4f}\n"
            f"{item.support} samples",
        )
        for place, item in zip(places, rows, strict=True)
    ]
    worst = f"; lowest is {named(rows[0].label)} with {rows[0].f1:.3f}" if rows else ""
    summary = f"The mean F1 of {len(evaluation.per_class)} classes is {evaluation.macro_f1:.3f}{worst}."
    style.save_chart(figure, path, marks=marks, summary=summary)


def draw_reliability(evaluation: Evaluation, truth: Sequence[int], outputs: Floats, path: Path) -> None:
    """Draw accuracy against confidence in equal bins, with the number of samples in each.

    Args:
        evaluation: For the calibration error.
        truth: Class indices.
        outputs: `(samples, classes)` float32 in [0, 1].
        path: The PNG.
    """
    counts, confidence, accuracy = calibration_bins(truth, outputs)
    bins, filled = len(counts), counts > 0
    figure = style.new_figure(4.4, 4.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    style.tidy(upper, title=f"Calibration: error {evaluation.calibration_error:.3f}", y="accuracy")
    upper.plot([0, 1], [0, 1], linestyle="--", color=style.GREY, linewidth=1, label="as sure as it is right")
    centres = (np.arange(bins) + 0.5) / bins
    upper.bar(
        *(centres[filled], accuracy[filled]),
        width=0.9 / bins,
        color=style.BLUE,
        alpha=0.35,
        label="accuracy in the bin",
    )
    upper.plot(
        *(confidence[filled], accuracy[filled], "o"),
        color=style.VERMILION,
        markersize=4.5,
        label="mean confidence",
        clip_on=False,
    )
    upper.set(xlim=(0, 1), ylim=(0, 1.05))
    style.legend(figure, loc="outside lower center", ncols=2)
    style.tidy(lower, x="confidence: probability of the predicted class", y="samples")
    lower.bar(centres, counts, width=0.9 / bins, color=style.GREY)
    lower.yaxis.get_major_locator().set_params(integer=True, nbins=3)
    marks = [
        Mark(
            axes,
            (index / bins, (index + 1) / bins),
            None,
            f"confidence {index / bins:.2f} to {(index + 1) / bins:.2f}: {counts[index]} samples\n"
            f"mean confidence {confidence[index]:.3f}, accuracy {accuracy[index]:.3f}",
        )
        for axes in (upper, lower)
        for index in np.flatnonzero(filled)
    ]
    sure, right = (float(np.average(values[filled], weights=counts[filled])) for values in (confidence, accuracy))
    summary = f"On average the model is {sure:.1%} sure and {right:.1%} right over {int(counts.sum())} answers."
    style.save_chart(figure, path, marks=marks, summary=summary)


def draw_class_balance(manifest: Manifest, path: Path) -> None:
    """Draw how many samples each class has, by split; of more than `MOST_CLASSES` the largest and smallest."""
    counts = {label: dict.fromkeys((*SPLITS, None), 0) for label in manifest.labels}
    for example in manifest.examples:
        counts[example.label][example.split] += 1
    labels = sorted(counts, key=lambda label: -sum(counts[label].values()))
    note = ""
    if len(labels) > MOST_CLASSES:
        half = MOST_CLASSES // 2
        note = f": the {half} largest and {half} smallest of {len(labels)} classes"
        labels = labels[:half] + labels[-half:]
    figure = style.new_figure(4.4, 1.45 + 0.27 * len(labels))
    axes = figure.subplots()
    style.tidy(axes, title=f"Samples per class{note}", x="samples")
    places, left = np.arange(len(labels))[::-1], np.zeros(len(labels))
    parts: tuple[tuple[SplitName | None, str], ...] = (
        ("train", style.BLUE),
        ("validation", style.ORANGE),
        ("test", style.GREEN),
        (None, style.GREY),
    )
    for split, colour in parts:
        widths = np.asarray([counts[label][split] for label in labels])
        if widths.any():
            name = split or "no split"
            axes.barh(places, widths, left=left, height=0.68, color=colour, label=f"{name}: {widths.sum()}")
            left += widths
    axes.set_yticks(places, [style.shown(label) for label in labels])
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.08)
    for place, total in zip(places, left, strict=True):
        axes.annotate(
            *(f"{int(total)}", (total, place), (3, 0)),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=style.TEXT,
        )
    style.legend(figure, loc="outside lower center", ncols=4)
    marks = [
        Mark(axes, (0.0, float(total)), (place - 0.5, place + 0.5), _balance_text(label, counts[label]))
        for place, total, label in zip(places, left, labels, strict=True)
    ]
    style.save_chart(figure, path, marks=marks, summary=_balance_summary(manifest))


def _balance_text(label: str, counts: Mapping[SplitName | None, int]) -> str:
    parts = [f"{split or 'no split'}: {count}" for split, count in counts.items() if count]
    return "\n".join([f"{named(label)}: {sum(counts.values())} samples", ", ".join(parts)])


def _balance_summary(manifest: Manifest) -> str:
    counts = Counter(example.label for example in manifest.examples)
    if not counts:
        return "There are no samples."
    (largest, most), (smallest, fewest) = counts.most_common()[0], counts.most_common()[-1]
    return (
        f"{counts.total()} samples in {len(manifest.labels)} classes; the largest is {named(largest)} with {most}, the"
        f" smallest {named(smallest)} with {fewest}."
    )
