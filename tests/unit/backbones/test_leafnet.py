"""`embedded:leafnet`: that its parts are those of patchnet and sketchnet, and what the layer of its own has learned."""

from __future__ import annotations

import numpy as np
import pytest

from tfl.backbones import _leafnet, _patchnet
from tfl.backbones.embedded import SOURCE

keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def backbone():
    return SOURCE.load("leafnet")


@pytest.fixture(scope="module")
def pictures():
    """Two figures on grounds of different patterns, each as it is and moved and darkened, `(2, 2, 96, 96, 3)`."""
    rows, columns = np.mgrid[0:96, 0:96]
    made = np.empty((2, 2, 96, 96, 3), dtype=np.float32)
    for view, (shift, light) in enumerate(((0, 1.0), (6, 0.8))):
        disc = np.hypot(rows - 44 - shift, columns - 50 - shift) < 24
        stripes = (columns + shift) // 6 % 2 == 0
        made[0, view] = np.where(disc[..., None], (0.8, -0.4, -0.6), np.where(stripes[..., None], 0.3, -0.3))
        box = (np.abs(rows - 48 - shift) < 12) & (np.abs(columns - 40 - shift) < 28)
        checks = ((rows + shift) // 12 + (columns + shift) // 12) % 2 == 0
        made[1, view] = np.where(box[..., None], (-0.7, 0.2, 0.6), np.where(checks[..., None], (0.5, 0.4, -0.2), -0.1))
        made[:, view] = (made[:, view] + 1) * light - 1
    return made


def outputs_of(model, name, images):
    return keras.Model(model.input, model.get_layer(name).output).predict(images, verbose=0)


def test_it_has_what_patchnet_and_sketchnet_say(backbone, pictures):
    images = pictures.reshape(-1, 96, 96, 3)
    features = backbone.model.predict(images, verbose=0)
    means = features[:, : -_leafnet.FILTERS].reshape(len(images), _patchnet.REGIONS, -1)
    patches = SOURCE.load("patchnet").model.predict(images, verbose=0).reshape(len(images), _patchnet.REGIONS, -1)
    figures = SOURCE.load("sketchnet").model.predict(images, verbose=0)
    np.testing.assert_allclose(means[..., : patches.shape[-1]], patches, atol=0.01)
    np.testing.assert_allclose(features[:, -figures.shape[-1] :], _leafnet.FIGURES_GAIN * figures, atol=0.01)


def test_the_second_layer_sees_the_maps_of_all_banks(backbone):
    channels = sum(bank.filters for bank in _patchnet.BANKS)
    assert backbone.model.get_layer("mixed_conv").input.shape == (None, 9, 9, channels)
    assert backbone.model.get_layer("leaf_relu").output.shape == (None, 7, 7, _leafnet.FILTERS)


def test_the_second_layer_knows_a_picture_again_better_than_a_random_one(backbone, pictures):
    def recognized(model):
        """How much more alike two views of one picture are than views of two, by the cosine of centred features."""
        means = outputs_of(model, "leaf_relu", pictures.reshape(-1, 96, 96, 3)).mean(axis=(1, 2))
        means -= means.mean(axis=0)
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        alike = means @ means.T
        return (alike[0, 1] + alike[2, 3]) / 2 - alike[:2, 2:].mean()

    keras.utils.set_random_seed(0)
    random = _leafnet.build()
    for layer in random.layers:
        if layer.weights and layer.name not in ("mixed_conv", "leaf_conv"):
            layer.set_weights(backbone.model.get_layer(layer.name).get_weights())
    assert recognized(backbone.model) > recognized(random)


def test_every_layer_is_one_that_quantizers_know(backbone):
    kinds = {type(layer).__name__ for layer in backbone.model.layers}
    assert kinds == {
        "InputLayer",
        "AveragePooling2D",
        "GlobalAveragePooling2D",
        "BatchNormalization",
        "Conv2D",
        "ReLU",
        "Concatenate",
        "Cropping2D",
        "DepthwiseConv2D",
        "Add",
        "Flatten",
    }
