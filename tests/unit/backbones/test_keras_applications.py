"""Backbones of keras.applications: the table against Keras itself, where weights come from, and what is refused."""

from __future__ import annotations

import inspect
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tfl.backbones._keras_applications_table import APPLICATIONS
from tfl.backbones.keras_applications import SOURCE
from tfl.core.errors import IntegrityError, JobError, NotFoundError, UnsupportedError, UserError
from tfl.core.files import sha256_file
from tfl.data.preprocess import normalize

keras = pytest.importorskip("keras")

#: The quickest model of each family; the others are built when TFL_TEST_EVERY_MODEL is set (about ten minutes).
QUICK = [
    "ConvNeXtTiny",
    "DenseNet121",
    "EfficientNetB0",
    "EfficientNetV2B0",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "VGG19",
    "Xception",
]
EVERY = bool(os.environ.get("TFL_TEST_EVERY_MODEL"))
BUILT = sorted(APPLICATIONS) if EVERY else QUICK


@pytest.fixture
def policy():
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


@pytest.fixture(scope="module")
def mobilenet():
    return SOURCE.load("MobileNetV2@none", image_size=32)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)


def test_the_table_has_every_model_of_keras():
    assert set(APPLICATIONS) == {name for name in dir(keras.applications) if name[0].isupper()}


@pytest.mark.parametrize("name", sorted(APPLICATIONS))
def test_the_contract_is_the_models_own_preprocessing(name):
    pixels = np.random.default_rng(1).integers(0, 256, (2, 5, 5, 3)).astype(np.uint8)
    module = inspect.getmodule(inspect.unwrap(getattr(keras.applications, name)))
    theirs = np.asarray(module.preprocess_input(pixels.astype(np.float32)))
    # Keras rounds to float32 at each step, tfl once: up to 3e-5 on values up to 255.
    np.testing.assert_allclose(normalize(pixels, SOURCE.info(name).preprocessing), theirs, atol=5e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILT)
def test_the_table_is_what_keras_builds(name):
    make, application = getattr(keras.applications, name), APPLICATIONS[name]
    size = application.min_size
    model = make(weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3))
    assert model.count_params() == application.parameters
    assert model.output_shape == (None, application.feature_size)
    with pytest.raises(ValueError, match=r"at least|No such|[Ii]nput"):
        make(weights=None, include_top=False, pooling="avg", input_shape=(size - 1, size - 1, 3))
    keras.backend.clear_session()


ASK = """
import sys, keras
for name, size in zip(sys.argv[1::2], map(int, sys.argv[2::2])):
    try:
        getattr(keras.applications, name)(include_top=False, input_shape=(size, size, 3))
    except Exception as error:
        print(error)
"""


@pytest.mark.slow
def test_the_files_are_those_that_keras_asks_for(caches):
    """Keras itself, without a network, names the address that it would download from."""
    names = BUILT if EVERY else ["MobileNetV2", "MobileNet", "EfficientNetB0", "NASNetMobile", "ResNet50V2"]
    asked = [text for name in names for text in (name, str(APPLICATIONS[name].size))]
    # A proxy that refuses, so that nothing is downloaded where there is a network either.
    environment = {**os.environ, "https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}
    done = subprocess.run(
        [sys.executable, "-c", ASK, *asked], capture_output=True, text=True, check=True, env=environment
    )
    refused = [
        line.split()[4].removesuffix(":")
        for line in done.stdout.splitlines()
        if line.startswith("URL fetch failure on")
    ]
    assert refused == [APPLICATIONS[name].url(APPLICATIONS[name].size) for name in names]


def test_mobilenets_have_weights_of_their_own_for_other_sizes():
    assert APPLICATIONS["MobileNetV2"].url(160).endswith("mobilenet_v2/" + APPLICATIONS["MobileNetV2"].file_for(160))
    assert APPLICATIONS["MobileNetV2"].file_for(160).endswith("_1.0_160_no_top.h5")
    assert APPLICATIONS["MobileNetV2"].file_for(150).endswith("_1.0_224_no_top.h5")
    assert APPLICATIONS["MobileNet"].file_for(128) == "mobilenet_1_0_128_tf_no_top.h5"
    assert APPLICATIONS["ResNet50"].file_for(160) == APPLICATIONS["ResNet50"].file_for(224)


def test_list_and_info_import_no_framework(caches):
    code = (
        "import sys; from tfl.backbones.keras_applications import SOURCE; items = SOURCE.list(); SOURCE.info('VGG16');"
        "print(len(items), any(item.available_offline for item in items), {'keras', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(APPLICATIONS)), "False", "set()"]


def test_available_offline_follows_the_cache(caches):
    assert not SOURCE.info("ResNet50").available_offline
    assert SOURCE.info("ResNet50@none").available_offline
    place = caches["KERAS_HOME"] / "models" / APPLICATIONS["ResNet50"].file
    place.parent.mkdir(parents=True)
    place.write_bytes(b"")
    assert SOURCE.info("ResNet50").available_offline


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("MobilNetV2", "MobileNetV2"),
        ("resnet50", "ResNet50"),
        ("VGG16@imagnet", "@imagenet"),
        ("ResNet50@x.zip", "PATH"),
    ],
)
def test_typos_are_told_with_the_closest_name(name, said):
    with pytest.raises(NotFoundError) as caught:
        SOURCE.info(name)
    assert said in str(caught.value)


