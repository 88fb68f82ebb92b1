"""Networks of TF Hub that Keras does not have, built for counting: no weights are loaded, and none are trained.

Only what is counted has to be right: every convolution with its size, stride and channels, and every number that is
kept, moving statistics among them. Activations are left out. That a network is the one of its module is told by its
number of weights, which `backbone_costs.py` compares with the module's own.

The shapes come from the code that the modules were exported from, or their papers:

- Inception V1 and V2: github.com/tensorflow/models, research/slim/nets/inception_v1.py and inception_v2.py
- PNASNet-5: the same, nasnet/pnasnet.py and nasnet_utils.py; arXiv:1712.00559
- EfficientNetV2-XL: github.com/google/automl, efficientnetv2/effnetv2_configs.py
- Big Transfer: arXiv:1912.11370; a ResNet V2 (arXiv:1603.05027) with group normalization and no biases
"""

from __future__ import annotations

import sys
from typing import Any

#: Channels of a branch's convolutions: the first is 1 x 1, the others 3 x 3. An empty one is left out.
Branch = tuple[int, ...]

#: Three branches each, and the channels of the 1 x 1 behind the pooling. `None` is pooling alone, of half the sides.
_INCEPTION_V1: tuple[tuple[Branch, Branch, Branch, int] | None, ...] = (
    ((64,), (96, 128), (16, 32), 32),
    ((128,), (128, 192), (32, 96), 64),
    None,
    ((192,), (96, 208), (16, 48), 64),
    ((160,), (112, 224), (24, 64), 64),
    ((128,), (128, 256), (24, 64), 64),
    ((112,), (144, 288), (32, 64), 64),
    ((256,), (160, 320), (32, 128), 128),
    None,
    ((256,), (160, 320), (32, 128), 128),
    ((384,), (192, 384), (48, 128), 128),
)
#: The same; where no convolution is behind the pooling (0), it and the last one of each branch halve the sides.
_INCEPTION_V2: tuple[tuple[Branch, Branch, Branch, int], ...] = (
    ((64,), (64, 64), (64, 96, 96), 32),
    ((64,), (64, 96), (64, 96, 96), 64),
    ((), (128, 160), (64, 96, 96), 0),
    ((224,), (64, 96), (96, 128, 128), 128),
    ((192,), (96, 128), (96, 128, 128), 128),
    ((160,), (128, 160), (128, 160, 160), 96),
    ((96,), (128, 192), (160, 192, 192), 96),
    ((), (128, 192), (192, 256, 256), 0),
    ((352,), (192, 320), (160, 224, 224), 128),
    ((352,), (192, 320), (192, 224, 224), 128),
)
#: Kernel sizes of PNASNet-5's five pairs: 0 for 3 x 3 max pooling, None for nothing; and which state each one takes.
_PNASNET_PAIRS = (((5, 1), (0, 1)), ((7, 0), (0, 0)), ((5, 0), (3, 0)), ((3, 4), (0, 0)), ((3, 1), (None, 0)))
_PNASNET_FILTERS, _PNASNET_CELLS = 216, 12
#: Repeats, stride, expansion, channels; the first three stages are fused, the others have squeeze and excitation.
_EFFICIENTNET_V2_XL = (
    (4, 1, 1, 32),
    (8, 2, 4, 64),
    (8, 2, 4, 96),
    (16, 2, 4, 192),
    (24, 1, 6, 256),
    (32, 2, 6, 512),
    (8, 1, 6, 640),
)
#: Units of a stage by a ResNet's number of layers.
_RESNET_UNITS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


# --- Inception --------------------------------------------------------------------------------------------------------
def inception_v1(size: int) -> Any:
    """Build the network up to its pooled vector."""
    import keras

    inputs = keras.Input((size, size, 3))
    x = _conv(inputs, 64, 7, strides=2)
    x = _inception_stem(x)
    for module in _INCEPTION_V1:
        x = _max_pool(x) if module is None else _inception(x, module)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


