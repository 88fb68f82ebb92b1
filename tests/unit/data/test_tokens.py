"""Texts as tokens: the same rows from a text, a file and a batch, and a tokenizer that can't be exchanged unnoticed."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny_transformers import SPECIALS, VOCABULARY, save_tokenizer
from tfl.core.errors import ConfigError, DataError, IntegrityError, MissingExtraError
from tfl.core.files import sha256_file
from tfl.data.contract import Contract
from tfl.data.contracts.tokens import TokenizedText, open_tokenizer

pytest.importorskip("tokenizers")

CLS, SEP = SPECIALS.index("[CLS]"), SPECIALS.index("[SEP]")


def contract_of(folder, **settings):
    values = {"length": 24, "longest": 32, "vocabulary_size": len(VOCABULARY), "pad_id": 0, "bucket": 8}
    return TokenizedText(**(values | settings), tokenizer_sha256=sha256_file(folder / "tokenizer.json"), folder=folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(place)
    return place


@pytest.fixture(scope="module")
def contract(folder):
    return contract_of(folder)


def words(row):
    return [VOCABULARY[item] for item in row if item]


def test_a_text_becomes_tokens_between_its_special_ones(contract):
    row = contract.read("Where IS my card?")
    assert row.dtype == np.int32
    assert row.shape == contract.row_shape
    assert words(row) == ["[CLS]", "where", "is", "my", "card", "?", "[SEP]"]
    assert not row[7:].any()


def test_a_long_text_is_cut_and_keeps_its_last_special_token(contract):
    row = contract.read("card " * 100)
    assert words(row) == ["[CLS]", *["card"] * 22, "[SEP]"]


def test_the_lengths_in_the_file_are_not_the_contracts(folder):
    assert json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["truncation"]["max_length"] == 20
    assert np.count_nonzero(contract_of(folder, length=30).read("card " * 100)) == 30
    assert open_tokenizer(folder, "").encode("card").ids == [CLS, VOCABULARY.index("card"), SEP]


def test_a_file_is_read_as_its_text(contract, tmp_path):
    path = tmp_path / "question.txt"
    path.write_bytes("\ufeffwhere is my card?\n".encode())
    assert np.array_equal(contract.read(path), contract.read("where is my card?"))
    assert contract.source_of(str(path)) == path
    assert contract.source_of("where is my card?") == "where is my card?"
    assert contract.source_of("x" * 5000) == "x" * 5000


def test_a_file_that_is_no_text_is_told_with_its_byte(contract, tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("café".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.txt: not UTF-8 at byte 3"):
        contract.read(path)
    with pytest.raises(DataError, match="row 7: can't be read"):
        contract.read(tmp_path / "missing.txt", name="row 7")
    with pytest.raises(DataError, match=r"the text: must be a str, or the path of a text file\. Received: bytes"):
        contract.read(b"card")


def test_a_batch_is_as_wide_as_its_longest_text_needs(contract):
    texts = ["card", "where is my card please hello the"]
    batch = contract.load_batch(texts)
    assert batch.shape == (2, 16)
    assert contract.load_batch(texts[:1]).shape == (1, 8)
    assert contract.load_batch(["card " * 100]).shape == (1, 24)
    assert contract.load_batch([]).shape[0] == 0
    alone = contract.prepare(contract.read(texts[0])[None])
    assert np.array_equal(batch[0, :8], alone[0])
    assert not batch[0, 8:].any()


def test_what_lies_behind_a_text_is_told_of_ids_and_of_what_a_network_makes_of_them(contract):
    ids = contract.load_batch(["card", "where is my card please hello the"])
    assert contract.used_positions(ids).tolist() == [8, 16]
    states = np.where(ids[..., None] == contract.padding, 0, np.ones(3)).astype(np.float16)
    # One value that is 0 is no end of a text.
    states[:, 1, 0] = 0
    assert contract.used_positions(states).tolist() == [8, 16]
    assert contract.used_positions(np.zeros((2, 10, 3), np.float32)).tolist() == [8, 8]
    assert contract.used_positions(np.zeros((2, 5), np.int32)).tolist() == [5, 5]
    assert contract.used_positions(np.zeros(2, dtype=object)) is None


def test_rows_are_padded_with_the_networks_own_padding(folder):
    contract = contract_of(folder, pad_id=1)
    row = contract.read("card")
    assert list(row[:4]) == [CLS, VOCABULARY.index("card"), SEP, 1]
    assert contract.prepare(row[None]).shape == (1, 8)


def test_a_batch_of_nothing_but_padding_keeps_one_bucket(contract):
    assert contract.prepare(np.zeros((2, 24), np.int32)).shape == (2, 8)


def test_the_record_is_the_contract_without_this_machines_folder(contract, folder):
    saved = json.loads(json.dumps(contract.to_dict()))
    assert "folder" not in saved
    loaded = Contract.from_dict(saved)
    assert isinstance(loaded, TokenizedText)
    assert loaded == contract
    with pytest.raises(IntegrityError, match="not known where"):
        loaded.read("card")
    assert np.array_equal(loaded.located(folder).read("card"), contract.read("card"))


def test_its_file_travels(contract, tmp_path):
    for name, data in contract.files.items():
        (tmp_path / name).write_bytes(data)
    assert np.array_equal(contract.located(tmp_path).read("my money"), contract.read("my money"))


def test_an_altered_or_missing_tokenizer_is_refused(contract, tmp_path):
    with pytest.raises(IntegrityError, match="can't be read"):
        contract.located(tmp_path)
    save_tokenizer(tmp_path, vocabulary=VOCABULARY[:-1])
    with pytest.raises(IntegrityError, match="was altered"):
        contract.located(tmp_path)
    with pytest.raises(IntegrityError, match="was altered"):
        dataclasses.replace(contract, folder=tmp_path).read("card")


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(IntegrityError, match="is not a tokenizer"):
        contract_of(tmp_path).read("card")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"length": 33}, r"length: must be in \[2, 32\]"),
        ({"length": 1}, r"length: must be in \[2, 32\]"),
        ({"pad_id": len(VOCABULARY)}, "pad_id"),
        ({"bucket": 0}, "bucket"),
    ],
)
def test_settings_out_of_range_are_told(folder, settings, message):
    with pytest.raises(ConfigError, match=message):
        contract_of(folder, **settings)


def test_what_rows_depend_on_changes_their_key(contract):
    keys = {contract.rows_key, *(dataclasses.replace(contract, **{name: 2}).rows_key for name in ("length", "pad_id"))}
    keys.add(dataclasses.replace(contract, tokenizer_sha256="0" * 64).rows_key)
    assert len(keys) == 4
    assert dataclasses.replace(contract, bucket=4).rows_key == contract.rows_key


def test_the_two_steps_of_a_benchmark_are_the_whole_way(contract):
    opened = contract.open_source("where is my card")
    assert np.array_equal(contract.prepare_opened(opened), contract.load_batch(["where is my card"]))


@given(st.text(alphabet=st.characters(), max_size=200))
def test_every_text_has_a_row(folder, text):
    contract = contract_of(folder)
    row = contract.read(text)
    used = np.flatnonzero(row)
    assert row[0] == CLS
    assert row.min() >= 0
    assert row.max() < len(VOCABULARY)
    assert np.array_equal(row, contract.read(text))
    if "[PAD]" not in text:
        assert np.array_equal(used, np.arange(len(used)))


def test_reading_needs_no_framework(folder):
    code = (
        "import sys; from pathlib import Path; from tests.unit.data.test_tokens import contract_of\n"
        "contract_of(Path(sys.argv[1])).load_batch(['where is my card'])\n"
        "sys.exit(any(name in sys.modules for name in ('tensorflow', 'keras', 'keras_hub')))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(folder)], check=False).returncode == 0


def test_a_missing_package_is_told(contract, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match=r"tfl\[text\]"):
        contract.read("card")