def test_an_image_that_is_too_small_is_refused():
    with pytest.raises(UnsupportedError, match=r"75 pixels or more.*74"):
        SOURCE.load("InceptionV3@none", image_size=74)


def test_missing_weights_say_which_file_goes_where(caches):
    with pytest.raises(JobError) as caught:
        SOURCE.load("NASNetMobile")
    text = str(caught.value)
    assert "https://storage.googleapis.com/tensorflow/keras-applications/nasnet/NASNet-mobile-no-top.h5" in text
    assert str(caches["KERAS_HOME"] / "models" / "nasnet_mobile_no_top.h5") in text
    assert not caches["KERAS_HOME"].exists()
    with pytest.raises(JobError, match="can't be downloaded"):
        SOURCE.fetch("NASNetMobile")


def test_random_weights_are_the_same_every_time_and_disturb_nobody(mobilenet, images):
    random.seed(5)
    expected = random.Random(5).random()
    again = SOURCE.load("MobileNetV2@none", image_size=32)
    assert again.digest == mobilenet.digest
    assert random.random() == expected
    assert again.info.preprocessing.height == 32
    features = again.model.predict(images, verbose=0)
    np.testing.assert_array_equal(features, mobilenet.model.predict(images, verbose=0))
    assert features.shape == (2, 1280)


def test_the_active_policy_decides_the_arithmetic(policy, images):
    policy("mixed_bfloat16")
    model = SOURCE.load("MobileNetV2@none", image_size=32).model
    assert keras.backend.standardize_dtype(model.output.dtype) == "bfloat16"
    assert {keras.backend.standardize_dtype(weight.dtype) for weight in model.weights} == {"float32"}


def test_weights_from_a_named_file(mobilenet, images, tmp_path):
    path = tmp_path / "own.weights.h5"
    mobilenet.model.save_weights(path)
    loaded = SOURCE.load(f"MobileNetV2@{path}", image_size=32)
    assert loaded.digest == sha256_file(path)
    assert loaded.info.licence == "unknown"
    np.testing.assert_array_equal(loaded.model.predict(images, verbose=0), mobilenet.model.predict(images, verbose=0))
    with pytest.raises(IntegrityError, match="does not hold the weights"):
        SOURCE.load(f"MobileNet@{path}", image_size=32)


def test_a_file_that_holds_no_weights(tmp_path):
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(UserError, match="HDF5"):
        SOURCE.load(f"MobileNetV2@{tmp_path / 'text.h5'}")
    with pytest.raises(NotFoundError, match=r"gone\.h5"):
        SOURCE.load(f"MobileNetV2@{tmp_path / 'gone.h5'}")


