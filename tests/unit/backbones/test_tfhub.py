"""Backbones of TF Hub: a SavedModel as a Keras layer, and everything that can be wrong with one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
import zipfile

import numpy as np
import pytest

from tfl.backbones import _cache
from tfl.backbones._hub_layer import hub_module_class
from tfl.backbones._hub_module import VariableSpec
from tfl.backbones._hub_table import HUB_MODULES
from tfl.backbones.tfhub import SOURCE
from tfl.core.errors import DataError, IntegrityError, JobError, NotFoundError, UnsupportedError, UserError

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

MOBILENET = "https://tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vector/5"
MOBILENET_PLACE = "5a2fc00b609485c742fba2c65fadaca6c99a835c"
KAGGLE = "google/mobilenet-v2/tensorFlow2/100-224-feature-vector"


@pytest.fixture
def policy():
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((4, 16, 16, 3)).astype(np.float32)


def load(folder):
    return SOURCE.load(str(folder), image_size=16)


def classifier(backbone):
    head = keras.layers.Dense(2, activation="softmax", name="head")
    return keras.Model(backbone.model.input, head(backbone.model.output))


def trained(folder, images, *, frozen=False):
    keras.utils.set_random_seed(0)
    model = classifier(load(folder))
    model.get_layer("hub_module").trainable = not frozen
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(images, np.array([0, 1, 0, 1]), epochs=2, verbose=0)
    return model


def pack(folder, archive):
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, arcname=".")
    return archive


def test_features_are_the_modules_own(module_folder, images):
    backbone = load(module_folder)
    raw = tf.saved_model.load(str(module_folder))(tf.constant(images), training=False)
    np.testing.assert_array_equal(backbone.model.predict(images, verbose=0), raw)
    assert backbone.model.output_shape == (None, 5)
    assert (backbone.info.feature_size, backbone.info.parameters) == (5, 3 * 3 * 3 * 5 + 4 * 5)
    assert backbone.info.preprocessing.value_range == (0.0, 1.0)
    assert backbone.digest == _cache.digest_of(module_folder)


def test_the_cache_is_the_one_that_the_library_reads(module_folder, tmp_path, monkeypatch):
    hub = pytest.importorskip("tensorflow_hub")
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))
    (place,) = SOURCE.import_file(MOBILENET, pack(module_folder, tmp_path / "module.tar.gz"))
    assert hub.resolve(MOBILENET) == str(place)


def test_variables_are_the_layers_weights(module_folder):
    layer = load(module_folder).model.get_layer("hub_module")
    assert sorted(weight.name for weight in layer.trainable_weights) == ["bn_beta", "bn_gamma", "conv_kernel"]
    assert sorted(weight.name for weight in layer.non_trainable_weights) == ["bn_moving_mean", "bn_moving_var"]
    layer.trainable = False
    assert not layer.trainable_weights
    assert len(layer.weights) == 5


def test_training_moves_the_weights_and_never_the_statistics(module_folder, images):
    before = {weight.path: weight.numpy() for weight in load(module_folder).model.weights}
    model = trained(module_folder, images)
    moved = {w.name for w in model.get_layer("hub_module").weights if not np.array_equal(before[w.path], w.numpy())}
    assert moved == {"bn_beta", "bn_gamma", "conv_kernel"}
    still = trained(module_folder, images, frozen=True).get_layer("hub_module")
    assert all(np.array_equal(before[weight.path], weight.numpy()) for weight in still.weights)


def test_two_layers_of_one_module_share_nothing(module_folder, images):
    untouched = load(module_folder)
    before = untouched.model.predict(images, verbose=0)
    trained(module_folder, images)
    np.testing.assert_array_equal(untouched.model.predict(images, verbose=0), before)


RELOAD = """
import sys, numpy as np, keras
from tfl.backbones.tfhub import SOURCE
model = keras.models.load_model(sys.argv[1], custom_objects=SOURCE.custom_objects(), compile=False)
images = np.load(sys.argv[2])
model.save(sys.argv[4])
again = keras.models.load_model(sys.argv[4], custom_objects=SOURCE.custom_objects(), compile=False)
np.save(sys.argv[3], [model.predict(images, verbose=0), again.predict(images, verbose=0)])
"""


def test_a_saved_model_loads_where_the_module_never_was(make_module, images, tmp_path):
    folder = make_module(tmp_path / "module", seed=1)
    model = trained(folder, images)
    expected = model.predict(images, verbose=0)
    model.save(tmp_path / "m.keras")
    shutil.rmtree(folder)
    np.save(tmp_path / "x.npy", images)
    paths = [str(tmp_path / name) for name in ("m.keras", "x.npy", "y.npy", "again.keras")]
    subprocess.run([sys.executable, "-c", RELOAD, *paths], check=True, capture_output=True)
    for answer in np.load(tmp_path / "y.npy"):
        np.testing.assert_array_equal(answer, expected)
    with pytest.raises(UserError, match="module"):
        model.save(tmp_path / "late.keras")


def test_exports_agree(module_folder, images, tmp_path, monkeypatch):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    openvino = pytest.importorskip("openvino")
    monkeypatch.setenv("CI", "true")  # OpenVINO's converter would report home, and wait for an answer
    model = trained(module_folder, images)
    expected = model.predict(images, verbose=0)
    folder = str(tmp_path / "exported")
    model.export(folder, verbose=False)
    serving = tf.saved_model.load(folder).signatures["serving_default"]
    np.testing.assert_array_equal(next(iter(serving(tf.constant(images)).values())), expected)

    converter = tf.lite.TFLiteConverter.from_saved_model(folder)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = litert.Interpreter(model_content=converter.convert())
    interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images)
    interpreter.invoke()
    # Other kernels round in another order: a few units in the last place of float32.
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, expected, atol=2e-6)

    compiled = openvino.compile_model(
        openvino.convert_model(folder), "CPU", {"INFERENCE_PRECISION_HINT": openvino.Type.f32}
    )
    np.testing.assert_allclose(compiled(images)[0], expected, atol=2e-6)


def test_mixed_precision_computes_in_float32_and_answers_in_the_policy(module_folder, images, policy):
    expected = load(module_folder).model.predict(images, verbose=0)
    policy("mixed_bfloat16")
    mixed = load(module_folder)
    assert keras.backend.standardize_dtype(mixed.model.output.dtype) == "bfloat16"
    features = np.asarray(mixed.model(images), dtype=np.float32)
    # One rounding to bfloat16 at the end: 8 bits of mantissa.
    np.testing.assert_allclose(features, expected, rtol=2**-8)
    model = trained(module_folder, images)
    weights = model.get_weights()
    policy("float32")
    plain = classifier(load(module_folder))
    plain.set_weights(weights)
    np.testing.assert_allclose(plain.predict(images, verbose=0), model.predict(images, verbose=0), atol=0.02)


def test_a_feature_map_is_averaged(make_module, images, tmp_path):
    plain = load(make_module(tmp_path / "vector", seed=2)).model.predict(images, verbose=0)
    backbone = load(make_module(tmp_path / "map", feature_map=True, seed=2))
    assert backbone.model.output_shape == (None, 5)
    np.testing.assert_allclose(backbone.model.predict(images, verbose=0), plain, rtol=1e-6)


def test_a_module_that_can_not_be_called_runs_by_its_signature(module_folder, images, tmp_path):
    exported = tmp_path / "exported"
    original = load(module_folder).model
    original.export(exported, verbose=False)
    backbone = load(exported)
    np.testing.assert_array_equal(backbone.model.predict(images, verbose=0), original.predict(images, verbose=0))
    assert len(backbone.model.weights) == 5


def test_the_modules_own_size_is_taken_and_others_are_refused(make_module, tmp_path):
    folder = make_module(tmp_path / "fixed", size=24)
    assert SOURCE.load(str(folder)).info.preprocessing.height == 24
    with pytest.raises(UnsupportedError, match="24 x 24 pixels only"):
        SOURCE.load(str(folder), image_size=16)


@pytest.mark.parametrize(
    "extra",
    [
        lambda tf, x: tf.numpy_function(lambda value: value, [x], tf.float32),
        lambda tf, x: x + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32),
    ],
    ids=["python", "file"],
)
def test_a_graph_that_reaches_beyond_itself_is_not_loaded(make_module, tmp_path, extra):
    folder = make_module(tmp_path / "evil", feature_map=True, extra=extra)
    with pytest.raises(UnsupportedError, match="reach beyond the model"):
        load(folder)


def test_what_is_no_image_network_is_refused(tmp_path, make_module):
    integers = make_module(tmp_path / "integers", extra=lambda tf, x: tf.cast(x, tf.int32), feature_map=True)
    with pytest.raises(UnsupportedError, match="int32"):
        load(integers)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnsupportedError, match="not a TF2 SavedModel"):
        load(tmp_path / "empty")
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "saved_model.pb").write_bytes(b"\xff\xff\xff")
    with pytest.raises(IntegrityError, match="not a SavedModel"):
        load(tmp_path / "junk")


def rewrite(path, target, change):
    """Copy a `.keras` file with `change(name, data)` applied to each member."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            copy.writestr(name, change(name, source.read(name)))
    return target


