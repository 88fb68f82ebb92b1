"""Rebuilt SentencePiece tokenizers cut as SentencePiece does, whatever the model's settings, or are refused."""

from __future__ import annotations

import random

import pytest

from tests.tiny_transformers import PIECES, WORDS, train_pieces
from tfl.backbones._keras_hub_pieces import LAYOUTS, PIECE_TEXTS, read_pieces
from tfl.backbones._keras_hub_tokenizer import PROOF_TEXTS
from tfl.core.errors import IntegrityError, UnsupportedError

sentencepiece = pytest.importorskip("sentencepiece")
pytest.importorskip("tokenizers")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "vocabulary.spm"


def texts():
    """Return the texts of the proof and drawn ones: words, letters without sense, characters of many scripts."""
    drawn = random.Random(0)
    letters = [chr(code) for code in (*range(32, 0x250), *range(0x5D0, 0x5EA), *range(0x3041, 0x3097), 0x4E2D)]
    found = [*PROOF_TEXTS, *PIECE_TEXTS]
    found += [" ".join(drawn.choices(WORDS, k=9)) for _ in range(50)]
    found += ["".join(drawn.choices("thecardms (),-!", k=60)) for _ in range(300)]
    return found + ["".join(drawn.choices(letters, k=30)) for _ in range(300)]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"user_defined_symbols": "(,),-,[MASK]"},
        {"normalization_rule_name": "nmt_nfkc_cf", "control_symbols": "[MASK]", "vocabulary_size": 80},
        {"normalization_rule_name": "identity"},
        {"remove_extra_whitespaces": False},
        {"add_dummy_prefix": False},
        {"split_by_whitespace": False},
        {"byte_fallback": True, "vocabulary_size": 350},
    ],
    ids=lambda options: next(iter(options), "plain"),
)
def test_it_cuts_as_sentence_piece_does(options, path):
    data = train_pieces("DebertaV3", **options)
    path.write_bytes(data)
    built, specials = read_pieces(path, LAYOUTS["DebertaV3Tokenizer"])
    assert specials == (1, 2, 0)
    own = sentencepiece.SentencePieceProcessor(model_proto=data)
    for text in texts():
        assert built.encode(text).ids == own.encode(text), text


def test_fairseq_numbers_pieces_otherwise(path):
    data = train_pieces("XLMRoberta")
    path.write_bytes(data)
    built, specials = read_pieces(path, LAYOUTS["XLMRobertaTokenizer"])
    assert specials == (0, 2, 1)
    assert built.get_vocab_size() == PIECES + 1
    own = sentencepiece.SentencePieceProcessor(model_proto=data)
    for text in texts():
        assert built.encode(text).ids == [number + 1 if number else 3 for number in own.encode(text)], text


def test_names_of_special_tokens_are_no_tokens_in_a_text(path):
    path.write_bytes(train_pieces("Albert"))
    built, (start, end, pad) = read_pieces(path, LAYOUTS["AlbertTokenizer"])
    assert not {start, end, pad}.intersection(built.encode("[CLS] the <pad> card [SEP]").ids)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model_type": "bpe"}, "it is a model of kind 'bpe', not 'unigram'"),
        ({"model_type": "word", "vocabulary_size": 20}, "it is a model of kind 'word'"),
        ({"treat_whitespace_as_suffix": True}, "writes spaces behind words"),
    ],
)
def test_what_is_not_rebuilt_is_told(options, message, path):
    path.write_bytes(train_pieces("DebertaV3", **options))
    with pytest.raises(UnsupportedError, match=message):
        read_pieces(path, LAYOUTS["DebertaV3Tokenizer"])


def test_a_file_that_is_no_model_is_told(path):
    layout = LAYOUTS["DebertaV3Tokenizer"]
    whole = train_pieces("DebertaV3")
    for data in (b"\xff\xff\xff\xff", b"", whole[: len(whole) // 2], b"\x0a\x05\x0a\x01a\x18\x02"):
        path.write_bytes(data)
        with pytest.raises(IntegrityError, match="is no SentencePiece model"):
            read_pieces(path, layout)


def test_a_model_of_another_family_is_told(path):
    path.write_bytes(train_pieces("XLMRoberta"))
    with pytest.raises(IntegrityError, match=r"the vocabulary has no '\[CLS\]'"):
        read_pieces(path, LAYOUTS["DebertaV3Tokenizer"])
    path.write_bytes(train_pieces("DebertaV3"))
    with pytest.raises(UnsupportedError, match=r"its first 3 pieces are '\[PAD\]', '\[CLS\]', '\[SEP\]'"):
        read_pieces(path, LAYOUTS["XLMRobertaTokenizer"])
