"""The network of `embedded:leafnet`: plain convolutions with shortcuts, taught by contrast on drawn pictures.

Two crops of one picture shall have features that are more alike than those of different pictures (SimCLR: Chen et al.,
2020, arXiv:2002.05709). The pictures are leaves laid over each other, cut out of drawings and of what networks with
random weights make of noise (dead leaves and such networks: Baradad et al., 2021, arXiv:2106.05963). Shortcuts are
ResNet's (He et al., 2016, arXiv:1512.03385).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfl.backbones._regions import REGIONS, regions

if TYPE_CHECKING:
    import keras

#: Height and width that the network is made for, in pixels.
NATIVE_SIZE = 96
#: Below this the last maps would have less than two by two places.
MIN_SIZE = 32
#: Filters of the first convolution and its height and width; it halves the size, as each stage does.
STEM_FILTERS, STEM_PLACES = 32, 5
#: Filters of stage_1, stage_2, ...: 96 -> 48 -> 24 -> 12 -> 6 pixels.
STAGES = (48, 96, 192)
#: The last stages, whose maps are averaged: coarse ones tell what photos show, finer ones colours and surfaces.
ANSWERING = 2
#: Length of the output vector.
FEATURE_SIZE = REGIONS * sum(STAGES[-ANSWERING:])
#: Batch statistics move over about 50 steps, so that a short training leaves good ones.
BATCH_NORM_MOMENTUM = 0.98


def parameter_count() -> int:
    """Return the number of weights, the statistics of BatchNorm included, counted from the table of stages."""
    count, channels = (STEM_PLACES**2 * 3 + 4) * STEM_FILTERS, STEM_FILTERS
    for filters in STAGES:
        count += (9 * channels + 4) * filters + 2 * (9 * filters + 4) * filters
        channels = filters
    return count


def build(*, image_size: int = NATIVE_SIZE) -> keras.Model:
    """Build the network with fresh weights: `(batch, image_size, image_size, 3)` in [-1, 1] -> `(batch, 1440)`.

    Layers are named `stem_...` and `stage_1_down_...`, `stage_1_first_...`, `stage_1_second_...` to `stage_3_...`; the
    maps of a stage are the output of its `..._second_relu`. The dtype policy that is active applies.
    """
    import keras

    inputs = keras.Input((image_size, image_size, 3), name="image")
    return keras.Model(inputs, keras.layers.Flatten(name="features")(means_of(inputs)), name="leafnet")


def means_of(inputs: Any) -> Any:
    """Return the features before they are one vector: `(batch, 5, 1, 288)`."""
    import keras

    names = [f"stage_{number}" for number in range(1, len(STAGES) + 1)][-ANSWERING:]
    means = [regions(maps, prefix=f"{name}_") for name, maps in zip(names, maps_of(inputs)[-ANSWERING:], strict=True)]
    return keras.layers.Concatenate(name="both_regions")(means)


def maps_of(inputs: Any) -> list[Any]:
    """Return the maps of all stages: `(batch, 24, 24, 48)` to `(batch, 6, 6, 192)` at 96 pixels."""
    x = _layer(inputs, "stem", filters=STEM_FILTERS, places=STEM_PLACES, stride=2)
    stages = []
    for number, filters in enumerate(STAGES, start=1):
        shortcut = _layer(x, f"stage_{number}_down", filters=filters, stride=2)
        x = _layer(shortcut, f"stage_{number}_first", filters=filters)
        x = _layer(x, f"stage_{number}_second", filters=filters, shortcut=shortcut)
        stages.append(x)
    return stages


def _layer(x: Any, name: str, *, filters: int, places: int = 3, stride: int = 1, shortcut: Any = None) -> Any:
    import keras

    x = keras.layers.Conv2D(
        filters,
        places,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    x = keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, epsilon=1e-3, name=f"{name}_bn")(x)
    if shortcut is not None:
        x = keras.layers.Add(name=f"{name}_add")([x, shortcut])
    return keras.layers.ReLU(max_value=6.0, name=f"{name}_relu")(x)