def test_efficientnet_divides_by_the_deviation_twice(tmp_path):
    """What Keras does for `weights="imagenet"` alone holds for the same weights in any place."""
    mean, variance = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    plain = keras.applications.EfficientNetB0(weights=None, include_top=False, pooling="avg", input_shape=(32, 32, 3))
    layer = next(layer for layer in plain.layers if isinstance(layer, keras.layers.Normalization))
    layer.adapt_mean.assign(mean)
    layer.adapt_variance.assign(variance)
    layer.finalize_state()
    plain.save_weights(tmp_path / "b0.weights.h5")
    model = SOURCE.load(f"EfficientNetB0@{tmp_path / 'b0.weights.h5'}", image_size=32).model
    position = next(i for i, layer in enumerate(model.layers) if isinstance(layer, keras.layers.Normalization))
    stem = keras.Model(model.input, model.layers[position].output)
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    expected = (pixels / 255 - mean) / np.sqrt(variance) / np.sqrt([0.229, 0.224, 0.225])
    np.testing.assert_allclose(stem.predict(pixels, verbose=0), expected, rtol=1e-5, atol=1e-5)


@pytest.fixture(scope="module")
def mobilenet_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "carried.weights.h5"
    SOURCE.load("MobileNet@none").model.save_weights(path)
    return path


def test_an_imported_file_is_recorded_and_checked(caches, mobilenet_file, tmp_path):
    file = tmp_path / "legacy.h5"
    SOURCE.load(f"MobileNet@{mobilenet_file}").model.save_weights(tmp_path / "x.weights.h5")
    legacy = keras.applications.MobileNet(weights=str(mobilenet_file), include_top=False, input_shape=(224, 224, 3))
    legacy.save(file)
    (place,) = SOURCE.import_file("MobileNet", file)
    assert place == caches["KERAS_HOME"] / "models" / "mobilenet_1_0_224_tf_no_top.h5"
    assert place.read_bytes() == file.read_bytes()
    assert SOURCE.info("MobileNet").available_offline
    assert SOURCE.load("MobileNet").digest == sha256_file(place)
    assert SOURCE.fetch("MobileNet") == (place,)
    with place.open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(IntegrityError, match="altered"):
        SOURCE.load("MobileNet")


def test_a_wrong_file_is_not_imported(caches, mobilenet_file):
    with pytest.raises(UserError, match=r"not the published resnet50.*checksum"):
        SOURCE.import_file("ResNet50", mobilenet_file)
    with pytest.raises(IntegrityError, match="does not hold the weights"):
        SOURCE.import_file("MobileNetV2", mobilenet_file)
    with pytest.raises(UserError, match="needs no import"):
        SOURCE.import_file("ResNet50@none", mobilenet_file)
    assert not caches["KERAS_HOME"].exists()


def test_a_broken_published_file_is_noticed(caches, mobilenet_file):
    place = caches["KERAS_HOME"] / "models" / APPLICATIONS["ResNet50"].file
    place.parent.mkdir(parents=True)
    shutil.copyfile(mobilenet_file, place)
    for action in (SOURCE.load, SOURCE.fetch):
        with pytest.raises(IntegrityError, match="not the published file"):
            action("ResNet50")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ConvNeXtTiny", "InceptionResNetV2"] if EVERY else ["ConvNeXtTiny"])
def test_models_with_layers_of_their_own_can_be_loaded_again(name, tmp_path):
    backbone = SOURCE.load(f"{name}@none", image_size=APPLICATIONS[name].min_size)
    backbone.model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", custom_objects=SOURCE.custom_objects(), compile=False)
    image = np.random.default_rng(0).uniform(0, 1, (1, *backbone.model.input_shape[1:])).astype(np.float32)
    np.testing.assert_array_equal(again.predict(image, verbose=0), backbone.model.predict(image, verbose=0))


@pytest.mark.real
def test_real_weights_load_offline(real_data, caches, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(real_data / "keras_home"))
    assert [info.spec for info in SOURCE.list() if info.available_offline] == ["keras_applications:MobileNetV2"]
    backbone = SOURCE.load("MobileNetV2")
    file = Path(real_data / "keras_home" / "models" / APPLICATIONS["MobileNetV2"].file)
    assert backbone.digest == sha256_file(file)
    reference = keras.applications.MobileNetV2(
        weights=str(file), include_top=False, pooling="avg", input_shape=(224, 224, 3)
    )
    image = np.random.default_rng(0).uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)
    np.testing.assert_array_equal(backbone.model.predict(image, verbose=0), reference.predict(image, verbose=0))
    assert not caches["TFL_CACHE"].exists()
