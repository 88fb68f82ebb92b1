"""MixUp and CutMix: pictures of a batch mixed with others of it, and their labels in the same shares."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tfl.core.augmentation import AugmentConfig
from tfl.data.contract import Floats

Mix = Callable[[Floats, Floats, int, int], tuple[Floats, Floats]]

#: Last number of the entropy, so that mixing shares no draw with layers and boxes.
_ENTROPY = 1002


def make_mixer(values: AugmentConfig, *, seed: int) -> Mix | None:
    """Return `(inputs, label rows, epoch, batch index) -> (inputs, label rows)`, or None where nothing is mixed.

    Inputs are `(batch, height, width, 3)` float32 after augmentation, label rows `(batch, classes)` float32 that
    need not sum to 1: rows that were multiplied by class weights are mixed right too, because cross-entropy is
    linear in them. Each picture has one partner, by a permutation of the batch. Both mixings commute with the
    contract's normalization.

    MixUp (Zhang et al., "mixup: Beyond empirical risk minimization", 2017) adds two pictures with shares lambda and
    1 - lambda, lambda from Beta(alpha, alpha), one per picture. CutMix (Yun et al., "CutMix", 2019) pastes a box
    of the partner with 1 - lambda of the area, whole pixels inside the picture, and counts its pixels. Where both are
    on, each batch takes one of them, with the same chance.

    Args:
        values: Resolved.
        seed: Of the draws, which follow from it, the epoch and the batch index alone.
    """
    if not values.mixes:
        return None

    def mix(inputs: Floats, rows: Floats, epoch: int, index: int) -> tuple[Floats, Floats]:
        generator = np.random.default_rng([seed, epoch, index, _ENTROPY])
        partner = generator.permutation(len(inputs))
        pasted = generator.random() < 0.5 if values.mixup and values.cutmix else bool(values.cutmix)
        alpha = (values.cutmix if pasted else values.mixup) or 0.0
        kept = generator.beta(alpha, alpha, size=len(inputs))
        if pasted:
            inputs, kept = _paste(inputs, partner, kept, generator)
        else:
            share = kept[:, None, None, None].astype(np.float32)
            inputs = share * inputs + (1 - share) * inputs[partner]
        share = kept[:, None].astype(np.float32)
        return inputs, share * rows + (1 - share) * rows[partner]

    return mix


def _paste(
    inputs: Floats, partner: npt.NDArray[np.int64], kept: npt.NDArray[np.float64], generator: np.random.Generator
) -> tuple[Floats, npt.NDArray[np.float64]]:
    """Paste a box of each partner; return the pictures and the share of pixels that each kept."""
    height, width = inputs.shape[1:3]
    side = np.sqrt(1.0 - kept)
    box_height, box_width = np.rint(side * height).astype(int), np.rint(side * width).astype(int)
    top, left = generator.integers(0, height - box_height + 1), generator.integers(0, width - box_width + 1)
    result = inputs.copy()
    for row, other in enumerate(partner):
        place = (slice(top[row], top[row] + box_height[row]), slice(left[row], left[row] + box_width[row]))
        result[row][place] = inputs[other][place]
    return result, 1.0 - box_height * box_width / (height * width)
