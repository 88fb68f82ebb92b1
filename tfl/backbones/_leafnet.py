"""The network of `embedded:leafnet`: a second layer that learned by contrast, on patchnet and beside sketchnet.

The second layer was trained by gradient without labels: two crops of one drawing shall have features that are more
alike than those of different drawings (SimCLR: Chen et al., 2020, arXiv:2002.05709; on drawn dead leaves: Baradad et
al., 2021, arXiv:2106.05963). What it adds to is `_patchnet`'s bank of clustered filters and `_sketchnet`'s last block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfl.backbones import _patchnet, _sketchnet

if TYPE_CHECKING:
    import keras

#: Height and width that the network is made for, in pixels: those of its two parts.
NATIVE_SIZE = _patchnet.NATIVE_SIZE
#: Below this the second layer would have less than two by two places.
MIN_SIZE = 32
#: Channels that the maps of all banks are mixed to, and filters of 3 x 3 places that see them.
MIXED, FILTERS = 96, 256
#: What sketchnet's means are multiplied by: they reach 4.5 and the other features 18, and int8 has one scale for all.
FIGURES_GAIN = 4.0
#: Length of the output vector: the means of both layers over five regions, and the means of sketchnet's last maps.
FEATURE_SIZE = _patchnet.FEATURE_SIZE + _patchnet.REGIONS * FILTERS + _sketchnet.FEATURE_SIZE


def parameter_count() -> int:
    """Return the number of weights, the statistics of BatchNorm included."""
    channels = sum(bank.filters for bank in _patchnet.BANKS)
    second = (channels + 1) * MIXED + (9 * MIXED + 1) * FILTERS + len(_patchnet.GAINS) * FILTERS
    return _patchnet.parameter_count() + second + _sketchnet.parameter_count() + _sketchnet.FEATURE_SIZE


def build(*, image_size: int = NATIVE_SIZE) -> keras.Model:
    """Build the network with fresh weights: `(batch, image_size, image_size, 3)` in [-1, 1] -> `(batch, 4736)`.

    Layers have the names they have in patchnet and sketchnet; those of the second layer are `mixed_conv`,
    `mixed_relu`, `leaf_conv` and `leaf_relu`. The dtype policy that is active applies.
    """
    import keras

    inputs = keras.Input((image_size, image_size, 3), name="image")
    figures = keras.layers.GlobalAveragePooling2D(keepdims=True, name="pool")(_sketchnet.maps_of(inputs))
    figures = keras.layers.DepthwiseConv2D(
        1, use_bias=False, depthwise_initializer=keras.initializers.Constant(FIGURES_GAIN), name="figures_gain"
    )(figures)
    figures = keras.layers.Flatten(name="figures")(figures)
    patches = _patchnet.maps_of(inputs)
    leaves = second_layer(patches)
    means = [_patchnet.regions(patches), _patchnet.regions(leaves, prefix="leaf_")]
    x = _patchnet.compressed(keras.layers.Concatenate(name="both_regions")(means))
    x = keras.layers.Flatten(name="flat")(x)
    return keras.Model(inputs, keras.layers.Concatenate(name="features")([x, figures]), name="leafnet")


def second_layer(maps: Any) -> Any:
    """Mix the channels of all banks and look at 3 x 3 places of them: `(batch, 7, 7, 256)` at 96 pixels."""
    import keras

    x = keras.layers.Conv2D(MIXED, 1, kernel_initializer="he_uniform", name="mixed_conv")(maps)
    x = keras.layers.ReLU(max_value=6.0, name="mixed_relu")(x)
    x = keras.layers.Conv2D(FILTERS, 3, kernel_initializer="he_uniform", name="leaf_conv")(x)
    return keras.layers.ReLU(max_value=6.0, name="leaf_relu")(x)
