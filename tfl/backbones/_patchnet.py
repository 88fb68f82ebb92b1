"""The network of `embedded:patchnet`: banks of patch filters at several scales, averaged over regions of a picture.

One layer of many filters, found by clustering whitened patches without labels and read out linearly, is the
recipe of Coates, Ng and Lee (2011, "An analysis of single-layer networks in unsupervised feature learning").
Everything is a convolution, a ReLU or an average, so that every target quantizes it whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfl.backbones._regions import REGIONS, regions

if TYPE_CHECKING:
    import keras

#: Height and width that the network is made for, in pixels.
NATIVE_SIZE = 96
#: Below this the maps would have less than four by four places.
MIN_SIZE = 32


@dataclass(frozen=True, kw_only=True)
class Bank:
    """The filters of one scale.

    Attributes:
        name: Of the scale, which is the one before at half the size.
        patch: Height and width of a filter, in places of this scale.
        filters: How many there are.
        stride: Places between two patches.
        pool: The answers are averaged over squares of so many places, so that all banks end at an eighth.
        levels: Whether the last six filters are how far red, green and blue are above, and below, the middle grey.
    """

    name: str
    patch: int
    filters: int
    stride: int
    pool: int
    levels: bool = False


#: A patch spans 12, 24 and 32 pixels of the picture.
BANKS = (
    Bank(name="half", patch=6, filters=256, stride=2, pool=2),
    Bank(name="quarter", patch=6, filters=256, stride=1, pool=2),
    Bank(name="eighth", patch=4, filters=128, stride=1, pool=1, levels=True),
)
#: Rows and columns of the maps, at the beginning and at the end, whose patches reach beyond the picture.
BORDER = (1, 2)
#: Maps of fewer rows keep their border, for there would be too little left.
_LEAST_INNER = 4
#: What every filter answers to drawn pictures on average.
USUAL_MEAN = 0.25
#: What the layers of the gains are named after.
GAIN_NAMES = ("low", "middle", "high")
#: Gains before three ReLU6, which stop growing at once, four times and sixteen times the usual mean.
GAINS = (6.0 / USUAL_MEAN, 6.0 / (4 * USUAL_MEAN), 6.0 / (16 * USUAL_MEAN))
#: Length of the output vector.
FEATURE_SIZE = REGIONS * sum(bank.filters for bank in BANKS)


def parameter_count() -> int:
    """Return the number of weights, counted from the table of banks."""
    return sum(bank.filters * (bank.patch * bank.patch * 3 + 1 + len(GAINS)) for bank in BANKS)


def build(*, image_size: int = NATIVE_SIZE) -> keras.Model:
    """Build the network with fresh weights: `(batch, image_size, image_size, 3)` in [-1, 1] -> `(batch, 3200)`.

    The layers of a bank are named after it: `half_input`, `half_conv`, `half_relu`, `half_maps`. All maps side by
    side are the output of `maps`, `(batch, 9, 9, 640)` at 96 pixels. The dtype policy that is active applies.
    """
    import keras

    inputs = keras.Input((image_size, image_size, 3), name="image")
    return keras.Model(inputs, keras.layers.Flatten(name="features")(answers(inputs)), name="patchnet")


def answers(inputs: Any) -> Any:
    """Return the features before they are one vector: `(batch, 5, 1, 640)`."""
    return compressed(regions(maps_of(inputs)))


def maps_of(inputs: Any) -> Any:
    """Return what all filters answer, side by side: `(batch, 9, 9, 640)` at 96 pixels."""
    import keras

    scale, maps = inputs, []
    for bank in BANKS:
        scale = keras.layers.AveragePooling2D(2, padding="same", name=f"{bank.name}_input")(scale)
        maps.append(_answers_of(scale, bank))
    x = keras.layers.Concatenate(name="all_maps")(maps)
    if x.shape[1] - sum(BORDER) >= _LEAST_INNER:
        x = keras.layers.Cropping2D((BORDER, BORDER), name="maps")(x)
    return x


def _answers_of(scale: Any, bank: Bank) -> Any:
    import keras

    x = keras.layers.Conv2D(
        bank.filters,
        bank.patch,
        strides=bank.stride,
        padding="same",
        kernel_initializer="he_uniform",
        name=f"{bank.name}_conv",
    )(scale)
    x = keras.layers.ReLU(max_value=6.0, name=f"{bank.name}_relu")(x)
    if bank.pool == 1:
        return x
    return keras.layers.AveragePooling2D(bank.pool, padding="same", name=f"{bank.name}_maps")(x)


def compressed(means: Any, *, prefix: str = "") -> Any:
    """Add up ReLU6 of three gains: a curve like a logarithm, under which a rare answer counts beside frequent ones.

    The layers' names begin with `prefix`.
    """
    import keras

    steps = []
    for name, gain in zip(GAIN_NAMES, GAINS, strict=True):
        x = keras.layers.DepthwiseConv2D(
            1, use_bias=False, depthwise_initializer=keras.initializers.Constant(gain), name=f"{prefix}{name}_gain"
        )(means)
        steps.append(keras.layers.ReLU(max_value=6.0, name=f"{prefix}{name}_relu")(x))
    # One addition of all three would be two in TFLite, and what is between them had no range of its own.
    x = keras.layers.Add(name=f"{prefix}low_and_middle")(steps[:2])
    return keras.layers.Add(name=f"{prefix}compressed")([x, steps[2]])
