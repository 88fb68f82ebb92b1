"""`embedded:leafnet`: what it has learned, where its maps are, and that its layers are those that quantizers know."""

from __future__ import annotations

import numpy as np
import pytest

from tfl.backbones import _leafnet
from tfl.backbones.embedded import SOURCE
from tfl.report.gradcam import last_feature_layers
from tfl.training.cut import Cuttable

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


def recognized(model, pictures):
    """How much more alike two views of one picture are than views of two, by the cosine of centred features."""
    features = model.predict(pictures.reshape(-1, 96, 96, 3), verbose=0)
    features = features - features.mean(axis=0)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    alike = features @ features.T
    return (alike[0, 1] + alike[2, 3]) / 2 - alike[:2, 2:].mean()


def test_it_knows_a_picture_again_better_than_with_random_weights(backbone, pictures):
    keras.utils.set_random_seed(0)
    assert recognized(backbone.model, pictures) > recognized(_leafnet.build(), pictures)


def test_the_maps_of_the_last_stages_are_averaged(backbone, pictures):
    model = backbone.model
    layers = [model.get_layer(f"stage_{number}_second_relu").output for number in (2, 3)]
    finer, coarser = keras.Model(model.input, layers).predict(pictures[0], verbose=0)
    assert (finer.shape, coarser.shape) == ((2, 12, 12, 96), (2, 6, 6, 192))
    upper = np.concatenate([finer[:, :6].mean(axis=(1, 2)), coarser[:, :3].mean(axis=(1, 2))], axis=1)
    middle = np.concatenate([finer[:, 3:9, 3:9].mean(axis=(1, 2)), coarser[:, 1:5, 1:5].mean(axis=(1, 2))], axis=1)
    features = model.predict(pictures[0], verbose=0).reshape(2, -1, 288)
    np.testing.assert_allclose(features[:, 0], upper, atol=1e-5)
    np.testing.assert_allclose(features[:, -1], middle, atol=1e-5)


def test_it_can_be_cut_before_the_last_stage_and_shows_the_maps_that_all_come_from(backbone):
    points = Cuttable(backbone.model).points
    assert "stage_2_second_relu" in points
    assert not any(point.startswith("stage_3") for point in points)
    assert [layer.name for layer in last_feature_layers(backbone.model)] == ["stage_2_second_relu"]


def test_every_layer_is_one_that_quantizers_know(backbone):
    kinds = {type(layer).__name__ for layer in backbone.model.layers}
    assert kinds == {
        "InputLayer",
        "GlobalAveragePooling2D",
        "BatchNormalization",
        "Conv2D",
        "ReLU",
        "Concatenate",
        "Cropping2D",
        "Add",
        "Flatten",
    }