def reload(path):
    return keras.models.load_model(path, custom_objects=SOURCE.custom_objects(), compile=False)


@pytest.fixture(scope="module")
def saved(module_folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "m.keras"
    load(module_folder).model.save(path)
    return path


def test_an_altered_saved_model_inside_the_file_is_refused(saved, tmp_path):
    def change(name, data):
        return data + b"\0" if name.endswith("saved_model.pb") else data

    with pytest.raises((ValueError, IntegrityError), match="SHA-256"):
        reload(rewrite(saved, tmp_path / "m.keras", change))


@pytest.mark.parametrize(
    ("forged", "said"),
    [
        (
            {"variables": [{"name": "x", "shape": [1 << 40], "dtype": "float32", "trainable": True}]},
            "bytes of variables",
        ),
        ({"variables": [{"name": "x", "shape": [-1], "dtype": "float32", "trainable": True}]}, "no variable"),
        ({"variables": [{"name": "x", "shape": ["1"], "dtype": "float32", "trainable": True}]}, "no variable"),
        ({"variables": [{"name": "x", "shape": [1], "dtype": "string", "trainable": True}]}, "no variable"),
        ({"variables": ["/etc/passwd"]}, "no variable"),
        ({"feature_shape": [0]}, "no output"),
        ({"feature_shape": "../.."}, "no output"),
        ({"module_digest": "../../etc"}, "SHA-256"),
        ({"variables": []}, ""),
    ],
    ids=str,
)
def test_a_forged_config_is_refused(saved, tmp_path, forged, said):
    def change(name, data):
        if name != "config.json":
            return data
        config = json.loads(data)
        layer = next(item for item in config["config"]["layers"] if item["class_name"] == "HubModule")
        layer["config"].update(forged)
        return json.dumps(config)

    # Keras wraps what a layer raises.
    with pytest.raises((ValueError, TypeError, IntegrityError), match=said):
        reload(rewrite(saved, tmp_path / "m.keras", change))


def test_a_variable_is_described_and_read_back():
    spec = VariableSpec("conv_kernel", (3, 3, 3, 5), "float32", True)
    assert VariableSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert spec.size_bytes == 540


def test_the_layer_is_registered_with_keras():
    assert keras.saving.get_registered_object("tfl>HubModule") is hub_module_class()
    assert SOURCE.custom_objects()["tfl>HubModule"] is hub_module_class()


def test_the_table_is_sound():
    assert MOBILENET in HUB_MODULES
    for handle, entry in HUB_MODULES.items():
        assert handle == entry.handle
        assert handle.startswith("https://tfhub.dev/google/")
        assert 96 <= entry.size <= 512
        assert entry.feature_size is None or 1024 <= entry.feature_size <= 8192
    for family in ("mobilenet_v2", "mobilenet_v3", "efficientnet_v2", "resnet_v2", "inception", "nasnet", "bit/"):
        assert any(family in handle for handle in HUB_MODULES)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "parameters"), [("035", 410_208), ("075", 1_382_064), ("130", 3_766_048)])
