"""Augmentation of training samples, on the normalized tensor, never part of the model.

Moves, zooms and turns commute with the contract's normalization, because the border is mirrored and
not filled with a value; contrast is taken around each picture's own mean. `strong` also
changes colours, which is done on RGB in [0, 255], before the contract's normalization.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfl.core.config import Augmentation
from tfl.data.preprocess import Floats, ImagePreprocessing, Pixels, normalize
from tfl.training.feed import Prepare

#: Largest shift and zoom as a share of the side, largest turn as a share of a full circle, contrast factor - 1.
_SHIFT, _ZOOM, _TURN, _CONTRAST = 0.08, 0.12, 0.03, 0.25

#: The same for `strong`, and: shear as a share of the side, brightness as a share of the range, hue as a share of
#: the circle, noise in grey levels, shares of pictures that are warped, blurred and partly erased.
_STRONG_SHIFT, _STRONG_ZOOM, _STRONG_TURN, _STRONG_CONTRAST = 0.12, 0.2, 0.06, 0.4
_SHEAR, _BRIGHTNESS, _HUE, _NOISE, _WARPED, _BLURRED, _ERASED = 0.1, 0.2, 0.05, 6.0, 0.3, 0.2, 0.25
#: Saturation factor, on Keras's scale: 0.5 changes nothing.
_SATURATION = (0.3, 0.7)


def make_augmenter(preset: Augmentation, contract: ImagePreprocessing, *, seed: int) -> Prepare:
    """Return a `prepare` that normalizes and augments; what it draws follows from seed, epoch and batch index.

    Args:
        preset: `none`, `light`, `standard` or `strong`, see `TrainConfig`.
        contract: Of the model.
        seed: Of the draws.
    """
    if preset == "none":
        return lambda batch, epoch, index: normalize(batch, contract)
    strong = preset == "strong"
    layers = _strong_layers() if strong else _layers(preset, contract)

    def prepare(batch: Pixels, epoch: int, index: int) -> Floats:
        inputs: Any = batch.astype(np.float32) if strong else normalize(batch, contract)
        for position, layer in enumerate(layers):
            _reseed(layer, [seed, epoch, index, position])
            inputs = layer(inputs, training=True)
        result = np.asarray(inputs, dtype=np.float32)
        if not strong:
            return result
        noise = np.random.default_rng([seed, epoch, index]).normal(0.0, _NOISE, result.shape)
        return _normalize_floats(result + noise.astype(np.float32), contract)

    return prepare


def _layers(preset: Augmentation, contract: ImagePreprocessing) -> list[Any]:
    import keras

    low, high = contract.value_range
    common = {"fill_mode": "reflect", "dtype": "float32", "seed": 0}
    layers = [
        keras.layers.RandomTranslation(_SHIFT, _SHIFT, **common),
        keras.layers.RandomZoom((-_ZOOM, _ZOOM), **common),
        keras.layers.RandomRotation(_TURN, **common),
        keras.layers.RandomContrast(_CONTRAST, value_range=(low, high), dtype="float32", seed=0),
    ]
    if preset == "standard":
        layers.insert(0, keras.layers.RandomFlip("horizontal", dtype="float32", seed=0))
    return layers


def _strong_layers() -> list[Any]:
    """Return layers for `(batch, height, width, 3)` float32 RGB in [0, 255]."""
    import keras

    layers = keras.layers
    common = {"dtype": "float32", "seed": 0}
    mirrored = {"fill_mode": "reflect", **common}
    ranged = {"value_range": (0, 255), **common}
    return [
        layers.RandomFlip("horizontal", **common),
        layers.RandomTranslation(_STRONG_SHIFT, _STRONG_SHIFT, **mirrored),
        layers.RandomZoom((-_STRONG_ZOOM, _STRONG_ZOOM), **mirrored),
        layers.RandomRotation(_STRONG_TURN, **mirrored),
        layers.RandomShear(_SHEAR, _SHEAR, **mirrored),
        layers.RandomPerspective(_WARPED, 0.3, **common),
        layers.RandomBrightness(_BRIGHTNESS, **ranged),
        layers.RandomContrast(_STRONG_CONTRAST, **ranged),
        layers.RandomSaturation(_SATURATION, **ranged),
        layers.RandomHue(_HUE, **ranged),
        layers.RandomGaussianBlur(_BLURRED, **ranged),
        layers.RandomErasing(_ERASED, scale=(0.02, 0.15), **ranged),
    ]


def _normalize_floats(pixels: Floats, contract: ImagePreprocessing) -> Floats:
    pixels = np.clip(pixels, 0.0, 255.0)
    if contract.channels == "bgr":
        pixels = pixels[..., ::-1]
    values = (pixels * contract.scale - np.asarray(contract.mean)) / np.asarray(contract.std)
    return np.asarray(values, dtype=np.float32)


def _reseed(layer: Any, entropy: list[int]) -> None:
    """Set the state of the layer's generator, so that a draw depends on where it is and not on what came before."""
    state = np.random.SeedSequence(entropy).generate_state(2)
    variable = layer.generator.state
    variable.assign(state.astype(variable.dtype))
