"""Modules that cut texts themselves: their strings stay strings, in training, in a file and in an export."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.tiny_hub import save_preprocessor, save_strings
from tfl.backbones.tfhub import SOURCE
from tfl.core.errors import UnsupportedError
from tfl.training.activations import ActivationCache, Job
from tfl.training.engines import engine_name, open_engine
from tfl.training.feed import make_feed, preparer

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

TEXTS = ["one", "Where is my card?", "", "na\u00efve \u65e5\u672c\u8a9e " * 20, "ONE two"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_strings(tmp_path_factory.mktemp("modules") / "strings")


@pytest.fixture(scope="module")
def backbone(folder):
    return SOURCE.load(str(folder))


def test_the_vectors_are_the_modules_own(backbone, folder):
    answers = np.asarray(backbone.model(backbone.info.preprocessing.load_batch(TEXTS)))
    assert np.array_equal(answers, tf.saved_model.load(str(folder))(tf.constant(TEXTS)))
    assert np.abs(answers[0] - answers[1]).max() > 0.1
    assert (backbone.info.feature_size, backbone.info.parameters) == (6, 97 * 6)
    assert "in TensorFlow alone" in backbone.info.note
    assert SOURCE.info(str(folder)).task == "text_classification"


def test_operations_of_tensorflow_text_are_there(tmp_path):
    pytest.importorskip("tensorflow_text")
    folder = save_strings(tmp_path / "folding", text_operations=True)
    backbone = SOURCE.load(str(folder))
    answers = np.asarray(backbone.model(backbone.info.preprocessing.load_batch(["STRASSE", "stra\u00dfe"])))
    assert np.array_equal(answers[0], answers[1])


WITHOUT = """
import sys
import tfl.core.extras as extras, tfl.core.saved_models as saved_models
present = extras.is_installed
extras.is_installed = saved_models.is_installed = lambda module: module != "tensorflow_text" and present(module)
from tfl.backbones.tfhub import SOURCE
from tfl.core.errors import MissingExtraError
try:
    SOURCE.load(sys.argv[1])
except MissingExtraError as error:
    print(error.message, error.hint)
"""


@pytest.mark.slow
def test_without_tensorflow_text_the_command_is_told(tmp_path):
    pytest.importorskip("tensorflow_text")
    folder = save_strings(tmp_path / "folding", text_operations=True)
    code = f"import sys; sys.path[:0] = {sys.path!r}\n{WITHOUT}"
    told = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True).stdout
    assert "CaseFoldUTF8" in told
    assert "tfl[transformers]" in told


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"batch": True}, "otherwise in a batch than alone"), ({"scalar": True}, "not with one vector for each")],
)
def test_what_gives_no_vector_of_a_text_is_refused(settings, message, tmp_path):
    folder = save_strings(tmp_path / "odd", **settings)
    with pytest.raises(UnsupportedError, match=message):
        SOURCE.load(str(folder))


def test_a_preprocessor_alone_is_no_backbone(tmp_path):
    pytest.importorskip("tensorflow_text")
    folder = save_preprocessor(tmp_path / "preprocessor")
    with pytest.raises(UnsupportedError) as raised:
        SOURCE.load(str(folder))
    assert "@preprocess=" in (raised.value.hint or "")


def test_saved_and_loaded(backbone, tmp_path):
    texts = backbone.info.preprocessing.load_batch(TEXTS)
    backbone.model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects=SOURCE.custom_objects(), compile=False)
    assert np.array_equal(np.asarray(loaded(texts)), np.asarray(backbone.model(texts)))


def test_it_learns_from_a_feed_of_rows(folder):
    backbone = SOURCE.load(str(folder))
    contract = backbone.info.preprocessing
    rows, labels = np.stack([contract.read(text) for text in TEXTS]), np.array([0, 1, 0, 1, 0], np.int32)
    head = keras.layers.Dense(2, activation="softmax")(backbone.model.output)
    model = keras.Model(backbone.model.input, head)
    before = backbone.model.get_weights()[0]
    model.compile(keras.optimizers.SGD(1.0), "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(make_feed(rows, labels, batch_size=2, prepare=preparer(contract), shuffle_seed=0), epochs=3, verbose=0)
    moved = np.abs(backbone.model.get_weights()[0] - before).max(axis=1)
    assert 0 < np.count_nonzero(moved) < len(moved)


def test_its_features_are_computed_by_keras_and_kept(backbone, tmp_path):
    contract = backbone.info.preprocessing
    texts = [f"{text} {number}" for number in range(50) for text in TEXTS]
    rows = np.stack([contract.read(text) for text in texts])
    told = []

    class Told:
        def result(self, line):
            told.append(line)

        def update(self, *_, **__):
            pass

    def opened(sample):
        return open_engine(
            backbone.model, 250, policy="float32", batch_size=32, sample=sample, key=("texts",), progress=Told()
        )

    feed = make_feed(rows, np.zeros(250, np.int32), batch_size=32, prepare=preparer(contract))
    cache = ActivationCache(dtype="float32", folder=tmp_path / "cache")
    wanted = engine_name(250, policy="float32")
    found = cache.get(Job("features", ("texts",), 250, 1, lambda: feed, opened, wanted), progress=Told())
    assert np.allclose(found.values, np.asarray(backbone.model(contract.load_batch(texts))), atol=1e-6)
    # That OpenVINO has no strings is known and nobody's news.
    assert told == []
