"""A network with another size of its input."""

import numpy as np
import pytest

from tfl.backbones import SOURCES
from tfl.bundle.records import sized_name, split_sized_name
from tfl.core.errors import UnsupportedError
from tfl.core.run_folder import RunFolder
from tfl.resizing import artifact_dir_of, at_size
from tfl.training.network import join

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.slow


def classifier(layers):
    inputs = keras.Input((32, 32, 3))
    values = inputs
    for layer in layers:
        values = layer(values)
    backbone = keras.Model(inputs, values, name="tiny")
    head = keras.Sequential([keras.Input(backbone.output_shape[1:]), keras.layers.Dense(3, activation="softmax")])
    return join(backbone, head)


def test_the_weights_stay_and_the_function_is_that_of_the_smaller_picture():
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Conv2D(4, 3, strides=2), keras.layers.BatchNormalization()]
    model = classifier([*layers, keras.layers.GlobalAveragePooling2D()])
    small = at_size(model, 16)
    assert small.input_shape == (None, 16, 16, 3)
    for one, two in zip(model.get_weights(), small.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    # A picture that is the same everywhere has the same features at every size, as nothing is padded here.
    grey = np.full((1, 32, 32, 3), 0.3, dtype=np.float32)
    np.testing.assert_allclose(model(grey), small(grey[:, :16, :16]), atol=1e-6)


@pytest.mark.parametrize("size", [48, 64])
@pytest.mark.parametrize("name", ["patchnet", "leafnet", "pairnet"])
def test_a_network_whose_layers_are_made_for_a_size_is_built_for_another(name, size):
    source = SOURCES.get("embedded")
    backbone = source.load(name).model
    learned = [weights * 1.01 for weights in backbone.get_weights()]
    backbone.set_weights(learned)
    head = keras.Sequential([keras.Input(backbone.output_shape[1:]), keras.layers.Dense(3, activation="softmax")])
    small = at_size(join(backbone, head), size, spec=f"embedded:{name}")
    expected = source.load(name, image_size=size).model
    for layer in backbone.layers:
        if layer.weights:
            expected.get_layer(layer.name).set_weights(layer.get_weights())
    pictures = np.random.default_rng(0).uniform(-1, 1, (2, size, size, 3)).astype(np.float32)
    np.testing.assert_allclose(small(pictures), head(expected(pictures)), atol=1e-5)


def test_weights_that_are_not_at_hand_are_not_fetched_for_another_size(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    source = SOURCES.get("keras_applications")
    assert not source.info("MobileNetV2").available_offline
    monkeypatch.setattr(type(source), "load", lambda *_, **__: pytest.fail("it was loaded"))
    model = classifier([keras.layers.Conv2D(4, 3), keras.layers.GlobalAveragePooling2D()])
    assert at_size(model, 16, spec="keras_applications:MobileNetV2").input_shape == (None, 16, 16, 3)


def test_an_artefact_of_another_size_is_found_by_its_name(tmp_path):
    run = RunFolder(tmp_path)
    assert artifact_dir_of(run, "onnx-int8") == run.artifacts_dir / "onnx-int8"
    assert artifact_dir_of(run, "onnx-int8-fused-160px") == tmp_path / "sizes" / "160px" / "onnx-int8-fused-160px"
    assert split_sized_name(sized_name("onnx-int8", 96)) == ("onnx-int8", 96)


def test_weights_that_depend_on_the_size_are_refused():
    model = classifier([keras.layers.Flatten(), keras.layers.Dense(4)])
    with pytest.raises(UnsupportedError, match="can't be given an input of 16 x 16") as raised:
        at_size(model, 16)
    assert "--image-size" in raised.value.hint
