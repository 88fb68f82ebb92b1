"""The embedded backbone: its file, its contract, and that the same input gives the recorded features."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tfl.backbones import _sketchnet, embedded
from tfl.backbones.embedded import SOURCE
from tfl.core.errors import IntegrityError, NotFoundError, UnsupportedError
from tfl.core.files import sha256_file
from tfl.report.gradcam import last_feature_layer
from tfl.training.cut import Cuttable

keras = pytest.importorskip("keras")

WEIGHTS = Path(embedded.__file__).with_name("sketchnet.npz")
MAX_WEIGHTS_BYTES = 500_000
#: The first features of `picture()` and the mean of all 2560, under float32.
RECORDED_FEATURES = [15.7903, 14.2548, 6.9741, 3.9142, 0.9965, 0.3088, 8.2278, 10.0545]
RECORDED_MEAN = 6.7424


def picture() -> np.ndarray:
    """A red disc on a blue ramp, `(120, 150, 3)` uint8: the same on every machine."""
    rows, columns = np.mgrid[0:120, 0:150]
    pixels = np.stack([columns // 2, rows // 2, 100 + columns], axis=-1).astype(np.uint8)
    pixels[np.hypot(rows - 60, columns - 80) < 35] = (220, 40, 30)
    return pixels


@pytest.fixture(scope="module")
def backbone():
    return SOURCE.load("sketchnet")


@pytest.fixture(scope="module")
def features(backbone):
    return backbone.model.predict(backbone.info.preprocessing.load_batch([picture()]), verbose=0)


@pytest.fixture
def policy():
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


def test_weights_are_small_float16_and_no_pickle():
    assert WEIGHTS.stat().st_size <= MAX_WEIGHTS_BYTES
    with np.load(WEIGHTS, allow_pickle=False) as arrays:
        assert {arrays[key].dtype for key in arrays.files} == {np.dtype(np.float16)}
        assert all(np.isfinite(arrays[key]).all() for key in arrays.files)


def test_learned_filters_do_not_see_how_bright_a_plain_ground_is(backbone):
    # A patch's mean is taken off before it is clustered.
    for bank in _sketchnet.BANKS:
        kernel = backbone.model.get_layer(f"{bank.name}_conv").get_weights()[0].reshape(-1, bank.filters)
        learned = kernel[:, : -6 if bank.levels else None]
        np.testing.assert_allclose(learned.mean(axis=0), 0.0, atol=2e-3 * np.abs(learned).max())


def test_plain_grounds_differ_by_brightness(backbone):
    grounds = np.stack([np.full((96, 96, 3), level, dtype=np.float32) for level in (-0.8, -0.4, 0.4, 0.8)])
    features = backbone.model.predict(grounds, verbose=0)
    assert all(np.abs(features[one] - features[two]).max() > 1.0 for one in range(4) for two in range(one))


def test_info_tells_the_truth(backbone):
    info = SOURCE.info("sketchnet")
    assert info in SOURCE.list()
    assert info.parameters == backbone.model.count_params()
    assert info.feature_size == backbone.model.output_shape[-1]
    assert backbone.model.input_shape == (None, info.preprocessing.height, info.preprocessing.width, 3)
    assert (info.licence, info.available_offline) == ("Apache-2.0", True)
    assert backbone.digest == sha256_file(WEIGHTS)


def test_contract_is_minus_one_to_one(backbone):
    contract = backbone.info.preprocessing
    assert (contract.height, contract.width, contract.resize, contract.channels) == (96, 96, "crop", "rgb")
    assert contract.value_range == pytest.approx((-1.0, 1.0), abs=1e-6)


def test_features_are_the_recorded_ones(features):
    # 0.01 leaves room for the sums of other CPUs' kernels, times the gain of 24; swapped channels move it by 2.7.
    assert features.shape == (1, 2560)
    np.testing.assert_allclose(features[0, :8], RECORDED_FEATURES, atol=0.01)
    assert features.mean() == pytest.approx(RECORDED_MEAN, abs=0.01)


def test_swapped_channels_give_other_features(backbone, features):
    batch = backbone.info.preprocessing.load_batch([picture()[..., ::-1]])
    swapped = backbone.model.predict(batch, verbose=0)
    assert np.abs(swapped - features).mean() > 1.0


def test_loading_twice_gives_equal_features(features):
    again = SOURCE.load("sketchnet")
    batch = again.info.preprocessing.load_batch([picture()])
    np.testing.assert_array_equal(again.model.predict(batch, verbose=0), features)


@pytest.mark.parametrize("name", ["mixed_bfloat16", "float32"])
def test_follows_the_dtype_policy(policy, features, name):
    policy(name)
    loaded = SOURCE.load("sketchnet")
    batch = loaded.info.preprocessing.load_batch([picture()])
    output = np.asarray(loaded.model(batch, training=False)).astype(np.float32)
    assert {variable.dtype for variable in loaded.model.variables} == {"float32"}
    assert loaded.model.compute_dtype == ("bfloat16" if name == "mixed_bfloat16" else "float32")
    # bfloat16 keeps 8 bits: a step of 1/256 near 6, in each of the three parts of a feature.
    tolerance = 0.08 if name == "mixed_bfloat16" else 1e-4
    assert np.abs(output - features).mean() < tolerance


@pytest.mark.parametrize("size", [32, 64, 128])
def test_other_image_sizes(size):
    loaded = SOURCE.load("sketchnet", image_size=size)
    assert loaded.model.input_shape == (None, size, size, 3)
    assert (loaded.info.preprocessing.height, loaded.info.preprocessing.width) == (size, size)
    output = loaded.model(loaded.info.preprocessing.load_batch([picture()]), training=False)
    assert output.shape == (1, 2560)
    assert np.isfinite(np.asarray(output)).all()


def test_too_small_an_image_is_refused_with_the_smallest_allowed():
    with pytest.raises(UnsupportedError, match=r"32 pixels or more. Received: 31"):
        SOURCE.load("sketchnet", image_size=31)


def test_unknown_name_gets_the_closest():
    with pytest.raises(NotFoundError, match="sketchnet"):
        SOURCE.info("sketchnett")


def test_the_last_maps_are_those_of_all_banks(backbone):
    channels = sum(bank.filters for bank in _sketchnet.BANKS)
    assert last_feature_layer(backbone.model).name == "maps"
    assert backbone.model.get_layer("maps").output.shape == (None, 9, 9, channels)


def test_it_can_be_cut_where_the_banks_have_met(backbone):
    points = Cuttable(backbone.model).points
    assert {"all_maps", "maps", "halves", "compressed"} <= set(points)


def test_halves_are_where_they_should_be(backbone):
    pixels = np.zeros((1, 96, 96, 3), dtype=np.float32)
    pixels[:, :48] = np.random.default_rng(0).uniform(-1, 1, (48, 96, 3))
    upper, lower, left, right = backbone.model.predict(pixels, verbose=0).reshape(4, -1)
    assert upper.mean() > 2 * lower.mean()
    assert left.mean() == pytest.approx(right.mean(), rel=0.1)


def test_every_layer_is_one_that_quantizers_know(backbone):
    kinds = {type(layer).__name__ for layer in backbone.model.layers}
    assert kinds == {
        "InputLayer",
        "AveragePooling2D",
        "Conv2D",
        "ReLU",
        "Concatenate",
        "Cropping2D",
        "Reshape",
        "DepthwiseConv2D",
        "Add",
        "Flatten",
    }


def test_damaged_file_is_told_with_its_path(tmp_path):
    damaged = tmp_path / "sketchnet.npz"
    damaged.write_bytes(WEIGHTS.read_bytes()[:1000])
    with pytest.raises(IntegrityError, match=r"sketchnet\.npz"):
        embedded._read_weights(damaged)
    with pytest.raises(IntegrityError, match=r"sketchnet\.npz"):
        embedded._read_weights(tmp_path / "nothing" / "sketchnet.npz")
    assert zipfile.is_zipfile(WEIGHTS)


def test_weights_of_another_network_are_refused(backbone):
    weights = _sketchnet.weights_of(backbone.model)
    missing = {key: value for key, value in weights.items() if key != "half_conv/kernel"}
    with pytest.raises(ValueError, match="half_conv/kernel: needs"):
        _sketchnet.put_weights(backbone.model, missing)
    with pytest.raises(ValueError, match="no layer takes other/kernel"):
        _sketchnet.put_weights(backbone.model, {**weights, "other/kernel": weights["half_conv/kernel"]})


def test_describing_imports_no_framework():
    code = (
        "import sys; from tfl.backbones.embedded import SOURCE; SOURCE.list(); SOURCE.info('sketchnet');"
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
