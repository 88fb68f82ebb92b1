"""`tfl data` over texts from a terminal: described, shown, checked, mended, compared, cut into folds."""

import json

import pytest

pytest.importorskip("datasketch")
pytest.importorskip("py3langid")

from tests.e2e.conftest import assert_user_error, call, call_json
from tests.texts import sentence, sentences, write_table


@pytest.fixture
def texts(tmp_path):
    rows = [*sentences(), (sentence("delivery", 0).upper(), "quality"), (" ", "payment")]
    return write_table(tmp_path / "reviews.csv", rows, ("review", "topic"))


def test_texts_are_described_and_shown(texts):
    process = call("data", "describe", texts)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("37 texts in 3 classes, read as text_table")
    assert "reviews.csv line 39: the text is empty" in process.stdout
    assert "picture" not in process.stdout
    document = call_json("data", "show", texts, "--samples", "3")
    assert {item["label"] for item in document["samples"]} == {"delivery", "payment", "quality"}
    assert all(item["text"] for item in document["samples"])
    assert_user_error(call("data", "show", texts, "--augment", "strong"), "texts are neither resized nor augmented")
    assert "text_table: " in call("data", "formats").stdout


def test_texts_are_checked_and_mended(texts, tmp_path):
    page, out = tmp_path / "page.html", tmp_path / "out"
    document = call_json("data", "check", texts, code=1)
    assert {item["rule"] for item in document["findings"]} == {"label_conflict", "empty_text"}
    process = call("data", "check", texts, "--html", page, "--fix", out)
    assert process.returncode == 0, process.stderr
    assert "The copy: 35 texts in 3 classes" in process.stdout
    assert "picture" not in process.stdout
    assert "blockquote" in page.read_text(encoding="utf-8")
    fixes = json.loads((out / "fixes.json").read_text(encoding="utf-8"))
    assert fixes["examples"] == 35
    assert {(fix["rule"], fix["path"]) for fix in fixes["fixes"]} == {
        ("empty_text", "reviews.csv:39"),
        ("label_conflict", "reviews.csv:2"),
        ("label_conflict", "reviews.csv:38"),
    }
    diff = call_json("data", "diff", texts, out, code=1)
    assert diff["counts"]["removed"] == 2
    assert diff["counts"]["renamed"] == 35
    folds = call_json("data", "folds", out, "--k", "3")
    assert len(folds["folds"]) == 3


def test_columns_are_named_on_the_command_line(tmp_path):
    rows = [(f"Subject of number {index}", text, label) for index, (text, label) in enumerate(sentences())]
    file = write_table(tmp_path / "a.csv", rows, ("a", "b", "c"))
    document = call_json("data", "describe", file, "--text-column", "a,b", "--label-column", "c")
    assert (document["kind"], document["class_counts"]["quality"]) == ("text", 12)
    assert [note["rule"] for note in call_json("data", "describe", file)["notes"]] == ["guessed_columns"]
    process = call("data", "describe", file, "--text-column", "d")
    assert_user_error(process, "has no column 'd'", "It has: a, b, c.")
