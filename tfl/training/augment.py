"""Augmentation of training samples, on the normalized tensor, never part of the model.

Moves, zooms and turns commute with the contract's normalization, because the border is mirrored and
not filled with a value; contrast is taken around each picture's own mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfl.core.config import Augmentation
from tfl.data.preprocess import Floats, ImagePreprocessing, Pixels, normalize
from tfl.training.feed import Prepare

#: Largest shift and zoom as a share of the side, largest turn as a share of a full circle, contrast factor - 1.
_SHIFT, _ZOOM, _TURN, _CONTRAST = 0.08, 0.12, 0.03, 0.25


def make_augmenter(preset: Augmentation, contract: ImagePreprocessing, *, seed: int) -> Prepare:
    """Return a `prepare` that normalizes and augments; what it draws follows from seed, epoch and batch index.

    Args:
        preset: `none`, `light` or `standard`, see `TrainConfig`.
        contract: Of the model.
        seed: Of the draws.
    """
    if preset == "none":
        return lambda batch, epoch, index: normalize(batch, contract)
    layers = _layers(preset, contract)

    def prepare(batch: Pixels, epoch: int, index: int) -> Floats:
        inputs: Any = normalize(batch, contract)
        for position, layer in enumerate(layers):
            _reseed(layer, [seed, epoch, index, position])
            inputs = layer(inputs, training=True)
        return np.asarray(inputs, dtype=np.float32)

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


def _reseed(layer: Any, entropy: list[int]) -> None:
    """Set the state of the layer's generator, so that a draw depends on where it is and not on what came before."""
    state = np.random.SeedSequence(entropy).generate_state(2)
    variable = layer.generator.state
    variable.assign(state.astype(variable.dtype))
