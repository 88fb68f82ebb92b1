"""Hashed n-grams: recorded identifiers, scripts, padding, long texts, and that rows never depend on their company."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfl.core.errors import ConfigError, DataError, NotFoundError
from tfl.data.contract import CONTRACTS, Contract
from tfl.data.contracts.hashed_text import MOST_CHARACTERS, HashedText, words_of

CONTRACT = HashedText()
SMALL = HashedText(buckets=97, length=40)
#: Lone surrogates too: a lenient decoder leaves them.
TEXTS = st.text(alphabet=st.characters(), max_size=60)


def ids_of(text: str, contract: HashedText = CONTRACT) -> set[int]:
    row = contract.read(text)
    return set(row[row != 0].tolist())


def identifier(piece: str, buckets: int = CONTRACT.buckets) -> int:
    return 1 + zlib.crc32(piece.encode()) % buckets


def test_the_identifiers_are_those_of_the_description():
    pieces = [" my", " card", " my card", "<my", "my>", "<my>"]
    pieces += ["<ca", "car", "ard", "rd>", "<car", "card", "ard>", "<card", "card>"]
    assert ids_of("My CARD") == {identifier(piece) for piece in pieces}


def test_recorded_identifiers_stay():
    # Whoever changes these breaks every model that was trained before: raise the version in `rows_key` then.
    row = CONTRACT.read("Où est ma carte ? 😀")
    assert row[:6].tolist() == RECORDED
    assert int(row.astype(np.int64).sum()) == RECORDED_SUM


RECORDED = [29595, 26362, 23511, 11382, 7009, 12866]
RECORDED_SUM = 611525


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Can't I pay?", ["can", "'", "t", "i", "pay", "?"]),
        ("a_b\tc\x00d\ne", ["a", "_", "b", "c", "d", "e"]),
        ("２ ﬁne ⓐ", ["2", "fine", "a"]),
        ("STRASSE straße", ["strasse", "strasse"]),
        ("cafe\u0301 café", ["café", "café"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("אבג דהו", ["אבג", "דהו"]),
        ("\u202bשלום\u202c", ["שלום"]),
        ("می\u200cخواهم", ["میخواهم"]),
        ("東京に行く", ["東", "京", "に", "行", "く"]),
        ("ｶｰﾄﾞ", ["カ", "ー", "ド"]),
        ("신용 카드", ["신용", "카드"]),
        ("บัตรหาย", ["บัตรหาย"]),
        ("so good👍🏽!!", ["so", "good", "👍", "🏽", "!", "!"]),
        ("👨\u200d👩\u200d👧 ❤\ufe0f", ["👨", "👩", "👧", "❤"]),
        ("co\u00adoperate", ["cooperate"]),
        ("a\ud800b", ["a", "b"]),
    ],
)
def test_words_of_many_scripts(text, words):
    assert words_of(text) == words


@pytest.mark.parametrize("text", ["", "   ", "\n\t", "\u200b\u200d", "\x00"])
def test_a_text_without_words_has_one_identifier(text):
    assert ids_of(text) == {identifier("")}


def test_punctuation_alone_is_not_nothing():
    assert ids_of("...") != ids_of("?!") != ids_of("")
    assert identifier(" .") in ids_of("...")


def test_the_order_of_words_matters_through_pairs_alone():
    single = HashedText(word_ngrams=1)
    assert ids_of("card lost", single) == ids_of("lost card", single)
    assert ids_of("card lost") != ids_of("lost card")
    assert identifier(" a b c") in ids_of("a b c", HashedText(word_ngrams=3))


def test_no_characters_means_words_alone():
    assert ids_of("my card", HashedText(longest=0)) == {identifier(piece) for piece in (" my", " card", " my card")}


@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_rows_are_in_range_once_each_and_padded_at_the_end(text):
    row = SMALL.read(text)
    used = int((row != 0).sum())
    assert row.shape == (40,)
    assert row.dtype == np.int32
    assert used >= 1
    assert (row[:used] > 0).all()
    assert not row[used:].any()
    assert row.max() <= SMALL.buckets
    assert len(set(row[:used].tolist())) == used
    np.testing.assert_array_equal(SMALL.read(text), row)


@given(st.lists(TEXTS, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_batch_holds_what_each_text_gives_alone(texts):
    batch = CONTRACT.load_batch(texts)
    assert batch.dtype == np.int32
    assert batch.shape[0] == len(texts)
    assert batch.shape[1] % 32 == 0
    for row, text in zip(batch, texts, strict=True):
        alone = CONTRACT.load_batch([text])[0]
        np.testing.assert_array_equal(row[: len(alone)], alone)
        assert not row[len(alone) :].any()


def test_the_width_follows_the_longest_text():
    assert CONTRACT.load_batch(["a"]).shape == (1, 32)
    assert CONTRACT.load_batch(["a", " ".join(f"word{number}" for number in range(30))]).shape[1] > 32
    assert CONTRACT.load_batch([" ".join(f"word{number}" for number in range(3000))]).shape == (1, 512)
    assert CONTRACT.load_batch([]).shape == (0, 32)
    assert SMALL.load_batch([" ".join(f"word{number}" for number in range(300))]).shape == (1, 40)


def test_words_of_a_long_text_go_before_pairs_and_characters():
    words = [f"w{number}" for number in range(200)]
    row = CONTRACT.read(" ".join(words))
    assert {identifier(f" {word}") for word in words} <= set(row.tolist())
    pairs = {identifier(f" {first} {second}") for first, second in itertools.pairwise(words)}
    assert pairs <= set(row.tolist())
    assert (row != 0).all()


def test_the_same_n_grams_stay_in_every_long_text():
    shared = [f"shared{number}" for number in range(900)]
    kept = [ids_of(" ".join([*shared, *(f"{mark}{number}" for number in range(100))])) for mark in "xy"]
    assert len(kept[0] & kept[1]) > 400
    reverse = ids_of(" ".join(reversed([*shared, *(f"x{number}" for number in range(100))])), HashedText(word_ngrams=1))
    forward = ids_of(" ".join([*shared, *(f"x{number}" for number in range(100))]), HashedText(word_ngrams=1))
    assert reverse == forward


def test_what_is_beyond_the_most_characters_is_not_looked_at():
    text = "ab " * (MOST_CHARACTERS // 3 + 1)
    assert ids_of(f"{text}zebra") == ids_of(text)


def test_a_very_long_word_has_all_its_n_grams():
    word = "".join(chr(0x61 + number * number % 26) for number in range(60))
    assert identifier(f"{word[40:45]}") in ids_of(word)


def test_a_file_is_its_text(tmp_path):
    file = tmp_path / "review.txt"
    file.write_bytes("\ufeffGreat café".encode())
    np.testing.assert_array_equal(CONTRACT.read(file), CONTRACT.read("Great café"))
    assert CONTRACT.source_of(str(file)) == file


def test_a_file_that_is_no_utf_8_is_told_with_the_byte(tmp_path):
    file = tmp_path / "latin.txt"
    file.write_bytes("Où".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin\.txt: not UTF-8 at byte 1 \(0xf9\)"):
        CONTRACT.read(file)
    with pytest.raises(DataError, match=r"none\.txt: can't be read"):
        CONTRACT.read(tmp_path / "none.txt")
    with pytest.raises(DataError, match=r"row 3: must be a str.*Received: ndarray"):
        CONTRACT.read(np.zeros(3), name="row 3")


def test_words_of_a_command_line():
    assert CONTRACT.source_of("I lost my card") == "I lost my card"
    assert CONTRACT.source_of("x" * 5000) == "x" * 5000
    with pytest.raises(NotFoundError, match=r"reviw\.txt: there is no such file"):
        CONTRACT.source_of("reviw.txt")


def test_opening_and_preparing_is_reading(tmp_path):
    opened = CONTRACT.open_source("my card")
    np.testing.assert_array_equal(CONTRACT.prepare_opened(opened), CONTRACT.load_batch(["my card"]))


def test_threads_give_the_same_rows():
    texts = [f"text {number} of word{number % 7}" for number in range(300)]
    expected = [CONTRACT.read(text) for text in texts]
    found: list[list[np.ndarray]] = []
    threads = [threading.Thread(target=lambda: found.append([CONTRACT.read(text) for text in texts])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for rows in found:
        np.testing.assert_array_equal(rows, expected)


def test_every_process_hashes_the_same():
    code = (
        "from tfl.data.contracts.hashed_text import HashedText; "
        "import sys; print(HashedText().read('Où est ma carte ? 😀').sum(), 'keras' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == [str(CONTRACT.read("Où est ma carte ? 😀").sum()), "False"]


def test_the_record_goes_to_json_and_back_as_its_own_kind():
    contract = HashedText(buckets=1000, length=64, word_ngrams=3, shortest=2, longest=0)
    assert Contract.from_dict(contract.to_dict()) == contract
    assert CONTRACTS.get("hashed_text") is HashedText


def test_rows_are_kept_apart_by_every_field():
    others = [{"buckets": 5}, {"length": 5}, {"word_ngrams": 1}, {"shortest": 2}, {"longest": 6}]
    assert len({HashedText(**other).rows_key for other in [{}, *others]}) == len(others) + 1


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"buckets": 0}, "buckets: must be at least 1. Received: 0"),
        ({"buckets": 2**31}, "to fit into int32"),
        ({"length": 0}, "length: must be at least 1"),
        ({"word_ngrams": 0}, "word_ngrams: must be at least 1"),
        ({"shortest": 4, "longest": 3}, r"longest: must be 0 or at least shortest \(4\). Received: 3"),
    ],
)
def test_values_out_of_range_are_told(values, message):
    with pytest.raises(ConfigError, match=message):
        HashedText(**values)


def test_drawn_rows_look_like_read_ones():
    rows = CONTRACT.draw_rows(20, seed=1)
    assert rows.shape == (20, 512)
    assert rows.dtype == np.int32
    assert rows.min() == 0
    assert rows.max() <= CONTRACT.buckets
    assert (rows[:, 0] > 0).all()
    np.testing.assert_array_equal(rows, CONTRACT.draw_rows(20, seed=1))


def test_misread_rows_differ_and_stay_in_range():
    row = CONTRACT.read("my card")[None]
    wrong = CONTRACT.misread(row)
    assert wrong.shape == row.shape
    assert ((row == 0) == (wrong == 0)).all()
    assert (wrong != row).any()
