"""What a cross-validation found, scored over all pictures and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfl.core.run_folder import RunFolder
from tfl.report import _style as style
from tfl.report.chart_svg import point
from tfl.report.confusion_chart import draw_confusion
from tfl.report.plots import draw_or_tell
from tfl.report.records import PLOTS_FILE, SCORES_FILE, Plot, Plots
from tfl.tasks import TASKS, Evaluation
from tfl.training.cross_validation import PREDICTIONS_FILE, CrossValidation, Predictions

#: Share of the step between two folds that the points of several repeats are moved apart by.
_APART = 0.5


def score_and_draw_folds(run: RunFolder, result: CrossValidation, *, task: str, labels: Sequence[str]) -> Evaluation:
    """Score the out-of-fold answers and write `out_of_fold.json`, two plots and `plots.json` into the run's `folds`.

    Args:
        run: With `folds/predictions.npz`.
        result: Of its cross-validation.
        task: Name of the task.
        labels: Of the manifest, in its order.

    Raises:
        IntegrityError: The answers are missing or damaged.
    """
    answers = Predictions.load(run.folds_dir / PREDICTIONS_FILE)
    scores = TASKS.get(task).score(
        answers.truth, answers.outputs, labels=labels, paths=answers.paths, split="out of fold", model="folds"
    )
    scores.save(run.folds_dir / SCORES_FILE)
    several = " The points of each repeat stand side by side." if result.repeats > 1 else ""
    folds = Plot(
        name="folds",
        title="Fold by fold",
        description=f"The {result.metric_name} of each fold; line and band are the mean and its interval.{several}",
    )
    confusion = Plot(
        name="confusion",
        title="What models take for what that had not seen the sample",
        description="Confusion matrix of all out-of-fold answers: rows are the true classes, columns the answers.",
    )
    drawn = (
        draw_or_tell(folds, lambda path: draw_folds(result, path), run.folds_dir),
        draw_or_tell(confusion, lambda path: draw_confusion(scores, path), run.folds_dir),
    )
    Plots(plots=drawn).save(run.folds_dir / PLOTS_FILE)
    return scores


def draw_folds(result: CrossValidation, path: Path) -> None:
    """Draw the metric of each fold, their mean, and its interval.

    Args:
        result: Of the cross-validation.
        path: The PNG.
    """
    summary = (
        f"The mean {result.metric_name} of {len(result.folds)} folds is {result.mean:.3f}, with a"
        f" {result.confidence * 100:g} % interval from {result.low:.3f} to {result.high:.3f}."
    )
    style.save_shapes(lambda shape: _folds(result, shape), path, summary=summary)


def _folds(result: CrossValidation, shape: style.Shape) -> style.Drawing:
    figure = style.new_figure(style.NARROW_IN if shape == "narrow" else 6.0, 3.4)
    axes = figure.subplots()
    style.tidy(axes, title=f"{result.metric_name.capitalize()} by fold", x="fold", y=result.metric_name)
    axes.axhspan(
        result.low,
        result.high,
        color=style.SKY,
        alpha=0.25,
        linewidth=0,
        label=f"{result.confidence * 100:g} % interval: {result.low:.3f} to {result.high:.3f}",
    )
    axes.axhline(result.mean, color=style.TEXT, linewidth=1.2, linestyle="--", label=f"mean: {result.mean:.3f}")
    marks = []
    for repeat in range(result.repeats):
        items = [item for item in result.folds if item.repeat == repeat]
        shift = _APART * ((repeat + 0.5) / result.repeats - 0.5)
        label = f"repeat {repeat + 1}" if result.repeats > 1 else ""
        places = [item.fold + 1 + shift for item in items]
        colour = style.SERIES[repeat % len(style.SERIES)]
        axes.plot(places, [item.metric for item in items], "o", color=colour, markersize=6.5, label=label)
        which = f"repeat {repeat + 1}, " if result.repeats > 1 else ""
        marks += [
            point(
                axes,
                (place, item.metric),
                f"{which}fold {item.fold + 1}\n{result.metric_name} {item.metric:.4f} on {item.scored_samples} samples",
            )
            for place, item in zip(places, items, strict=True)
        ]
    axes.set_xlim(0.4, result.k + 0.6)
    axes.set_xticks(range(1, result.k + 1))
    axes.margins(y=0.15)
    style.name_shares_only(axes.yaxis, [result.low, result.high, *(item.metric for item in result.folds)])
    style.legend(figure, loc="outside lower center", ncols=1 if shape == "narrow" else 3)
    return style.Drawing(figure, marks)
