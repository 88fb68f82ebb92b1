"""Pictures with answers: grids of them, and where the model looked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tfl.bundle import Bundle
from tfl.bundle.records import BUNDLE_FILE
from tfl.compress.ladder_records import Ladder
from tfl.core.errors import UnsupportedError
from tfl.core.run_folder import RunFolder
from tfl.data.contract import Floats
from tfl.data.manifest import Manifest
from tfl.data.preprocess import as_pictures, normalize
from tfl.report.evidence._base import SHOWN_FLIPS, Answered, Evidence, chosen_at_random
from tfl.report.gradcam import grad_cam
from tfl.report.picture import Picture
from tfl.report.picture_grids import caption, draw_predictions, draw_tiles, draw_top_losses, thumbnail
from tfl.report.tiles import Tile
from tfl.tasks import Evaluation


class PictureEvidence(Evidence):
    """Grids of pictures as PNG files, and Grad-CAM maps."""

    words: ClassVar = {
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
    }

    def plots(self, answered: Answered, count: int) -> dict[str, Callable[[Path], None]]:
        """See `Evidence.plots`."""

        def predictions(path: Path) -> None:
            chosen = chosen_at_random(len(answered.paths), count)
            files = [answered.root / answered.paths[index] for index in chosen]
            truth = [answered.truth[index] for index in chosen]
            draw_predictions(files, truth, answered.outputs[chosen], answered.labels, path)

        return {
            "predictions": predictions,
            "top_losses": lambda path: draw_top_losses(answered.evaluation, answered.root, path, count=count),
            "saliency": lambda path: draw_saliency(answered, path),
        }

    def show_answers(
        self, sources: Sequence[Any], truth: Sequence[int], outputs: Floats, labels: Sequence[str], path: Path
    ) -> Picture:
        """See `Evidence.show_answers`."""
        draw_predictions(sources, truth, outputs, labels, path)
        return Picture(path)

    def show_losses(self, evaluation: Evaluation, manifest: Manifest, path: Path, *, count: int) -> Picture:
        """See `Evidence.show_losses`."""
        draw_top_losses(evaluation, Path(manifest.root), path, count=count)
        return Picture(path)

    def show_flipped(self, ladder: Ladder, manifest: Manifest, path: Path) -> Picture:
        """See `Evidence.show_flipped`; both answers, those that float was surest of first."""
        tiles = [
            Tile(
                thumbnail(Path(manifest.root) / item.path),
                f"float: {caption(item.truth, item.float_answer, item.float_probability)}\n"
                f"int: {caption(item.truth, item.answer, item.probability)}",
                item.truth == item.answer,
            )
            for item in ladder.flipped[:SHOWN_FLIPS]
        ]
        draw_tiles(tiles, path)
        return Picture(path)


def draw_saliency(answered: Answered, path: Path) -> None:
    """Draw Grad-CAM maps of some right and of the worst wrong answers, each for the class that was answered.

    Args:
        answered: The samples; the run's bundle holds the preprocessing contract.
        path: The PNG.

    Raises:
        UnsupportedError: The model shows no feature maps, or there is no bundle.
        DataError: A picture can't be read any more.
    """
    bundle_dir, model = RunFolder(answered.run_dir).bundle_dir, answered.model
    if not (bundle_dir / BUNDLE_FILE).is_file():
        raise UnsupportedError("There is no bundle, so its preprocessing is not known.")
    bundle = Bundle.load(bundle_dir / BUNDLE_FILE)
    chosen, labels = answered.explained(), answered.labels
    contract = as_pictures(bundle.preprocessing, purpose="Saliency")
    pixels = np.stack([contract.read(answered.root / answered.paths[index]) for index in chosen])
    if model is None:
        from tfl.targets._keras import load_keras_model

        model = load_keras_model(bundle_dir, Bundle.open(bundle_dir))
    answers = answered.outputs[chosen].argmax(axis=1)
    heats = grad_cam(model, normalize(pixels, contract), [int(answer) for answer in answers])
    truth = answered.truth
    tiles = [
        Tile(
            pixels=picture,
            caption=caption(labels[truth[index]], labels[int(answer)], float(answered.outputs[index].max())),
            right=truth[index] == answer,
            heat=heat,
        )
        for index, picture, answer, heat in zip(chosen, pixels, answers, heats, strict=True)
    ]
    draw_tiles(tiles, path)


EVIDENCE = PictureEvidence()
