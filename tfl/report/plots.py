"""All plots of a run, drawn into its folder as PNG files, with a record that says what each one shows."""

from __future__ import annotations

import dataclasses
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bundle import Bundle
from tfl.bundle.records import BUNDLE_FILE
from tfl.core.errors import UnsupportedError, UserError
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest
from tfl.data.preprocess import Floats, load_pixels, normalize
from tfl.report.charts import (
    draw_class_balance,
    draw_class_scores,
    draw_confusion,
    draw_curves,
    draw_rate_tests,
    draw_reliability,
)
from tfl.report.gradcam import grad_cam
from tfl.report.picture_grids import Tile, caption, draw_predictions, draw_tiles, draw_top_losses
from tfl.report.records import PLOTS_FILE, Plot, Plots
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
    "draw_predictions",
    "draw_reliability",
    "draw_saliency",
    "draw_top_losses",
    "pareto_front",
    "plots_for_evaluation",
    "read_rate_tests",
]

logger = logging.getLogger(__name__)

SHOWN_PREDICTIONS = 12
SHOWN_TOP_LOSSES = 12
_SALIENCY_RIGHT, _SALIENCY_WRONG = 4, 4
_SEED = 0
#: Title and description of every plot, in the order of the report.
_WORDS = {
    "predictions": (
        "What it answers",
        "{shown}, drawn at random, with the answer and its probability; where it is wrong the truth stands below.",
    ),
    "top_losses": (
        "The worst answers",
        "The pictures with the largest loss, worst first: look here for wrong labels and odd pictures.",
    ),
    "saliency": (
        "Where it looks",
        "Grad-CAM: bright places speak for the answer. Right answers first, then wrong ones.",
    ),
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
    folder, root, labels = RunFolder(run_dir).evaluation_dir, Path(manifest.root), evaluation.labels
    count = min(SHOWN_PREDICTIONS, len(paths))
    chosen = sorted(random.Random(_SEED).sample(range(len(paths)), count))  # noqa: S311 - which pictures to show

    def predictions(path: Path) -> None:
        files = [root / paths[index] for index in chosen]
        draw_predictions(files, [truth[index] for index in chosen], outputs[chosen], labels, path)

    def saliency(path: Path) -> None:
        draw_saliency(run_dir, path, truth=truth, outputs=outputs, paths=paths, root=root, labels=labels, model=model)

    def curves(path: Path) -> None:
        if not history:
            raise UnsupportedError("There is no training history.")
        draw_curves(history, path)

    draw: dict[str, Callable[[Path], None]] = {
        "predictions": predictions,
        "top_losses": lambda path: draw_top_losses(evaluation, root, path, count=SHOWN_TOP_LOSSES),
        "saliency": saliency,
        "confusion": lambda path: draw_confusion(evaluation, path),
        "class_scores": lambda path: draw_class_scores(evaluation, path),
        "reliability": lambda path: draw_reliability(evaluation, truth, outputs, path),
        "curves": curves,
        "class_balance": lambda path: draw_class_balance(manifest, path),
    }
    tests = read_rate_tests(run_dir)
    if tests:
        draw["rates"] = lambda path: draw_rate_tests(tests, path)
    said = {"shown": f"{count} of {len(paths)} {evaluation.split} pictures"}
    plots = (
        Plot(name=name, title=title, description=text.format(**said))
        for name, (title, text) in _WORDS.items()
        if name in draw
    )
    drawn = Plots(plots=tuple(draw_or_tell(plot, draw[plot.name], folder) for plot in plots))
    drawn.save(folder / PLOTS_FILE)
    return drawn


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


def draw_saliency(
    run_dir: Path,
    path: Path,
    *,
    truth: Sequence[int],
    outputs: Floats,
    paths: Sequence[str],
    root: Path,
    labels: Sequence[str],
    model: Any | None = None,
) -> None:
    """Draw Grad-CAM maps of some right and of the worst wrong answers, each for the class that was answered.

    Args:
        run_dir: The run; its bundle holds the preprocessing contract.
        path: The PNG.
        truth: Class indices.
        outputs: `(samples, classes)` float32.
        paths: POSIX paths below `root`.
        root: The data.
        labels: Class names.
        model: The Keras model; by default the run's bundle is opened.

    Raises:
        UnsupportedError: The model shows no feature maps, or there is no bundle.
        DataError: A picture can't be read any more.
    """
    bundle_dir = RunFolder(run_dir).bundle_dir
    if not (bundle_dir / BUNDLE_FILE).is_file():
        raise UnsupportedError("There is no bundle, so its preprocessing is not known.")
    bundle = Bundle.load(bundle_dir / BUNDLE_FILE)
    chosen = _saliency_samples(np.asarray(truth), outputs)
    pixels = np.stack([load_pixels(root / paths[index], bundle.preprocessing) for index in chosen])
    if model is None:
        from tfl.targets._keras import load_keras_model

        model = load_keras_model(bundle_dir, Bundle.open(bundle_dir))
    answers = outputs[chosen].argmax(axis=1)
    heats = grad_cam(model, normalize(pixels, bundle.preprocessing), [int(answer) for answer in answers])
    tiles = [
        Tile(
            pixels=picture,
            caption=caption(labels[truth[index]], labels[int(answer)], float(outputs[index].max())),
            right=truth[index] == answer,
            heat=heat,
        )
        for index, picture, answer, heat in zip(chosen, pixels, answers, heats, strict=True)
    ]
    draw_tiles(tiles, path)


def _saliency_samples(truth: Any, outputs: Floats) -> list[int]:
    """Take right answers at random and the wrong answers with the least probability of the truth."""
    right = outputs.argmax(axis=1) == truth
    good = np.flatnonzero(right).tolist()
    of_truth = outputs[np.arange(len(truth)), truth]
    bad = [int(index) for index in np.argsort(of_truth, kind="stable") if not right[index]][:_SALIENCY_WRONG]
    wanted = _SALIENCY_RIGHT + _SALIENCY_WRONG - len(bad)
    shown = random.Random(_SEED).sample(good, min(wanted, len(good)))  # noqa: S311 - which pictures to show
    return sorted(shown) + bad
