"""The embedded networks for pictures: files, contracts, and that the same input gives the recorded features."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tfl.backbones import _pairnet, _patchnet, _sketchnet, embedded, parse_spec
from tfl.backbones._variables import put_weights, weights_of
from tfl.backbones.embedded import SOURCE
from tfl.core.errors import IntegrityError, NotFoundError, UnsupportedError
from tfl.core.files import sha256_file, sha256_text
from tfl.report.gradcam import last_feature_layers

keras = pytest.importorskip("keras")


@dataclass(frozen=True)
class Recorded:
    """Of one network, under float32.

    Attributes:
        size: Of its features.
        first: The first features of `picture()`.
        mean: Of all of them.
        tolerance: What other CPUs' kernels may sum up to; swapped channels move the mean feature 50 times as far.
        max_bytes: Of its file of weights.
    """

    size: int
    first: tuple[float, ...]
    mean: float
    tolerance: float
    max_bytes: int


RECORDED = {
    "sketchnet": Recorded(
        size=256,
        first=(1.0388, 0.7507, 0.803, 1.5392, 0.9293, 1.0972, 0.7277, 1.1783),
        mean=1.2314,
        tolerance=0.002,
        max_bytes=2_000_000,
    ),
    # Its gain of 24 stands behind the sums.
    "patchnet": Recorded(
        size=3200,
        first=(15.7948, 14.271, 6.083, 3.8075, 0.9796, 0.2708, 8.3248, 10.0244),
        mean=6.475,
        tolerance=0.01,
        max_bytes=500_000,
    ),
    "leafnet": Recorded(
        size=1440,
        first=(0.6089, 0.1444, 0.4052, 1.6337, 0.8881, 1.5226, 0.5825, 0.0484),
        mean=0.5373,
        tolerance=0.002,
        max_bytes=2_300_000,
    ),
    # Of its own it has gains alone.
    "pairnet": Recorded(
        size=4640,
        first=(15.7948, 14.271, 6.083, 3.8075, 0.9796, 0.2708, 8.3248, 10.0244),
        mean=6.1482,
        tolerance=0.01,
        max_bytes=3_000,
    ),
}


def weights_file(name):
    return Path(embedded.__file__).with_name(f"{name}.npz")


def digest_of(name):
    if name != "pairnet":
        return sha256_file(weights_file(name))
    return sha256_text(*(sha256_file(weights_file(part)) for part in (*_pairnet.PARTS, name)))


def picture() -> np.ndarray:
    """A red disc on a blue ramp, `(120, 150, 3)` uint8: the same on every machine."""
    rows, columns = np.mgrid[0:120, 0:150]
    pixels = np.stack([columns // 2, rows // 2, 100 + columns], axis=-1).astype(np.uint8)
    pixels[np.hypot(rows - 60, columns - 80) < 35] = (220, 40, 30)
    return pixels


@pytest.fixture(scope="module", params=list(RECORDED))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def recorded(name):
    return RECORDED[name]


@pytest.fixture(scope="module")
def backbone(name):
    return SOURCE.load(name)


@pytest.fixture(scope="module")
def features(backbone):
    return backbone.model.predict(backbone.info.preprocessing.load_batch([picture()]), verbose=0)


@pytest.fixture
def policy():
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


def test_every_network_for_pictures_is_tested_here():
    assert set(RECORDED) == {parse_spec(info.spec)[1] for info in SOURCE.list() if info.task == "image_classification"}


def test_weights_are_small_float16_and_no_pickle(name, recorded):
    assert weights_file(name).stat().st_size <= recorded.max_bytes
    with np.load(weights_file(name), allow_pickle=False) as arrays:
        assert {arrays[key].dtype for key in arrays.files} == {np.dtype(np.float16)}
        assert all(np.isfinite(arrays[key]).all() for key in arrays.files)


def test_batch_norm_statistics_were_measured():
    with np.load(weights_file("sketchnet"), allow_pickle=False) as arrays:
        variances = {key: arrays[key].astype(np.float32) for key in arrays.files if key.endswith("moving_variance")}
        means = {key: arrays[key].astype(np.float32) for key in arrays.files if key.endswith("moving_mean")}
    assert len(variances) == len(means) == 1 + 2 * len(_sketchnet.BLOCKS)
    assert all((variance > 0).all() and np.unique(variance).size > 4 for variance in variances.values())
    assert all(np.unique(mean).size > 4 for mean in means.values())


def test_info_tells_the_truth(name, backbone):
    info = SOURCE.info(name)
    assert info in SOURCE.list()
    assert info.parameters == backbone.model.count_params()
    assert info.feature_size == backbone.model.output_shape[-1]
    assert backbone.model.input_shape == (None, info.preprocessing.height, info.preprocessing.width, 3)
    assert (info.licence, info.available_offline) == ("Apache-2.0", True)
    assert backbone.digest == digest_of(name)


def test_contract_is_minus_one_to_one(backbone):
    contract = backbone.info.preprocessing
    assert (contract.height, contract.width, contract.resize, contract.channels) == (96, 96, "crop", "rgb")
    assert contract.value_range == pytest.approx((-1.0, 1.0), abs=1e-6)


def test_features_are_the_recorded_ones(recorded, features):
    assert features.shape == (1, recorded.size)
    np.testing.assert_allclose(features[0, :8], recorded.first, atol=recorded.tolerance)
    assert features.mean() == pytest.approx(recorded.mean, abs=recorded.tolerance)


def test_pairnet_shows_the_last_maps_of_both_parts():
    shown = {layer.name for layer in last_feature_layers(SOURCE.load("pairnet").model)}
    assert shown == {"stage_2_second_relu", "maps"}


def test_pairnet_is_its_parts_side_by_side():
    pair, patch = (SOURCE.load(name) for name in ("pairnet", "patchnet"))
    batch = pair.info.preprocessing.load_batch([picture()])
    features = pair.model.predict(batch, verbose=0)
    np.testing.assert_allclose(features[:, :3200], patch.model.predict(batch, verbose=0), atol=1e-4)
    means = SOURCE.load("leafnet").model.predict(batch, verbose=0).reshape(5, 288)
    gains = [np.asarray(pair.model.get_layer(f"leaf_{part}_gain").kernel).ravel() for part in _patchnet.GAIN_NAMES]
    expected = sum(np.clip(means * gain, 0, 6) for gain in gains)
    np.testing.assert_allclose(features[0, 3200:].reshape(5, 288), expected, atol=1e-3)


def test_swapped_channels_give_other_features(recorded, backbone, features):
    batch = backbone.info.preprocessing.load_batch([picture()[..., ::-1]])
    swapped = backbone.model.predict(batch, verbose=0)
    assert np.abs(swapped - features).mean() > 50 * recorded.tolerance


def test_loading_twice_gives_equal_features(name, features):
    again = SOURCE.load(name)
    batch = again.info.preprocessing.load_batch([picture()])
    np.testing.assert_array_equal(again.model.predict(batch, verbose=0), features)


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "float32"])
def test_follows_the_dtype_policy(policy, name, features, dtype):
    policy(dtype)
    loaded = SOURCE.load(name)
    batch = loaded.info.preprocessing.load_batch([picture()])
    output = np.asarray(loaded.model(batch, training=False)).astype(np.float32)
    assert {variable.dtype for variable in loaded.model.variables} == {"float32"}
    assert loaded.model.compute_dtype == ("bfloat16" if dtype == "mixed_bfloat16" else "float32")
    # bfloat16 keeps 8 bits: over 21 convolutions, or behind gains, decisions stay close but digits do not.
    tolerance = 0.08 if dtype == "mixed_bfloat16" else 1e-4
    assert np.abs(output - features).mean() < tolerance


@pytest.mark.parametrize("size", [32, 64, 128])
def test_other_image_sizes(name, recorded, size):
    loaded = SOURCE.load(name, image_size=size)
    assert loaded.model.input_shape == (None, size, size, 3)
    assert (loaded.info.preprocessing.height, loaded.info.preprocessing.width) == (size, size)
    output = loaded.model(loaded.info.preprocessing.load_batch([picture()]), training=False)
    assert output.shape == (1, recorded.size)
    assert np.isfinite(np.asarray(output)).all()


def test_too_small_an_image_is_refused_with_the_smallest_allowed(name):
    with pytest.raises(UnsupportedError, match=rf"embedded:{name}' takes 32 pixels or more. Received: 31"):
        SOURCE.load(name, image_size=31)


def test_unknown_name_gets_the_closest(name):
    with pytest.raises(NotFoundError, match=rf"Did you mean '{name}'"):
        SOURCE.info(f"{name}t")


def test_layers_are_named_for_unfreezing_and_heatmaps():
    backbone = SOURCE.load("sketchnet")
    names = [layer.name for layer in backbone.model.layers]
    blocks = list(dict.fromkeys("_".join(n.split("_")[:2]) for n in names if n.startswith("block_")))
    assert blocks == [f"block_{number}" for number in range(1, 11)]
    assert backbone.model.get_layer("block_10_relu").output.shape == (None, 6, 6, 256)


def test_every_precision_sensitive_layer_is_plain():
    backbone = SOURCE.load("sketchnet")
    kinds = {type(layer).__name__ for layer in backbone.model.layers}
    allowed = {
        "InputLayer",
        "Conv2D",
        "DepthwiseConv2D",
        "BatchNormalization",
        "ReLU",
        "Add",
        "GlobalAveragePooling2D",
    }
    assert kinds == allowed


def test_damaged_file_is_told_with_its_path(tmp_path):
    whole = weights_file("sketchnet")
    damaged = tmp_path / "sketchnet.npz"
    damaged.write_bytes(whole.read_bytes()[:1000])
    with pytest.raises(IntegrityError, match=r"sketchnet\.npz"):
        embedded._read_weights(damaged)
    with pytest.raises(IntegrityError, match=r"sketchnet\.npz"):
        embedded._read_weights(tmp_path / "nothing" / "sketchnet.npz")
    assert zipfile.is_zipfile(whole)


def test_weights_of_another_network_are_refused(backbone):
    weights = weights_of(backbone.model)
    first = next(key for key in weights if key.endswith("/kernel"))
    missing = {key: value for key, value in weights.items() if key != first}
    with pytest.raises(ValueError, match=f"{first}: needs"):
        put_weights(backbone.model, missing)
    with pytest.raises(ValueError, match="no layer takes other/kernel"):
        put_weights(backbone.model, {**weights, "other/kernel": weights[first]})


def test_a_file_of_another_network_is_told_with_its_path(tmp_path, monkeypatch):
    wrong = tmp_path / "patchnet.npz"
    wrong.write_bytes(weights_file("sketchnet").read_bytes())
    monkeypatch.setattr(embedded, "_weights_file", lambda name: wrong)
    with pytest.raises(IntegrityError, match=r"patchnet\.npz: .* needs \(6, 6, 3, 256\), found nothing"):
        SOURCE.load("patchnet")


def test_describing_imports_no_framework():
    code = (
        "import sys; from tfl.backbones.embedded import SOURCE; SOURCE.list(); SOURCE.info('sketchnet');"
        "print(sorted({'keras', 'tensorflow'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
