"""Grad-CAM on networks whose answer depends on a place that is known."""

import numpy as np
import pytest

from tfl.core.errors import UnsupportedError
from tfl.report.gradcam import grad_cam, last_feature_layers

keras = pytest.importorskip("keras")

SIZE = 32


def colour_layers(inputs):
    """Feature maps that are the red and the green channel, coarse."""
    kernel = np.zeros((1, 1, 3, 2), dtype=np.float32)
    kernel[0, 0, 0, 0] = kernel[0, 0, 1, 1] = 1.0
    convolution = keras.layers.Conv2D(2, 1, use_bias=False, name="maps")
    values = convolution(keras.layers.AveragePooling2D(4)(inputs))
    convolution.set_weights([kernel])
    return keras.layers.GlobalAveragePooling2D()(values)


def head_layers(values):
    dense = keras.layers.Dense(2, activation="softmax")
    answer = dense(values)
    dense.set_weights([np.array([[40.0, 0.0], [0.0, 40.0]], dtype=np.float32), np.array([-3.0, 2.0], dtype=np.float32)])
    return answer


def flat_model():
    inputs = keras.Input((SIZE, SIZE, 3))
    return keras.Model(inputs, head_layers(colour_layers(inputs)))


def nested_model():
    inner = keras.Input((SIZE, SIZE, 3))
    backbone = keras.Model(inner, colour_layers(inner))
    middle = keras.Input((SIZE, SIZE, 3))
    wrapped = keras.Model(middle, backbone(keras.layers.Rescaling(1.0)(middle)))
    features = keras.Input((2,))
    head = keras.Model(features, head_layers(keras.layers.Dropout(0.3)(features)))
    outer = keras.Input((SIZE, SIZE, 3))
    return keras.Model(outer, head(wrapped(outer)))


@pytest.fixture(scope="module")
def batch():
    """Red top left, green bottom right."""
    pictures = np.zeros((1, SIZE, SIZE, 3), dtype=np.float32)
    pictures[0, :8, :8, 0] = 1.0
    pictures[0, 24:, 24:, 1] = 1.0
    return np.repeat(pictures, 10, axis=0)


@pytest.mark.parametrize("make", [flat_model, nested_model])
def test_map_shows_the_place_of_the_class(batch, make):
    heat = grad_cam(make(), batch, [0, 1] * 5)
    assert (heat.shape, heat.dtype) == ((10, SIZE, SIZE), np.float32)
    assert heat.min() >= 0.0
    assert heat.max() <= 1.0
    assert np.unravel_index(heat[0].argmax(), (SIZE, SIZE)) < (8, 8)
    assert heat[0, 3, 3] > 0.9 > 0.1 > heat[0, 28, 28]
    assert heat[1, 28, 28] > 0.9 > 0.1 > heat[1, 3, 3]


def test_flat_and_nested_agree(batch):
    np.testing.assert_allclose(
        grad_cam(flat_model(), batch[:2], [0, 1]), grad_cam(nested_model(), batch[:2], [0, 1]), atol=1e-5
    )


def test_certain_answers_have_a_map(batch):
    # A probability of exactly 1 in float32 has no gradient; the score before the softmax has.
    model = flat_model()
    dense = model.layers[-1]
    dense.set_weights([dense.get_weights()[0] * 100, dense.get_weights()[1]])
    pictures = batch[:1] * np.array([1.0, 0.0, 0.0], dtype=np.float32)
    assert float(np.asarray(model(pictures))[0, 0]) == 1.0
    assert grad_cam(model, pictures, [0])[0, 3, 3] > 0.9


def test_no_pictures(batch):
    assert grad_cam(flat_model(), batch[:0], []).shape == (0, SIZE, SIZE)


def test_backbone_without_maps_is_told(batch):
    inputs = keras.Input((SIZE, SIZE, 3))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(inputs)))
    with pytest.raises(UnsupportedError, match="does not show its feature maps"):
        grad_cam(model, batch[:1], [0])


def test_maps_of_one_place_are_passed_over():
    inputs = keras.Input((SIZE, SIZE, 3))
    values = keras.layers.Conv2D(2, 3, name="wanted")(inputs)
    values = keras.layers.GlobalAveragePooling2D(keepdims=True)(values)
    values = keras.layers.Conv2D(2, 1)(values)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(values)))
    assert [layer.name for layer in last_feature_layers(model)] == ["wanted"]


def branched_model(*, crop=0):
    """Red speaks for the first class in one branch, blue for the second in the other, each at its own size."""
    inputs = keras.Input((SIZE, SIZE, 3))
    first = keras.layers.AveragePooling2D(4, name="coarse")(inputs)
    second = keras.layers.AveragePooling2D(2, name="fine")(inputs)
    if crop:
        second = keras.layers.Cropping2D(((crop, 0), (0, 0)), name="cropped")(second)
    halves = [
        keras.layers.Cropping2D((rows, (0, 0)), name=f"half_{index}")(second)
        for index, rows in enumerate(((0, 4), (4, 0)))
    ]
    means = [keras.layers.GlobalAveragePooling2D()(maps) for maps in (first, *halves)]
    dense = keras.layers.Dense(2, activation="softmax")
    model = keras.Model(inputs, dense(keras.layers.Concatenate()(means)))
    kernel = np.zeros((9, 2), dtype=np.float32)
    kernel[0, 0] = kernel[5, 1] = kernel[8, 1] = 5.0
    dense.set_weights([kernel, np.zeros(2, dtype=np.float32)])
    return model


def test_branches_are_added_up():
    model = branched_model()
    assert {layer.name for layer in last_feature_layers(model)} == {"coarse", "fine"}
    picture = np.zeros((1, SIZE, SIZE, 3), dtype=np.float32)
    picture[0, :8, :8, 0] = picture[0, 24:, 24:, 2] = 1.0
    red, blue = grad_cam(model, np.repeat(picture, 2, axis=0), [0, 1])
    assert red[3, 3] > 0.9 > 0.1 > red[28, 28]
    assert blue[28, 28] > 0.9 > 0.1 > blue[3, 3]


def test_a_border_that_was_cut_off_stays_where_it_was():
    model = branched_model(crop=4)
    assert {layer.name for layer in last_feature_layers(model)} == {"coarse", "cropped"}
    picture = np.zeros((1, SIZE, SIZE, 3), dtype=np.float32)
    picture[0, 8:12, :8, 2] = 1.0
    heat = grad_cam(model, picture, [1])[0]
    assert np.unravel_index(heat.argmax(), heat.shape)[0] in range(7, 13)


def test_graph_that_is_no_chain_is_refused_and_not_misread(batch):
    inner = keras.Input((SIZE, SIZE, 3))
    backbone = keras.Model(inner, colour_layers(inner))
    outer = keras.Input((SIZE, SIZE, 3))
    doubled = keras.layers.Add()([backbone(outer), backbone(keras.layers.Rescaling(0.5)(outer))])
    model = keras.Model(outer, head_layers(doubled))
    with pytest.raises(UnsupportedError, match="chain"):
        grad_cam(model, batch[:1], [0])
