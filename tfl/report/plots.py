"""All plots of a run, drawn into its folder as PNG files, with a record that says what each one shows."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tfl.bundle import Bundle
from tfl.bundle.records import BUNDLE_FILE
from tfl.core.errors import UnsupportedError, UserError
from tfl.core.run_folder import RunFolder
from tfl.data.contract import Floats
from tfl.data.kinds import KINDS
from tfl.data.manifest import Manifest
from tfl.report.charts import (
    draw_class_balance,
    draw_class_scores,
    draw_curves,
    draw_rate_tests,
    draw_reliability,
)
from tfl.report.confusion_chart import draw_confusion
from tfl.report.evidence import EVIDENCE, Answered, Evidence
from tfl.report.records import PASSAGES_FILE, PLOTS_FILE, Plot, Plots, ShownPassages
from tfl.report.speed_chart import draw_accuracy_latency, pareto_front
from tfl.tasks import Evaluation
from tfl.training.rate_finder import RateTest

__all__ = [
    "draw_accuracy_latency",
    "draw_class_balance",
    "draw_class_scores",
    "draw_confusion",
    "draw_curves",
    "draw_or_tell",
    "draw_reliability",
    "pareto_front",
    "plots_for_evaluation",
    "read_rate_tests",
]

logger = logging.getLogger(__name__)

#: How many samples each grid or list shows at most.
SHOWN_SAMPLES = 12
#: Title and description of every plot, in the order of the report.
_WORDS = {
    "confusion": (
        "What it takes for what",
        "Confusion matrix: rows are the true classes, columns the answers; numbers are counts.",
    ),
    "class_scores": ("Scores per class", "F1 of each class, lowest first."),
    "reliability": (
        "Can its confidence be trusted?",
        "Accuracy against confidence: bars under the dashed line mean that it is surer than it should be.",
    ),
    "curves": ("Training", "Loss and accuracy over the epochs, on training and validation data."),
    "rates": (
        "Which learning rate",
        "Range tests: the smoothed loss while the rate rises from step to step; the line is the rate that was taken.",
    ),
    "class_balance": ("The data", "Samples per class and split."),
}


def plots_for_evaluation(
    run_dir: Path,
    evaluation: Evaluation,
    *,
    manifest: Manifest,
    truth: Sequence[int],
    outputs: Floats,
    paths: Sequence[str],
    history: Sequence[Mapping[str, Any]],
    model: Any | None = None,
) -> Plots:
    """Draw every plot of the test split into `<run>/evaluation/` and write `plots.json` beside them.

    Of texts, which are no pictures, `passages.json` holds what is shown.

    Args:
        run_dir: The run.
        evaluation: Of the float model.
        manifest: With splits; its root holds the pictures.
        truth: Class index of each sample.
        outputs: `(samples, classes)` float32 probabilities.
        paths: POSIX paths below the manifest's root.
        history: Rows of the training log; empty leaves the curves out.
        model: The Keras model for the saliency maps; by default the run's bundle is opened.

    Returns:
        What was drawn, and why the rest was not.
    """
    folder = RunFolder(run_dir).evaluation_dir
    answered = Answered(run_dir, evaluation, manifest, truth, outputs, paths, model)
    evidence = EVIDENCE.get(manifest.kind)

    def curves(path: Path) -> None:
        if not history:
            raise UnsupportedError("There is no training history.")
        draw_curves(history, path)

    draw: dict[str, Callable[[Path], None]] = {
        **evidence.plots(answered, SHOWN_SAMPLES),
        "confusion": lambda path: draw_confusion(evaluation, path),
        "class_scores": lambda path: draw_class_scores(evaluation, path),
        "reliability": lambda path: draw_reliability(evaluation, truth, outputs, path),
        "curves": curves,
        "class_balance": lambda path: draw_class_balance(manifest, path),
    }
    tests = read_rate_tests(run_dir)
    if tests:
        draw["rates"] = lambda path: draw_rate_tests(tests, path)
    nouns, count = KINDS.get(manifest.kind).nouns, min(SHOWN_SAMPLES, len(paths))
    said = {"shown": f"{count} of {len(paths)} {evaluation.split} {nouns}"}
    plots = (
        Plot(name=name, title=title, description=text.format(**said))
        for name, (title, text) in {**evidence.words, **_WORDS}.items()
        if name in draw
    )
    drawn = Plots(plots=tuple(draw_or_tell(plot, draw[plot.name], folder) for plot in plots))
    drawn.save(folder / PLOTS_FILE)
    _write_passages(answered, evidence, folder)
    return drawn


def _write_passages(answered: Answered, evidence: Evidence, folder: Path) -> None:
    bundle_dir = RunFolder(answered.run_dir).bundle_dir
    if not (bundle_dir / BUNDLE_FILE).is_file():
        return
    passages = evidence.passages(answered, Bundle.load(bundle_dir / BUNDLE_FILE).preprocessing, SHOWN_SAMPLES)
    if passages:
        ShownPassages(passages=passages).save(folder / PASSAGES_FILE)


def read_rate_tests(run_dir: Path) -> dict[str, RateTest]:
    """Return the range tests of a run by stage, in the order of training; empty where there were none."""
    files = RunFolder(run_dir).training_dir.glob("rate-*.json")
    tests = {file.stem.removeprefix("rate-"): RateTest.load(file) for file in files}
    return dict(sorted(tests.items(), key=lambda item: (item[0] != "head", item[0])))


def draw_or_tell(plot: Plot, draw: Callable[[Path], None], folder: Path) -> Plot:
    """Draw a plot into a folder; return it, with the reason where it can't be drawn."""
    try:
        draw(folder / plot.file)
    except UserError as error:
        # A picture less is no reason to lose an evaluation; the report says what is missing and why.
        logger.warning("%s is not drawn: %s", plot.name, error)
        return dataclasses.replace(plot, missing=f"{error.message} {error.hint}".strip())
    return plot
