"""Modules that take strings: rebuilt on words and proven to answer the same, or refused with the reason."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tfl.backbones import _hub_text
from tfl.backbones.tfhub import SOURCE
from tfl.core.errors import UnsupportedError
from tfl.training.cut import Cuttable

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")

WORDS = ("the", "card", "where", "is", "quick", "brown", "it", "ok", "naïve", "and", "spaces", "many")
TEXTS = ["The card is WHERE?", "", "nothing known", "the the quick zebra", "naïve " * 40]


def save_text_module(
    folder, *, combiner="mean", unknown="dropped", pattern="[.?!,]+", encoding="", buckets=1, extra=None
):
    """Write a SavedModel string -> vector, as text embeddings of TF Hub are."""
    source = folder.with_name(f"{folder.name}-words.txt")
    source.write_text("\n".join(WORDS) + "\n", encoding="utf-8")

    class Module(tf.Module):
        def __init__(self):
            super().__init__()
            vectors = np.random.default_rng(0).normal(size=(len(WORDS) + buckets, 5)).astype(np.float32)
            self.table = tf.Variable(vectors, name="embeddings")
            table = tf.lookup.TextFileInitializer(
                str(source),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            self.lookup = tf.lookup.StaticVocabularyTable(table, buckets)

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="sentences")])
        def __call__(self, sentences):
            texts = tf.strings.lower(sentences, encoding=encoding)
            texts = tf.strings.regex_replace(texts, pattern, " ") if pattern else texts
            texts = extra(texts) if extra else texts
            words = tf.strings.split(texts).to_tensor(default_value=" ")
            found, padding = self.lookup.lookup(words), words == " "
            known = ~padding if unknown == "kept" else ~padding & (found < len(WORDS))
            weights = tf.cast(known, tf.float32)[..., None]
            total = tf.reduce_sum(tf.gather(self.table, found) * weights, 1)
            count = tf.reduce_sum(weights, 1)
            if combiner == "max":
                return tf.reduce_max(tf.gather(self.table, found) * weights, 1)
            divisor = {"mean": count, "sqrtn": tf.sqrt(count), "sum": tf.ones_like(count)}[combiner]
            return tf.math.divide_no_nan(total, divisor)

    module = Module()
    tf.saved_model.save(module, str(folder), signatures=module.__call__)
    return module


@pytest.mark.parametrize("combiner", ["mean", "sum", "sqrtn"])
@pytest.mark.parametrize("unknown", ["dropped", "kept"])
def test_the_network_answers_as_the_module(combiner, unknown, tmp_path):
    module = save_text_module(tmp_path / "module", combiner=combiner, unknown=unknown)
    backbone = SOURCE.load(str(tmp_path / "module"))
    contract = backbone.info.preprocessing
    assert contract.unknown == unknown
    assert contract.lower == "ascii"
    answers = np.asarray(backbone.model(contract.load_batch(TEXTS)))
    assert np.allclose(answers, module(tf.constant(TEXTS)), atol=1e-5)
    assert np.abs(answers[0] - answers[3]).max() > 0.1


def test_lower_case_of_every_letter_is_told_from_that_of_ascii(tmp_path):
    module = save_text_module(tmp_path / "module", encoding="utf-8", pattern="")
    contract = SOURCE.load(str(tmp_path / "module")).info.preprocessing
    assert contract.lower == "unicode"
    assert np.count_nonzero(contract.read("NAÏVE")) == 1
    assert np.abs(module(tf.constant(["NAÏVE"]))).max() > 0


def test_what_it_says_of_itself(tmp_path):
    save_text_module(tmp_path / "module")
    described = SOURCE.info(str(tmp_path / "module"))
    backbone = SOURCE.load(str(tmp_path / "module"))
    assert described.task == backbone.info.task == "text_classification"
    assert described.min_size == 0
    assert backbone.info.feature_size == 5
    assert backbone.info.parameters == backbone.model.count_params() == 5 * (1 + len(WORDS))
    assert backbone.model.input.name == "ids"
    with pytest.raises(UnsupportedError, match=r"image_size.*takes texts"):
        SOURCE.load(str(tmp_path / "module"), image_size=32)


def test_a_module_of_pictures_is_none_of_strings(module_folder):
    assert not _hub_text.is_text_module(module_folder)
    assert SOURCE.info(str(module_folder)).task == "image_classification"


def test_saved_loaded_and_learned(tmp_path):
    save_text_module(tmp_path / "module")
    backbone = SOURCE.load(str(tmp_path / "module"))
    ids = backbone.info.preprocessing.load_batch(TEXTS)
    backbone.model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects=SOURCE.custom_objects(), compile=False)
    assert np.array_equal(np.asarray(loaded(ids)), np.asarray(backbone.model(ids)))
    before = loaded.get_weights()[0]
    loaded.compile(keras.optimizers.SGD(1.0), "mse", jit_compile=False)
    loaded.fit(ids, np.ones((len(TEXTS), 5), np.float32), verbose=0)
    moved = np.flatnonzero(np.abs(loaded.get_weights()[0] - before).any(1))
    assert set(moved) == set(ids[ids > 0])
    assert Cuttable(loaded).points == ()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"combiner": "max"}, "no mean, sum or sum over the root"),
        ({"pattern": "(a|b)+"}, "one class of ASCII characters"),
        ({"buckets": 3}, "StringToHashBucketFast"),
        ({"extra": lambda texts: tf.strings.substr(texts, 0, 20)}, "Substr|no mean"),
        ({"extra": lambda texts: tf.strings.strip(texts)}, "StringStrip"),
    ],
)
def test_what_is_not_understood_is_not_rebuilt_and_the_reason_told(settings, message, tmp_path):
    module = save_text_module(tmp_path / "module", **settings)
    with pytest.raises(UnsupportedError, match=message):
        _hub_text.load_text_module(tmp_path / "module")
    backbone = SOURCE.load(str(tmp_path / "module"))
    assert re.search(message, backbone.info.note)
    assert "in TensorFlow alone" in backbone.info.note
    answers = np.asarray(backbone.model(backbone.info.preprocessing.load_batch(TEXTS)))
    assert np.allclose(answers, module(tf.constant(TEXTS)), atol=1e-6)


@pytest.mark.real
def test_real_word_vectors_are_those_of_the_module(real_data):
    folder = real_data / "weights" / "glove_twitter_25d" / "glove_twitter_25d_savedmodel"
    lines = (real_data / "text_banking77" / "test.csv").read_text(encoding="utf-8").splitlines()[:500]
    backbone = SOURCE.load(str(folder))
    module = tf.saved_model.load(str(folder))
    answers = np.asarray(backbone.model(backbone.info.preprocessing.load_batch(lines)))
    assert np.allclose(answers, module(tf.constant(lines)), atol=1e-5)