def inception_v2(size: int) -> Any:
    """Build the network up to its pooled vector.

    Its first convolution is a separable one of 8 filters a channel, and the only one with biases: TF-Slim's settings
    normalize plain convolutions alone.
    """
    import keras

    inputs = keras.Input((size, size, 3))
    x = _inception_stem(keras.layers.SeparableConv2D(64, 7, strides=2, padding="same", depth_multiplier=8)(inputs))
    for module in _INCEPTION_V2:
        x = _inception(x, module)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


def _inception_stem(x: Any) -> Any:
    x = _conv(_max_pool(x), 64, 1)
    return _max_pool(_conv(x, 192, 3))


def _inception(x: Any, module: tuple[Branch, Branch, Branch, int]) -> Any:
    import keras

    *branches, pooled = module
    halves = not pooled
    ends = []
    for channels in filter(None, branches):
        end = _conv(x, channels[0], 1)
        for place, wide in enumerate(channels[1:], start=2):
            end = _conv(end, wide, 3, strides=2 if halves and place == len(channels) else 1)
        ends.append(end)
    # What kind of pooling it is changes neither weights nor products.
    ends.append(_max_pool(x) if halves else _conv(_max_pool(x, strides=1), pooled, 1))
    return keras.layers.Concatenate()(ends)


def _conv(x: Any, channels: int, kernel: int, *, strides: int = 1) -> Any:
    """Put a convolution without bias and a normalization without scale, as TF-Slim's inception does."""
    return _normalized(_bare_conv(x, channels, kernel, strides=strides), scale=False)


