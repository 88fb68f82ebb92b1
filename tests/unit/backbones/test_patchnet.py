"""`embedded:patchnet`: what its filters see and don't, where its maps are, and that int8 holds its weights."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tfl.backbones import _patchnet
from tfl.backbones.embedded import SOURCE
from tfl.report.gradcam import last_feature_layers
from tfl.training.cut import Cuttable

keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def backbone():
    return SOURCE.load("patchnet")


@pytest.fixture(scope="module")
def kernels(backbone):
    """The filters of each bank, `(places, 3, filters)`."""
    return {
        bank.name: backbone.model.get_layer(f"{bank.name}_conv").get_weights()[0].reshape(-1, 3, bank.filters)
        for bank in _patchnet.BANKS
    }


def test_learned_filters_do_not_see_how_bright_a_plain_ground_is(backbone):
    # A patch's mean is taken off before it is clustered.
    for bank in _patchnet.BANKS:
        kernel = backbone.model.get_layer(f"{bank.name}_conv").get_weights()[0].reshape(-1, bank.filters)
        learned = kernel[:, : -6 if bank.levels else None]
        np.testing.assert_allclose(learned.mean(axis=0), 0.0, atol=2e-3 * np.abs(learned).max())


@pytest.mark.parametrize("steps", [127, 63.5])
def test_weights_are_where_steps_of_int8_are(kernels, steps):
    # Quantizers give a filter's largest weight 127 steps, OpenVINO in a first layer half as many. What rounding changed
    # would add up over a filter to an answer to brightness.
    for kernel in kernels.values():
        largest = np.abs(kernel).max(axis=(0, 1))
        numbers = kernel / largest * steps
        away = np.abs(numbers - np.rint(numbers))[np.abs(kernel) < largest]
        # float16 keeps 11 bits of this weight and of the largest.
        assert away.max() < 127 / 2**10


def test_plain_grounds_differ_by_brightness(backbone):
    grounds = np.stack([np.full((96, 96, 3), level, dtype=np.float32) for level in (-0.8, -0.4, 0.4, 0.8)])
    features = backbone.model.predict(grounds, verbose=0)
    assert all(np.abs(features[one] - features[two]).max() > 1.0 for one in range(4) for two in range(one))


def test_the_last_maps_are_those_of_all_banks(backbone):
    channels = sum(bank.filters for bank in _patchnet.BANKS)
    assert [layer.name for layer in last_feature_layers(backbone.model)] == ["maps"]
    assert backbone.model.get_layer("maps").output.shape == (None, 9, 9, channels)


def test_it_can_be_cut_where_the_banks_have_met(backbone):
    points = Cuttable(backbone.model).points
    assert {"all_maps", "maps", "regions", "compressed"} <= set(points)


def test_regions_are_where_they_should_be(backbone):
    noise = np.random.default_rng(0).uniform(-1, 1, (96, 96, 3))
    pixels = np.zeros((2, 96, 96, 3), dtype=np.float32)
    pixels[0, :48] = noise[:48]
    pixels[1, 36:60, 36:60] = noise[36:60, 36:60]
    means = backbone.model.predict(pixels, verbose=0).reshape(2, _patchnet.REGIONS, -1).mean(axis=2)
    upper, lower, left, right, _ = means[0]
    assert upper > 2 * lower
    assert left == pytest.approx(right, rel=0.1)
    assert means[1, -1] > 1.3 * means[1, :-1].max()


def test_int8_of_tflite_keeps_strong_answers(backbone):
    # A filter answers a stroke with up to 6 where it lies, and with far less on average over a half.
    tf = pytest.importorskip("tensorflow")
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    digits = np.repeat(np.repeat(load_digits().images[:24] / 8 - 1, 12, axis=1), 12, axis=2)
    pictures = np.repeat(digits[..., None], 3, axis=3).astype(np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(backbone.model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture[None]] for picture in pictures)
    interpreter = litert.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    (entry,), (end,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for picture in pictures:
        interpreter.set_tensor(entry["index"], picture[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(end["index"])[0])
    expected = backbone.model.predict(pictures, verbose=0)
    assert backbone.model.get_layer("maps").output.shape[-1] * _patchnet.REGIONS == expected.shape[1]
    assert np.abs(np.stack(found) - expected).mean() < 0.02 * expected.mean()


def test_every_layer_is_one_that_quantizers_know(backbone):
    kinds = {type(layer).__name__ for layer in backbone.model.layers}
    assert kinds == {
        "InputLayer",
        "AveragePooling2D",
        "Conv2D",
        "ReLU",
        "Concatenate",
        "Cropping2D",
        "GlobalAveragePooling2D",
        "DepthwiseConv2D",
        "Add",
        "Flatten",
    }
