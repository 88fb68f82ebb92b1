"""Random resized crop with presizing: training pictures are kept larger, and each draw cuts a box and resizes it once.

The box's shape is drawn as in Szegedy et al., "Going deeper with convolutions" (2015): a share of the area, and a
ratio of the sides that is uniform in its logarithm.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

from tfl.core.augmentation import AugmentConfig
from tfl.data.decode import Pixels
from tfl.data.preprocess import FILTERS, ImagePreprocessing

Crop = Callable[[Pixels, int, int], Pixels]

#: How much larger than the model's input training pictures are kept: a box of 0.59 of the area then still has
#: every pixel that the input needs, and the store takes 1.7 times the room.
PRESIZE = 1.3
_DEFAULT_RATIO = (3 / 4, 4 / 3)
#: Last number of the entropy, so that boxes share no draw with the layers, which have their position there.
_ENTROPY = 1001


def presized(contract: ImagePreprocessing) -> ImagePreprocessing:
    """Return the contract of the larger pictures that boxes are cut from: same method, `PRESIZE` times the size."""
    return dataclasses.replace(contract, height=round(contract.height * PRESIZE), width=round(contract.width * PRESIZE))


def make_cropper(values: AugmentConfig, contract: ImagePreprocessing, *, seed: int) -> Crop:
    """Return `(batch, epoch, batch index) -> (batch, height, width, 3)` uint8 of the contract's size.

    Without `crop_scale` it returns the batch as it is.

    Args:
        values: Resolved.
        contract: Of the model; its interpolation, which is anti-aliased, resizes the box.
        seed: Of the draws, which follow from it, the epoch and the batch index alone.
    """
    scale = values.crop_scale
    if scale is None:
        return lambda batch, epoch, index: batch
    ratio = values.crop_ratio or _DEFAULT_RATIO
    size = (contract.width, contract.height)
    resample = FILTERS[contract.interpolation]

    def crop(batch: Pixels, epoch: int, index: int) -> Pixels:
        generator = np.random.default_rng([seed, epoch, index, _ENTROPY])
        boxes = draw_boxes(len(batch), size=batch.shape[1:3], scale=scale, ratio=ratio, generator=generator)
        result = np.empty((len(batch), contract.height, contract.width, 3), dtype=np.uint8)
        for row, box in enumerate(boxes):
            left, top, right, bottom = map(float, box)
            picture = Image.fromarray(batch[row]).resize(size, resample, box=(left, top, right, bottom))
            result[row] = np.asarray(picture)
        return result

    return crop


def draw_boxes(
    count: int,
    *,
    size: tuple[int, ...],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    generator: np.random.Generator,
) -> npt.NDArray[np.float64]:
    """Draw boxes inside a picture: `(count, 4)` float64 left, top, right, bottom in pixels.

    Every box has its share of the area exactly. Its ratio of the sides is drawn from those that fit; where the
    range holds none that fits, it is the closest one that does.

    Args:
        count: How many.
        size: Height and width of the picture, in pixels.
        scale: Smallest and largest share of the area, in (0, 1].
        ratio: Smallest and largest width / height, as a factor on the picture's own.
        generator: Of the draws.
    """
    height, width = size
    share = generator.uniform(*scale, size=count)
    # A box of share s and relative ratio r has sqrt(s r) of the width and sqrt(s / r) of the height.
    least, most = (np.clip(bound, share, 1.0 / share) for bound in ratio)
    drawn = np.exp(generator.uniform(np.log(least), np.log(most)))
    box_width = np.minimum(width, width * np.sqrt(share * drawn))
    box_height = np.minimum(height, height * np.sqrt(share / drawn))
    left = generator.uniform(size=count) * (width - box_width)
    top = generator.uniform(size=count) * (height - box_height)
    right, bottom = np.minimum(left + box_width, width), np.minimum(top + box_height, height)
    return np.stack([left, top, right, bottom], axis=1)
