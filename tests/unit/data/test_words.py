"""Texts as words of a vocabulary that travels with the model."""

import dataclasses
import hashlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.core.errors import ConfigError, DataError, IntegrityError
from tfl.data.contract import Contract
from tfl.data.contracts.words import WordIds

WORDS = ("the", "card", "where", "don't", "café")


def contract_of(folder, **settings):
    data = ("\n".join(WORDS) + "\n").encode()
    (folder / "vocabulary.txt").write_bytes(data)
    values = {"length": 12, "vocabulary_size": len(WORDS), "bucket": 4, "lower": "ascii"}
    return WordIds(**(values | settings), vocabulary_sha256=hashlib.sha256(data).hexdigest(), folder=folder)


def ids(contract, text):
    return [int(item) for item in contract.read(text) if item]


def test_words_are_looked_up(tmp_path):
    contract = contract_of(tmp_path, replaced=(("[^a-z0-9' ]+", " "),))
    assert ids(contract, "WHERE'S the (card)? Don't") == [1, 2, 4]
    assert ids(contract, "") == []
    assert contract.read("the").dtype == np.int32
    assert contract.read("the").shape == contract.row_shape == (12,)


def test_unknown_words_are_left_out_or_have_an_identifier_of_their_own(tmp_path):
    assert ids(contract_of(tmp_path), "the new card") == [1, 2]
    kept = contract_of(tmp_path, unknown="kept")
    assert ids(kept, "the new card") == [1, 6, 2]
    assert kept.highest == 6
    assert kept.rows_key != contract_of(tmp_path).rows_key


def test_lower_case_is_the_modules_own(tmp_path):
    assert ids(contract_of(tmp_path, lower="ascii"), "CAFé CAFÉ") == [5]
    assert ids(contract_of(tmp_path, lower="unicode"), "CAFé CAFÉ") == [5, 5]
    assert ids(contract_of(tmp_path, lower="none"), "The the") == [1]


def test_a_replacement_is_taken_as_it_is_written(tmp_path):
    contract = contract_of(tmp_path, replaced=(("[.]", "\\1"), ("[!?]+", "")))
    assert contract.words("a.b c?!d") == [b"a\\1b", b"cd"]


def test_a_batch_is_as_wide_as_its_longest_text_needs(tmp_path):
    contract = contract_of(tmp_path)
    batch = contract.load_batch(["the", "the card where the card"])
    assert batch.shape == (2, 8)
    assert np.array_equal(contract.load_batch(["the"])[0], batch[0, :4])
    assert contract.load_batch(["the " * 50]).shape == (1, 12)
    assert contract.load_batch([""]).shape == (1, 4)
    opened = contract.open_source("the card")
    assert np.array_equal(contract.prepare_opened(opened), contract.load_batch(["the card"]))


def test_a_file_is_read_as_its_text(tmp_path):
    contract = contract_of(tmp_path)
    path = tmp_path / "question.txt"
    path.write_bytes("\ufeffwhere the card\n".encode())
    assert np.array_equal(contract.read(contract.source_of(str(path))), contract.read("where the card"))
    path.write_bytes(b"\xff")
    with pytest.raises(DataError, match=r"question\.txt: not UTF-8 at byte 0"):
        contract.read(path)


def test_its_record_and_its_file_travel(tmp_path):
    contract = contract_of(tmp_path, replaced=(("[^a-z ]+", " "),))
    loaded = Contract.from_dict(json.loads(json.dumps(contract.to_dict())))
    assert isinstance(loaded, WordIds)
    assert loaded == contract
    with pytest.raises(IntegrityError, match="not known where"):
        loaded.read("the")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name, data in contract.files.items():
        (elsewhere / name).write_bytes(data)
    assert np.array_equal(loaded.located(elsewhere).read("the card"), contract.read("the card"))
    (elsewhere / "vocabulary.txt").write_bytes(b"card\nthe\n")
    with pytest.raises(IntegrityError, match="was altered"):
        loaded.located(elsewhere)
    with pytest.raises(IntegrityError, match="can't be read"):
        loaded.located(tmp_path / "nowhere")


@pytest.mark.parametrize("pattern", ["(a+)+b", "[a", "a+", "[[:punct:]]", "[é]", r"[\pP]", "[a]{1000}", "[z-a]"])
def test_only_a_class_of_characters_is_replaced(pattern, tmp_path):
    with pytest.raises(ConfigError, match="one class of ASCII characters"):
        contract_of(tmp_path, replaced=((pattern, " "),))


@pytest.mark.parametrize("name", ["length", "bucket"])
def test_settings_out_of_range_are_told(name, tmp_path):
    with pytest.raises(ConfigError, match=f"{name}: must be at least 1"):
        contract_of(tmp_path, **{name: 0})


def test_drawn_rows_are_texts_that_can_be_told_from_misread_ones(tmp_path):
    contract = contract_of(tmp_path, unknown="kept")
    rows = contract.draw_rows(20, seed=0)
    assert rows.shape == (20, 12)
    assert rows.dtype == np.int32
    assert 1 <= rows.max() <= contract.highest
    assert rows[:, 0].all()
    assert not np.array_equal(contract.misread(rows), rows)
    assert np.array_equal(contract.misread(rows) > 0, rows > 0)
    assert dataclasses.replace(contract, length=3).draw_rows(2, seed=0).shape == (2, 3)


@given(text=st.text(alphabet=st.characters(), max_size=100))
def test_every_text_has_a_row(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp()
    contract = contract_of(folder, replaced=(("[^a-z0-9' ]+", " "),), unknown="kept")
    row = contract.read(text)
    assert 0 <= row.min() <= row.max() <= contract.highest
    assert np.array_equal(row > 0, np.arange(12) < np.count_nonzero(row))
