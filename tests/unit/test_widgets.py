"""Widgets of a notebook, clicked as a browser would: by the messages that it sends."""

import csv
import datetime
import io

import pytest
from PIL import Image

from tests.presence import skip_without
from tests.reviewed import NAMED, write_reviewed
from tests.tiny import make_tiny_bundle
from tests.tiny_texts import make_tiny_text_bundle
from tfl.core.errors import ConfigError, UserError
from tfl.data.relabel import apply_table
from tfl.review import REVIEW_FILE, TABLE_FILE
from tfl.widgets import Cleaner, TryIt

skip_without("ipywidgets")


@pytest.fixture
def reviewed(tmp_path):
    """A run's folder with data and a review of three samples."""
    return write_reviewed(tmp_path)


def uploaded(name, content):
    """What a browser sends of a file."""
    return {
        "name": name,
        "type": "image/png",
        "size": len(content),
        "content": memoryview(content),
        "last_modified": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    }


def cards(cleaner):
    return cleaner._shown


def written(run):
    with (run.path / "review" / TABLE_FILE).open(newline="") as file:
        return {row["path"]: row["decision"] for row in csv.DictReader(file)}


def test_what_is_clicked_is_written_at_once_and_shown_again(reviewed):
    run, manifest = reviewed
    cleaner = Cleaner(run.path, page_size=2)
    assert [button.description for button in cards(cleaner)[0].buttons.values()] == [
        "Keep cat",
        "Change to dog",
        "Remove",
    ]
    cards(cleaner)[0].buttons["accept"].click()
    assert written(run) == dict(zip(NAMED, ("accept", "", ""), strict=True))
    assert cards(cleaner)[0].buttons["accept"].description == "✓ Change to dog"
    cards(cleaner)[1].buttons["remove"].click()
    cleaner._next.click()
    assert len(cards(cleaner)) == 1
    assert cleaner._next.disabled
    cards(cleaner)[0].buttons["keep"].click()
    assert "3 of 3 decided" in cleaner._status.value
    assert "All are decided" in cleaner._status.value
    assert written(run) == dict(zip(NAMED, ("accept", "remove", "keep"), strict=True))
    _, made = apply_table(manifest, cleaner.table)
    assert made.relabelled == {NAMED[0]: ("cat", "dog")}
    assert made.removed == (NAMED[1],)
    again = Cleaner(run.path)
    assert [card.buttons["remove"].description for card in cards(again)] == ["Remove", "✓ Remove", "Remove"]
    cards(again)[1].buttons["remove"].click()
    assert NAMED[1] not in Cleaner(run.path).decisions


def test_decisions_are_undone_one_after_the_other(reviewed):
    run, _ = reviewed
    cleaner = Cleaner(run.path)
    assert cleaner._undo.disabled
    cards(cleaner)[0].buttons["keep"].click()
    cards(cleaner)[0].buttons["remove"].click()
    cards(cleaner)[1].buttons["accept"].click()
    cleaner._undo.click()
    assert written(run) == dict(zip(NAMED, ("remove", "", ""), strict=True))
    cleaner._undo.click()
    assert written(run) == dict(zip(NAMED, ("keep", "", ""), strict=True))
    assert f"{NAMED[0]}: as it was before" in cleaner._status.value
    cleaner._undo.click()
    assert set(written(run).values()) == {""}
    assert cleaner._undo.disabled


def test_another_class_is_chosen_and_a_class_that_was_written_by_hand_stays(reviewed):
    run, _ = reviewed
    cleaner = Cleaner(run.path)
    cards(cleaner)[0].buttons["keep"].click()
    cleaner.table.write_text(cleaner.table.read_text().replace("keep,", "owl,"))
    again = Cleaner(run.path)
    assert cards(again)[0].choice.value == "owl"
    cards(again)[1].buttons["accept"].click()
    assert Cleaner(run.path).decisions == {NAMED[0]: "owl", NAMED[1]: "accept"}
    # A button takes the place of the class, and the empty choice opens the sample again.
    cards(again)[0].buttons["remove"].click()
    assert cards(again)[0].choice.value == ""
    again.decide(NAMED[0], "cat")
    assert cards(again)[0].choice.value == "cat"
    cards(again)[0].choice.value = ""
    assert Cleaner(run.path).decisions == {NAMED[1]: "accept"}


