"""The network of `embedded:sketchnet`: separable convolutions with shortcuts, made for int8.

The depthwise separable block is that of MobileNetV1 (Howard et al., 2017, arXiv:1704.04861), with the
shortcut of ResNet (He et al., 2016, arXiv:1512.03385) where shapes agree. Every activation is a ReLU6,
so that a quantizer finds the range [0, 6] nearly everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

#: Height and width that the network is trained for, in pixels.
NATIVE_SIZE = 96
#: Below this the last block would see less than two by two places.
MIN_SIZE = 32
#: Filters of the first convolution, which halves the size.
STEM_FILTERS = 16
#: Filters and stride of block_1, block_2, ...: 96 -> 48 -> 24 -> 12 -> 6 pixels.
BLOCKS = (
    (24, 1),
    (48, 2),
    (48, 1),
    (96, 2),
    (96, 1),
    (96, 1),
    (256, 2),
    (256, 1),
    (256, 1),
    (256, 1),
)
#: Length of the output vector.
FEATURE_SIZE = BLOCKS[-1][0]
#: Batch statistics move over about 50 steps, so that a short training leaves good ones.
BATCH_NORM_MOMENTUM = 0.98
#: He et al.'s uniform limit, sqrt(6 / fan-in), for a filter of 3 x 3 places.
_DEPTHWISE_LIMIT = (6 / 9) ** 0.5


def parameter_count() -> int:
    """Return the number of weights, the statistics of BatchNorm included, counted from the table of blocks."""
    count = 3 * 9 * STEM_FILTERS + 4 * STEM_FILTERS
    channels = STEM_FILTERS
    for filters, _ in BLOCKS:
        count += 9 * channels + 4 * channels + channels * filters + 4 * filters
        channels = filters
    return count


def build(*, image_size: int = NATIVE_SIZE) -> keras.Model:
    """Build the network with fresh weights: `(batch, image_size, image_size, 3)` in [-1, 1] -> `(batch, 256)`.

    Layers are named `stem_...`, `block_1_...` to `block_10_...` and `pool`; the last feature map is the
    output of `block_10_relu`. The dtype policy that is active applies.
    """
    import keras

    inputs = keras.Input((image_size, image_size, 3), name="image")
    outputs = keras.layers.GlobalAveragePooling2D(name="pool")(maps_of(inputs))
    return keras.Model(inputs, outputs, name="sketchnet")


def maps_of(inputs: Any) -> Any:
    """Return the maps of the last block: `(batch, 6, 6, 256)` at 96 pixels."""
    import keras

    x = keras.layers.Conv2D(STEM_FILTERS, 3, strides=2, padding="same", use_bias=False, name="stem_conv")(inputs)
    x = _normalized(x, "stem")
    x = keras.layers.ReLU(max_value=6.0, name="stem_relu")(x)
    for number, (filters, stride) in enumerate(BLOCKS, start=1):
        x = _block(x, f"block_{number}", filters=filters, stride=stride)
    return x


def _block(x: Any, name: str, *, filters: int, stride: int) -> Any:
    import keras

    shortcut = x
    x = keras.layers.DepthwiseConv2D(
        3,
        strides=stride,
        padding="same",
        use_bias=False,
        # Keras' own initializers count all channels as fan-in, though a depthwise filter sees one.
        depthwise_initializer=keras.initializers.RandomUniform(-_DEPTHWISE_LIMIT, _DEPTHWISE_LIMIT),
        name=f"{name}_depthwise",
    )(x)
    x = _normalized(x, f"{name}_depthwise")
    x = keras.layers.ReLU(max_value=6.0, name=f"{name}_depthwise_relu")(x)
    x = keras.layers.Conv2D(filters, 1, use_bias=False, kernel_initializer="he_uniform", name=f"{name}_pointwise")(x)
    x = _normalized(x, f"{name}_pointwise")
    if shortcut.shape == x.shape:
        x = keras.layers.Add(name=f"{name}_add")([shortcut, x])
    return keras.layers.ReLU(max_value=6.0, name=f"{name}_relu")(x)


def _normalized(x: Any, name: str) -> Any:
    import keras

    return keras.layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, epsilon=1e-3, name=f"{name}_bn")(x)
