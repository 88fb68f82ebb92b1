"""Transformers of TF Hub: their answers, their tokens as their preprocessor makes them, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tiny_hub import call_encoder, save_encoder, save_preprocessor
from tests.tiny_transformers import VOCABULARY
from tfl.backbones import _hub_wordpiece
from tfl.backbones.tfhub import SOURCE
from tfl.core import extras
from tfl.core.errors import IntegrityError, MissingExtraError, NotFoundError, UnsupportedError, UserError

keras = pytest.importorskip("keras")
tf = pytest.importorskip("tensorflow")
pytest.importorskip("tokenizers")
pytest.importorskip("tensorflow_text")

TEXTS = ["The card, is WHERE?", "", "na\u00efve " * 40, "hello\u00a0rate"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return save_encoder(tmp_path_factory.mktemp("modules") / "encoder")


@pytest.fixture(scope="module")
def preprocessor(tmp_path_factory):
    return save_preprocessor(tmp_path_factory.mktemp("modules") / "preprocessor")


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path / "cache"))


def mean_of(answers, ids):
    kept = (ids != 0)[..., None]
    return (np.asarray(answers["sequence_output"]) * kept).sum(1) / kept.sum(1)


@pytest.mark.parametrize(
    ("suffix", "picked"),
    [
        ("", lambda answers, ids: answers["default"]),
        ("@pooled", lambda answers, ids: answers["pooled_output"]),
        ("@cls", lambda answers, ids: answers["sequence_output"][:, 0]),
        ("@mean", mean_of),
    ],
)
def test_the_vector_is_what_the_module_answers(suffix, picked, encoder):
    backbone = SOURCE.load(f"{encoder}{suffix}")
    ids = backbone.info.preprocessing.load_batch(TEXTS)
    wanted = np.asarray(picked(call_encoder(encoder, ids), ids))
    answers = np.asarray(backbone.model(ids))
    assert np.allclose(answers, wanted, atol=1e-6)
    assert np.abs(answers[0] - answers[2]).max() > 0.1
    assert backbone.info.feature_size == 8


def test_answers_differ_and_so_do_the_digests(encoder):
    assert SOURCE.load(f"{encoder}@mean").digest != SOURCE.load(f"{encoder}@cls").digest


def test_padding_changes_no_answer(encoder):
    backbone = SOURCE.load(f"{encoder}@mean")
    contract = backbone.info.preprocessing
    alone = np.concatenate([np.asarray(backbone.model(contract.load_batch([text]))) for text in TEXTS])
    wide = contract.load_batch(TEXTS)
    assert wide.shape[1] > contract.load_batch(TEXTS[:1]).shape[1]
    # Float32 adds up in another order.
    assert np.allclose(alone, np.asarray(backbone.model(wide)), atol=1e-6)


def test_tokens_are_those_of_the_preprocessor(encoder, preprocessor):
    backbone = SOURCE.load(f"{encoder}@preprocess={preprocessor}")
    contract = backbone.info.preprocessing
    wanted = tf.saved_model.load(str(preprocessor))(tf.constant(TEXTS))["input_word_ids"]
    assert np.array_equal(np.stack([contract.read(text) for text in TEXTS]), wanted)
    assert (contract.length, contract.longest) == (24, 32)
    assert str(preprocessor) in backbone.info.note


def test_a_preprocessor_that_keeps_case_is_told_from_one_that_folds_it(encoder, tmp_path):
    folder = save_preprocessor(tmp_path / "cased", lower=False)
    contract = SOURCE.load(f"{encoder}@preprocess={folder}").info.preprocessing
    assert list(contract.read("The the")[1:4]) == [
        VOCABULARY.index("T"),
        VOCABULARY.index("##h"),
        VOCABULARY.index("##e"),
    ]


def test_the_vocabulary_that_an_encoder_brings_is_enough(encoder):
    backbone = SOURCE.load(str(encoder))
    assert "TensorFlow Text" in backbone.info.note
    assert list(backbone.info.preprocessing.read("The card")[:4]) == [2, 5, 6, 3]


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (lambda texts: tf.strings.regex_replace(texts, "[0-9]", "0"), "42.5|1,234"),
        (lambda texts: tf.strings.lower(texts, encoding="utf-8"), "differs from token"),
    ],
)
def test_a_preprocessor_that_does_more_is_refused_with_the_text(extra, named, encoder, tmp_path):
    folder = save_preprocessor(tmp_path / "odd", lower=False, extra=extra)
    with pytest.raises(UnsupportedError, match=named) as raised:
        SOURCE.load(f"{encoder}@preprocess={folder}")
    assert "not rebuilt" in raised.value.message


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"lower": None}, UnsupportedError, "do_lower_case"),
        ({"vocabulary": None}, UnsupportedError, "0 files in assets/"),
        ({"padding": -1.0}, UnsupportedError, "otherwise when padding follows"),
        ({"vocabulary": VOCABULARY[3:]}, UnsupportedError, r"no \[PAD\]|has no \[UNK\]"),
    ],
)
def test_what_no_contract_can_say_is_refused(settings, error, message, tmp_path):
    folder = save_encoder(tmp_path / "encoder", **settings)
    with pytest.raises(error, match=message):
        SOURCE.load(str(folder))


def test_the_vocabulary_of_another_model_is_noticed(encoder, tmp_path):
    folder = save_preprocessor(tmp_path / "larger", vocabulary=(*VOCABULARY, "more", "words"))
    with pytest.raises(IntegrityError, match="does not take tokens up to 243"):
        SOURCE.load(f"{encoder}@preprocess={folder}")


def test_pieces_of_sentence_piece_are_refused(tmp_path):
    folder = save_encoder(tmp_path / "encoder")
    (folder / "assets" / "vocab.txt").rename(folder / "assets" / "30k-clean.model")
    with pytest.raises(UnsupportedError, match="SentencePiece"):
        SOURCE.load(str(folder))


def test_a_fixed_width_is_kept(tmp_path):
    contract = SOURCE.load(str(save_encoder(tmp_path / "encoder", width=16))).info.preprocessing
    assert (contract.length, contract.longest) == (16, 16)
    assert contract.load_batch(["the"]).shape == (1, 16)


def test_without_tensorflow_text_the_command_is_told(encoder, monkeypatch):
    present = extras.is_installed
    monkeypatch.setattr(extras, "is_installed", lambda module: module != "tensorflow_text" and present(module))
    with pytest.raises(MissingExtraError) as raised:
        SOURCE.load(str(encoder))
    assert "tfl[transformers]" in (raised.value.hint or "")


def test_names_that_do_not_fit(encoder, module_folder):
    assert SOURCE.info(str(encoder)).task == SOURCE.info(f"{encoder}@mean").task == "text_classification"
    with pytest.raises(UnsupportedError, match=r"image_size.*takes texts"):
        SOURCE.load(str(encoder), image_size=32)
    with pytest.raises(UnsupportedError, match="is no transformer"):
        SOURCE.load(f"{module_folder}@mean")
    with pytest.raises(NotFoundError):
        SOURCE.info(f"{encoder}@preprocess=/nowhere/at/all")
    with pytest.raises(UserError, match="nothing to fetch"):
        SOURCE.fetch(f"{encoder}@mean")


def test_saved_loaded_and_learned(encoder, tmp_path):
    backbone = SOURCE.load(f"{encoder}@mean")
    ids = backbone.info.preprocessing.load_batch(TEXTS)
    before = np.asarray(backbone.model(ids))
    backbone.model.compile(keras.optimizers.SGD(0.5), "mse", jit_compile=False)
    backbone.model.fit(ids, np.ones((len(TEXTS), 8), np.float32), epochs=2, verbose=0)
    learned = np.asarray(backbone.model(ids))
    assert np.abs(learned - before).max() > 0.01
    backbone.model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects=SOURCE.custom_objects(), compile=False)
    assert np.array_equal(np.asarray(loaded(ids)), learned)


def test_words_longer_than_tensorflow_text_takes_are_unknown():
    tokens = [*VOCABULARY, "\u0e01", "##\u0e01", "\u0439", "##\u0439"]
    built = _hub_wordpiece.build_tokenizer(tokens, lower=False)
    unknown = VOCABULARY.index("[UNK]")
    assert len(built.encode("\u0e01" * 33, add_special_tokens=False).ids) == 33
    assert built.encode("\u0e01" * 34, add_special_tokens=False).ids == [unknown]
    assert len(built.encode("\u0439" * 50, add_special_tokens=False).ids) == 50
    assert built.encode("\u0439" * 51 + " the", add_special_tokens=False).ids == [unknown, tokens.index("the")]