def test_a_sample_that_is_only_hard_to_tell_has_no_other_suggestion(tmp_path):
    run, _ = write_reviewed(tmp_path, unsure=NAMED[1:])
    cleaner = Cleaner(run.path)
    assert [list(card.buttons) for card in cards(cleaner)] == [["keep", "accept", "remove"], *[["keep", "remove"]] * 2]
    page = cleaner.review._repr_html_()
    assert "<summary>2 samples that are hard to tell</summary>" in page
    assert page.index(NAMED[0]) < page.index("<details>") < page.index(NAMED[1])


def test_of_two_classes_no_other_one_is_offered(reviewed, tmp_path):
    run, _ = write_reviewed(tmp_path / "two", classes=("cat", "dog"))
    card = cards(Cleaner(run.path))[0]
    assert card.choice.layout.display == "none"
    assert cards(Cleaner(reviewed[0].path))[0].choice.layout.display is None


def test_a_table_that_cannot_be_written_is_told_where_one_clicks(reviewed):
    run, _ = reviewed
    cleaner = Cleaner(run.path)
    cleaner.table.unlink(missing_ok=True)
    cleaner.table.mkdir()
    cards(cleaner)[0].buttons["keep"].click()
    assert "NOT written" in cleaner._status.value
    assert cards(cleaner)[0].buttons["keep"].description == "Keep cat"
    assert cleaner.decisions == {}
    assert cleaner._undo.disabled


def test_a_review_that_names_nothing_says_so(tmp_path):
    run, _ = write_reviewed(tmp_path, named=())
    cleaner = Cleaner(run.path)
    assert "nothing to decide" in cleaner._status.value
    assert cleaner.widget.children == (cleaner._status,)
    with pytest.raises(ConfigError, match="page_size: must be at least 1"):
        Cleaner(run.path, page_size=0)


def test_names_are_escaped_and_pictures_have_words(reviewed):
    run, _ = reviewed
    (run.path.parent / "data" / NAMED[1]).write_bytes(b"")
    shown = [card.widget.children[0].value for card in cards(Cleaner(run.path))]
    assert f"alt='{NAMED[0]}'" in shown[0]
    assert "can't be read" in shown[1]


def test_a_review_of_other_data_and_a_missing_one_are_told(reviewed, tmp_path):
    run, manifest = reviewed
    with pytest.raises(UserError, match="is no decision"):
        Cleaner(run.path).decide(NAMED[0], "bird")
    version = manifest.from_dict({**manifest.to_dict(), "examples": manifest.to_dict()["examples"][1:]})
    version.save(run.manifest_file)
    with pytest.raises(UserError, match="another version of its data"):
        Cleaner(run.path)
    (run.path / "review" / REVIEW_FILE).unlink()
    with pytest.raises(UserError, match="was not reviewed yet"):
        Cleaner(run.path)


@pytest.mark.slow
def test_uploaded_pictures_are_answered_and_broken_ones_told(tmp_path):
    skip_without("tensorflow")
    make_tiny_bundle(tmp_path / "bundle")
    tried = TryIt(tmp_path / "bundle")
    stream = io.BytesIO()
    Image.new("RGB", (30, 40), "red").save(stream, "PNG")
    (upload, answer) = tried.widget.children
    upload.value = (uploaded("a<b.png", stream.getvalue()),)
    (prediction,) = tried.predictions
    assert f"{prediction.probability:.1%}" in answer.value
    assert "a&lt;b.png" in answer.value
    upload.value = (uploaded("no.png", b"no picture"),)
    assert tried.predictions == []
    assert "no.png" in answer.value
    assert "<meter" not in answer.value


@pytest.mark.slow
def test_a_text_is_typed_and_answered(tmp_path):
    skip_without("tensorflow")
    make_tiny_text_bundle(tmp_path / "bundle")
    tried = TryIt(tmp_path / "bundle")
    text, button, answer = tried.widget.children
    button.click()
    assert "There is no text yet" in answer.value
    text.value = "Where is my parcel?"
    button.click()
    (prediction,) = tried.predictions
    assert prediction.label in answer.value