# --- PNASNet ----------------------------------------------------------------------------------------------------------
def pnasnet_large(size: int) -> Any:
    """Build PNASNet-5 up to its pooled vector, without the auxiliary head."""
    import keras

    inputs = keras.Input((size, size, 3))
    x = _normalized(_bare_conv(inputs, 96, 3, strides=2, padding="valid"))
    before = None
    channels = [_PNASNET_FILTERS // 4, _PNASNET_FILTERS // 2]
    strides = [2, 2]
    for cell in range(_PNASNET_CELLS):
        reductions = cell * 3 // _PNASNET_CELLS
        channels.append(_PNASNET_FILTERS * 2**reductions)
        strides.append(2 if cell and cell % (_PNASNET_CELLS // 3) == 0 else 1)
    for wide, stride in zip(channels, strides, strict=True):
        x, before = _pnasnet_cell(x, before, wide, stride=stride), x
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))


def _pnasnet_cell(x: Any, before: Any, channels: int, *, stride: int) -> Any:
    import keras

    if before is None:
        before = x
    elif before.shape[1] != x.shape[1]:
        before = _factorized_reduction(before, channels)
    elif before.shape[-1] != channels:
        before = _normalized(_bare_conv(before, channels, 1))
    states = [_normalized(_bare_conv(x, channels, 1)), before]
    for pair in _PNASNET_PAIRS:
        left, right = (
            _pnasnet_operation(states[state], kernel, channels, stride=stride if state < 2 else 1)
            for kernel, state in pair
        )
        states.append(keras.layers.Add()([left, right]))
    return keras.layers.Concatenate()(states[2:])


def _pnasnet_operation(x: Any, kernel: int | None, channels: int, *, stride: int) -> Any:
    import keras

    if kernel is None:
        same = stride == 1 and x.shape[-1] == channels
        return x if same else _normalized(_bare_conv(x, channels, 1, strides=stride))
    if not kernel:
        pooled = _max_pool(x, strides=stride)
        return pooled if x.shape[-1] == channels else _normalized(_bare_conv(pooled, channels, 1))
    for strides in (stride, 1):
        x = keras.layers.SeparableConv2D(channels, kernel, strides=strides, padding="same", use_bias=False)(x)
        x = _normalized(x)
    return x


def _factorized_reduction(x: Any, channels: int) -> Any:
    """Halve the sides by two 1 x 1 convolutions, of the even pixels and of the odd ones."""
    import keras

    shifted = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    shifted = keras.layers.Cropping2D(((1, 0), (1, 0)))(shifted)
    halves = [_bare_conv(path, channels // 2, 1, strides=2, padding="valid") for path in (x, shifted)]
    return _normalized(keras.layers.Concatenate()(halves))


# --- EfficientNetV2-XL ------------------------------------------------------------------------------------------------
def efficientnet_v2_xl(size: int) -> Any:
    """Build the network up to its pooled vector with Keras' own blocks, which have no table of XL's stages."""
    from keras.src.applications.efficientnet_v2 import EfficientNetV2

    stages = [
        {
            "kernel_size": 3,
            "num_repeat": repeats,
            "input_filters": before,
            "output_filters": channels,
            "expand_ratio": expansion,
            "se_ratio": 0.25 if place > 2 else 0,
            "strides": stride,
            "conv_type": 0 if place > 2 else 1,
        }
        for place, ((repeats, stride, expansion, channels), before) in enumerate(
            zip(_EFFICIENTNET_V2_XL, (32, *(stage[-1] for stage in _EFFICIENTNET_V2_XL)), strict=False)
        )
    ]
    limit = sys.getrecursionlimit()
    # Keras walks through a network by a call for each layer, and the default limit is for fewer than these.
    sys.setrecursionlimit(20_000)
    try:
        return EfficientNetV2(
            width_coefficient=1.0,
            depth_coefficient=1.0,
            default_size=size,
            blocks_args=stages,
            name="efficientnet_v2_xl",
            weights=None,
            include_top=False,
            pooling="avg",
            input_shape=(size, size, 3),
        )
    finally:
        sys.setrecursionlimit(limit)


# --- Big Transfer -----------------------------------------------------------------------------------------------------
def big_transfer(size: int, *, layers: int, width: int) -> Any:
    """Build a ResNet V2 of so many layers, and so many times as wide, up to its pooled vector."""
    import keras

    inputs = keras.Input((size, size, 3))
    x = keras.layers.ZeroPadding2D(3)(inputs)
    x = _bare_conv(x, 64 * width, 7, strides=2, padding="valid")
    x = keras.layers.MaxPooling2D(3, strides=2)(keras.layers.ZeroPadding2D(1)(x))
    for stage, units in enumerate(_RESNET_UNITS[layers]):
        for unit in range(units):
            x = _residual_unit(x, 64 * width * 2**stage, stride=2 if stage and not unit else 1)
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(_group_normalized(x)))


def _residual_unit(x: Any, channels: int, *, stride: int) -> Any:
    import keras

    begin = _group_normalized(x)
    shortcut = x if x.shape[-1] == 4 * channels else _bare_conv(begin, 4 * channels, 1, strides=stride)
    end = _group_normalized(_bare_conv(begin, channels, 1))
    end = _group_normalized(_bare_conv(end, channels, 3, strides=stride))
    return keras.layers.Add()([shortcut, _bare_conv(end, 4 * channels, 1)])


def _group_normalized(x: Any) -> Any:
    import keras

    return keras.layers.GroupNormalization(32)(x)


# --- Layers -----------------------------------------------------------------------------------------------------------
def _bare_conv(x: Any, channels: int, kernel: int, *, strides: int = 1, padding: str = "same") -> Any:
    import keras

    # Zeros spare the drawing of random numbers: nearly a thousand million of them for r152x4.
    return keras.layers.Conv2D(
        channels, kernel, strides=strides, padding=padding, use_bias=False, kernel_initializer="zeros"
    )(x)


def _normalized(x: Any, *, scale: bool = True) -> Any:
    import keras

    return keras.layers.BatchNormalization(scale=scale)(x)


def _max_pool(x: Any, *, strides: int = 2) -> Any:
    import keras

    return keras.layers.MaxPooling2D(3, strides=strides, padding="same")(x)
