"""Augmentation of training samples, never part of the model: one list of Keras layers, built from the knobs.

Moves, zooms, turns and shears commute with the contract's normalization, because the border is mirrored and not
filled with a value; contrast is taken around each picture's own mean. Where nothing else is on, they work on the
normalized tensor. All other knobs mean colours or grey levels, and then the whole list works on RGB in [0, 1], before
the contract's normalization: in [0, 255] `keras.layers.RandomSaturation` clips saturation at 255 and not at 1, and
gives negative colours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfl.core.augmentation import AugmentConfig
from tfl.core.extras import require
from tfl.data.contract import Contract, Floats
from tfl.data.decode import Pixels
from tfl.data.preprocess import ImagePreprocessing, as_pictures, normalize
from tfl.training.crop import make_cropper
from tfl.training.feed import Prepare, preparer

_FLIPS = {"horizontal": "horizontal", "vertical": "vertical", "both": "horizontal_and_vertical"}
_COLOUR_KNOBS = ("perspective", "brightness", "saturation", "hue", "blur", "noise", "erasing", "rand_augment")
_WITHOUT_LAYERS = {"crop_scale", "crop_ratio", "noise", "mixup", "cutmix"}
_WHITE = 255
#: On Keras's scale: corners move by up to half of this share of the side.
_WARP = 0.3
#: Share of the area that a patch covers.
_PATCH = (0.02, 0.15)
#: Saturation that changes nothing, on Keras's scale.
_PLAIN_SATURATION = 0.5


@dataclass(frozen=True)
class Stage:
    """One change of a batch.

    Attributes:
        name: Of the knob, or what is done.
        apply: `(batch, epoch, batch index) -> batch`.
    """

    name: str
    apply: Callable[[Any, int, int], Any]


def make_augmenter(values: AugmentConfig, contract: Contract, *, seed: int) -> Prepare:
    """Return a `prepare` that normalizes and augments; what it draws follows from seed, epoch and batch index.

    It takes `(batch, rows, columns, 3)` uint8 RGB, of the contract's size or, with `crop_scale`, larger (see
    `presized`), and gives `(batch, height, width, 3)` float32. Mixing of pictures is not done here: see `make_mixer`.

    Args:
        values: Resolved: None means off.
        contract: Of the model; one of pictures where anything is on.
        seed: Of the draws.

    Raises:
        UnsupportedError: Something is on, and the model takes no pictures.
    """
    if not values.active():
        return preparer(contract)
    stages = augmentation_stages(values, as_pictures(contract, purpose="Augmentation"), seed=seed)

    def prepare(batch: Pixels, epoch: int, index: int) -> Floats:
        result: Any = batch
        for stage in stages:
            result = stage.apply(result, epoch, index)
        return np.asarray(result, dtype=np.float32)

    return prepare


def augmentation_stages(values: AugmentConfig, contract: ImagePreprocessing, *, seed: int) -> list[Stage]:
    """Return what `make_augmenter` does, one after the other; arguments are the same."""
    on_colours = any(getattr(values, name) for name in _COLOUR_KNOBS)
    layers = _layers(values, value_range=(0.0, 1.0) if on_colours else contract.value_range)
    changes = [Stage(name, _seeded(layer, seed, position)) for position, (name, layer) in enumerate(layers.items())]
    stages = []
    if values.crop_scale is not None:
        stages.append(Stage("crop_scale", make_cropper(values, contract, seed=seed)))
    if not on_colours:
        return [*stages, Stage("normalized", lambda batch, epoch, index: normalize(batch, contract)), *changes]
    stages += [Stage("in [0, 1]", lambda batch, epoch, index: batch / np.float32(_WHITE)), *changes]
    if values.noise:
        stages.append(Stage("noise", _noise(values.noise, seed)))
    return [*stages, Stage("normalized", lambda batch, epoch, index: _normalize_floats(batch, contract))]


def _seeded(layer: Any, seed: int, position: int) -> Callable[[Any, int, int], Any]:
    def apply(batch: Any, epoch: int, index: int) -> Any:
        _reseed(layer, [seed, epoch, index, position])
        return layer(batch, training=True)

    return apply


def _noise(deviation: float, seed: int) -> Callable[[Any, int, int], Any]:
    def apply(batch: Any, epoch: int, index: int) -> Any:
        noise = np.random.default_rng([seed, epoch, index]).normal(0.0, deviation / _WHITE, batch.shape)
        return np.asarray(batch, dtype=np.float32) + noise.astype(np.float32)

    return apply


def _layers(values: AugmentConfig, *, value_range: tuple[float, float]) -> dict[str, Any]:
    """Return the layers of the knobs that are on, always in this order: moves, colours, blur, erasing, RandAugment."""
    if not values.active().keys() - _WITHOUT_LAYERS:
        return {}
    layers = require("keras", purpose="augmentation").layers
    common = {"dtype": "float32", "seed": 0}
    mirrored = {"fill_mode": "reflect", **common}
    ranged = {"value_range": value_range, **common}
    made: dict[str, Any] = {}
    if values.flip in _FLIPS:
        made["flip"] = layers.RandomFlip(_FLIPS[values.flip], **common)
    if values.translation:
        made["translation"] = layers.RandomTranslation(values.translation, values.translation, **mirrored)
    if values.zoom:
        made["zoom"] = layers.RandomZoom((-values.zoom, values.zoom), **mirrored)
    if values.rotation:
        made["rotation"] = layers.RandomRotation(values.rotation, **mirrored)
    if values.shear:
        made["shear"] = layers.RandomShear(values.shear, values.shear, **mirrored)
    if values.perspective:
        made["perspective"] = layers.RandomPerspective(_share(values.perspective), _WARP, **common)
    if values.brightness:
        made["brightness"] = layers.RandomBrightness(values.brightness, **ranged)
    if values.contrast:
        made["contrast"] = layers.RandomContrast(values.contrast, **ranged)
    if values.saturation:
        low, high = _PLAIN_SATURATION - values.saturation, _PLAIN_SATURATION + values.saturation
        made["saturation"] = layers.RandomSaturation((low, high), **ranged)
    if values.hue:
        made["hue"] = layers.RandomHue(values.hue, **ranged)
    if values.blur:
        made["blur"] = layers.RandomGaussianBlur(_share(values.blur), **ranged)
    if values.erasing:
        made["erasing"] = layers.RandomErasing(_share(values.erasing), scale=_PATCH, **ranged)
    if values.rand_augment:
        made["rand_augment"] = layers.RandAugment(factor=values.rand_augment, **ranged)
    return made


def _share(value: float) -> tuple[float, float]:
    """Return the factor that changes this share of pictures: a single number would be drawn anew from 0 to it."""
    return value, value


def _normalize_floats(pixels: Any, contract: ImagePreprocessing) -> Floats:
    pixels = np.clip(np.asarray(pixels, dtype=np.float32), 0.0, 1.0) * np.float32(_WHITE)
    if contract.channels == "bgr":
        pixels = pixels[..., ::-1]
    values = (pixels * contract.scale - np.asarray(contract.mean)) / np.asarray(contract.std)
    return np.asarray(values, dtype=np.float32)


def _reseed(layer: Any, entropy: list[int]) -> None:
    """Set the state of the layer's generator, so that a draw depends on where it is and not on what came before."""
    state = np.random.SeedSequence(entropy).generate_state(2)
    variable = layer.generator.state
    variable.assign(state.astype(variable.dtype))
