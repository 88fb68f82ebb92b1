"""Two Keras files are compared weight by weight."""

import numpy as np
import pytest

from tests.tiny import build_model
from tfl.bundle.weights import weight_differences
from tfl.core.errors import IntegrityError

keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    path = tmp_path_factory.mktemp("first") / "model.keras"
    build_model().save(path)
    return path


def test_the_same_weights_differ_in_nothing_though_the_files_do(first, tmp_path):
    build_model().save(tmp_path / "model.keras")
    found, weights = weight_differences(first, tmp_path / "model.keras")
    assert found == ()
    assert weights == len(build_model().weights)


def test_differences_come_in_the_order_of_the_layers_with_their_size(first, tmp_path):
    model = build_model()
    last = model.layers[-1]
    norm = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    bias = np.zeros(3, dtype=np.float32)
    # One unit in the last place is a difference of bytes.
    bias[1] = np.nextafter(np.float32(0), np.float32(1))
    last.bias.assign(bias)
    norm.moving_mean.assign(np.full(norm.moving_mean.shape, 0.5, dtype=np.float32))
    model.save(tmp_path / "model.keras")
    mean, bias = weight_differences(first, tmp_path / "model.keras")[0]
    # Alphabetically the dense layer's group would be the first one.
    assert (mean.what, mean.values, mean.of, mean.max_abs_difference) == ("values", 8, 8, 0.5)
    assert (bias.weight, bias.what, bias.values, bias.of) == (1, "values", 1, 3)
    assert mean.layer.startswith("batch_normalization")
    assert bias.layer.startswith("dense")


def test_other_shapes_and_other_layers_are_told(tmp_path):
    def save(name, *units):
        keras.utils.clear_session()
        layers = [
            keras.Input((4,)),
            *(keras.layers.Dense(number, name=f"dense_{at}") for at, number in enumerate(units)),
        ]
        keras.Sequential(layers).save(tmp_path / name)
        return tmp_path / name

    small, wide, deep = save("small.keras", 3), save("wide.keras", 5), save("deep.keras", 3, 2)
    assert {item.what for item in weight_differences(small, wide)[0]} == {"shape"}
    found = weight_differences(small, deep)[0]
    assert {(item.layer, item.what) for item in found if item.what != "values"} == {("dense_1", "added")}
    assert ("dense_1", "missing") in {(item.layer, item.what) for item in weight_differences(deep, small)[0]}


def test_a_damaged_file_is_said_so(first, tmp_path):
    (tmp_path / "model.keras").write_bytes(first.read_bytes()[:300])
    with pytest.raises(IntegrityError, match=r"model\.keras is no readable Keras file"):
        weight_differences(first, tmp_path / "model.keras")
    with pytest.raises(IntegrityError, match="no readable Keras file"):
        weight_differences(first, tmp_path / "none.keras")
