"""Which words speak for an answer: known weights are found again, and a text stays a text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.core.errors import NotFoundError
from tfl.report.occlusion import explain_text, occlude, shortened, split_words
from tfl.report.records import Passages

#: Word -> what it adds to the log-odds of the second class.
ODDS = {"great": 2.0, "fine": 1.0, "dull": -2.0}


def predict(texts):
    """A logistic model of words, whose explanation is known."""
    odds = np.array([sum(ODDS.get(word.strip(".,!"), 0.0) for word in text.split()) for text in texts])
    second = 1.0 / (1.0 + np.exp(-odds))
    return np.stack([1.0 - second, second], axis=1).astype(np.float32)


def test_words_weigh_what_they_add_to_the_log_odds():
    weights = {piece.text.strip(): piece.weight for piece in occlude(predict, "a great but dull and fine day", 1)}
    assert weights == pytest.approx(
        {"a": 0.0, "great": 1.0, "but": 0.0, "dull": -1.0, "and": 0.0, "fine": 0.5, "day": 0.0}, abs=1e-3
    )
    against = {piece.text.strip(): piece.weight for piece in occlude(predict, "a great but dull and fine day", 0)}
    assert against["great"] == pytest.approx(-1.0, abs=1e-3)


def test_what_hardly_matters_stays_pale():
    only = {
        piece.text.strip(): piece.weight for piece in occlude(lambda texts: predict(texts) * 0.1 + 0.45, "so fine", 1)
    }
    assert 0.0 < only["fine"] < 0.3


def test_an_answer_is_explained_for_the_class_that_is_asked_for():
    found = explain_text(predict, "a dull day", ("bad", "good"))
    (passage,) = found.items
    assert passage.caption.startswith("bad 0.88")
    assert passage.is_right
    assert max(passage.pieces, key=lambda piece: piece.weight).text.strip() == "dull"
    (other,) = explain_text(predict, "a dull day", ("bad", "good"), label="good").items
    assert min(other.pieces, key=lambda piece: piece.weight).text.strip() == "dull"
    assert not other.is_right
    with pytest.raises(NotFoundError, match="Did you mean 'good'"):
        explain_text(predict, "a dull day", ("bad", "good"), label="goood")


@given(st.text(max_size=900))
def test_pieces_joined_are_the_text_and_few(text):
    pieces = split_words(text)
    assert "".join(pieces) == text
    assert len(pieces) <= 64


def test_a_script_without_blanks_is_cut_too():
    assert len(split_words("我昨天订购的包裹今天早上终于到了但是里面的东西全部都坏了请问我应该怎么办")) > 5


def test_a_long_text_is_shortened_with_a_sign():
    assert shortened("a" * 600) == "a" * 600
    assert len(shortened("a" * 601)) == 600
    assert shortened("a" * 601).endswith("…")


def test_nothing_to_leave_out():
    assert occlude(predict, "", 1) == ()


def test_passages_are_escaped_in_a_notebook():
    found = explain_text(predict, "great <script>alert(1)</script>", ("bad", "good"))
    page = found._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert Passages.from_dict(found.to_dict()) == found