def test_mobilenets_are_counted_on_the_same_architecture(width, parameters):
    model = keras.applications.MobileNetV2(
        alpha=int(width) / 100, weights=None, include_top=False, pooling="avg", input_shape=(32, 32, 3)
    )
    entry = next(entry for handle, entry in HUB_MODULES.items() if f"mobilenet_v2_{width}_224" in handle)
    assert (entry.parameters, entry.feature_size) == (parameters, model.output_shape[-1])
    assert model.count_params() == parameters


def test_list_and_info_import_no_framework(caches):
    code = (
        "import sys; from tfl.backbones.tfhub import SOURCE; items = SOURCE.list();"
        f"SOURCE.info('{KAGGLE}'); SOURCE.info('https://tfhub.dev/x/y/1');"
        "print(len(items), any(item.available_offline for item in items),"
        " {'keras', 'tensorflow', 'tensorflow_hub'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(HUB_MODULES)), "False", "set()"]


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v2_100_223",
        "tfhub.dev/google/imagenet/mobilenet_v2_100_224/feature_vectr/5",
        "google/imagenet/mobilenet_v2_100_224/feature_vector/4",
    ],
)
def test_typos_are_told_with_the_closest_handle(name):
    with pytest.raises(NotFoundError, match=r"Did you mean 'https://tfhub\.dev/google/imagenet/mobilenet_v2_100_"):
        SOURCE.info(name)


@pytest.mark.parametrize("name", ["gone.tar.gz", "./gone", "/gone/module", "http://tfhub.dev/x/1", "hello"])
def test_what_is_no_handle_is_not_found(name):
    with pytest.raises(NotFoundError, match=r"saved_model\.pb"):
        SOURCE.load(name)


