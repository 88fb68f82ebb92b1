"""Texts as they are: bytes in rows of one length, strings for the model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.core.errors import ConfigError, DataError, UnsupportedError
from tfl.data.contract import Contract
from tfl.data.contracts.strings import Strings

CONTRACT = Strings(length=64)


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60))
def test_a_text_comes_out_as_it_went_in_but_for_its_end(text):
    (fed,) = CONTRACT.load_batch([text])
    assert text.startswith(fed.decode())
    assert len(text.encode()) - len(fed) <= max(0, len(text.encode()) - 61)


def test_a_long_text_ends_with_a_whole_character():
    (fed,) = CONTRACT.load_batch(["a" + "\u65e5" * 40])
    assert fed.decode() == "a" + "\u65e5" * 21


def test_what_the_model_takes():
    assert (CONTRACT.input.shape, CONTRACT.input.dtype) == ((-1,), "string")
    batch = CONTRACT.load_batch(["one", "two words"])
    assert (batch.shape, batch.dtype) == ((2,), object)
    assert list(batch) == [b"one", b"two words"]
    assert CONTRACT.load_batch([]).shape == (0,)


def test_a_batch_of_one_is_that_of_the_two_steps(tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("caf\u00e9", encoding="utf-8")
    assert list(CONTRACT.prepare_opened(CONTRACT.open_source(file))) == list(CONTRACT.load_batch(["caf\u00e9"]))


def test_rows_misread_are_other_texts_and_still_texts():
    rows = np.stack([CONTRACT.read(text) for text in ("the card", "\u65e5\u672c\u8a9e", "\u041c\u0438\u0440 42")])
    for right, wrong in zip(CONTRACT.prepare(rows), CONTRACT.prepare(CONTRACT.misread(rows)), strict=True):
        assert right != wrong
        assert len(wrong.decode()) == len(right.decode())


def test_drawn_rows_are_texts_and_follow_the_seed():
    rows = CONTRACT.draw_rows(20, seed=3)
    assert rows.shape == (20, 64)
    assert np.array_equal(rows, CONTRACT.draw_rows(20, seed=3))
    assert len(set(CONTRACT.prepare(rows))) == 20
    assert all(text.decode().replace(" ", "").isalpha() for text in CONTRACT.prepare(rows))


def test_its_record_comes_back():
    assert Contract.from_dict(CONTRACT.to_dict()) == CONTRACT
    assert CONTRACT.rows_key != Strings(length=65).rows_key


def test_mistakes():
    with pytest.raises(ConfigError, match="length"):
        Strings(length=0)
    with pytest.raises(UnsupportedError, match="pictures"):
        CONTRACT.with_fusion("resize")
    with pytest.raises(DataError, match="must be a str"):
        CONTRACT.read(3)  # type: ignore[arg-type]