def test_a_missing_module_says_which_file_goes_where(caches):
    with pytest.raises(JobError) as caught:
        SOURCE.load(MOBILENET)
    text = str(caught.value)
    assert f"{MOBILENET}?tf-hub-format=compressed" in text
    assert str(caches["TFHUB_CACHE_DIR"] / MOBILENET_PLACE / "saved_model.pb") in text
    assert f"tfl models import 'tfhub:{MOBILENET}'" in text
    assert not caches["TFHUB_CACHE_DIR"].exists()
    with pytest.raises(JobError, match=r"kaggle\.com/api/v1/models/google/mobilenet-v2/.*/2/download"):
        SOURCE.fetch(f"{KAGGLE}/2")
    with pytest.raises(JobError, match="names no version"):
        SOURCE.load(KAGGLE)


@pytest.mark.parametrize("form", ["folder", "archive"])
def test_an_imported_module_is_recorded_and_checked(caches, module_folder, tmp_path, form):
    handle = "https://tfhub.dev/someone/module/1"
    file = module_folder if form == "folder" else pack(module_folder, tmp_path / "module.tar.gz")
    assert not SOURCE.info(handle).available_offline
    (place,) = SOURCE.import_file(handle, file)
    assert place.parent == caches["TFHUB_CACHE_DIR"]
    assert place.with_name(f"{place.name}.descriptor.txt").read_text() == f"Module: {handle}\n"
    assert SOURCE.info(handle).available_offline
    assert SOURCE.fetch(handle) == (place,)
    assert SOURCE.load(handle, image_size=16).digest == _cache.digest_of(module_folder)
    with (place / "saved_model.pb").open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(IntegrityError, match="altered"):
        SOURCE.load(handle, image_size=16)


def test_kaggles_cache_is_honoured_at_its_newest_version(caches, make_module):
    home = caches["KAGGLEHUB_CACHE"] / "models" / KAGGLE
    for version in (2, 10):
        make_module(home / str(version), seed=version)
    assert SOURCE.info(KAGGLE).available_offline
    assert SOURCE.load(KAGGLE, image_size=16).digest == _cache.digest_of(home / "10")
    assert SOURCE.load(f"{KAGGLE}/2", image_size=16).digest == _cache.digest_of(home / "2")
    assert not SOURCE.info(f"{KAGGLE}/3").available_offline


def test_an_archive_is_unpacked_once_into_the_cache(caches, module_folder, images, tmp_path):
    archive = pack(module_folder, tmp_path / "module.tar.gz")
    first = load(archive)
    (place,) = (caches["TFL_CACHE"] / "modules").iterdir()
    made = (place / "saved_model.pb").stat().st_mtime_ns
    np.testing.assert_array_equal(
        load(archive).model.predict(images, verbose=0), first.model.predict(images, verbose=0)
    )
    assert (place / "saved_model.pb").stat().st_mtime_ns == made


def test_wrong_files_are_not_imported(caches, module_folder, tmp_path):
    (tmp_path / "text.tar.gz").write_text("hello")
    with pytest.raises(DataError, match="not a readable tar archive"):
        SOURCE.import_file(MOBILENET, tmp_path / "text.tar.gz")
    with pytest.raises(UserError, match="neither"):
        SOURCE.import_file(MOBILENET, tmp_path / "gone")
    with pytest.raises(UserError, match="needs no import"):
        SOURCE.import_file(str(module_folder), module_folder)
    with pytest.raises(UserError, match="nothing to fetch"):
        SOURCE.fetch(str(module_folder))
    assert not SOURCE.info(MOBILENET).available_offline


@pytest.mark.real
def test_the_real_module_loads_offline_and_agrees(real_data, caches, monkeypatch):
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(real_data / "tfhub_cache"))
    assert [info.spec for info in SOURCE.list() if info.available_offline] == [f"tfhub:{MOBILENET}"]
    backbone = SOURCE.load(MOBILENET)
    known = HUB_MODULES[MOBILENET]
    assert (backbone.info.parameters, backbone.info.feature_size) == (known.parameters, known.feature_size)
    assert (len(backbone.model.trainable_weights), len(backbone.model.weights)) == (156, 260)
    image = np.random.default_rng(0).random((1, 224, 224, 3)).astype(np.float32)
    raw = tf.saved_model.load(str(real_data / "tfhub_cache" / MOBILENET_PLACE))(tf.constant(image), training=False)
    np.testing.assert_array_equal(backbone.model.predict(image, verbose=0), raw)
    assert not caches["TFL_CACHE"].exists()
