"""Widgets of a notebook, clicked as a browser would: by setting the values that it sends."""

import csv
import datetime
import io

import pytest
from PIL import Image

from tests.faults import folders
from tests.presence import skip_without
from tests.tiny import make_tiny_bundle
from tests.tiny_texts import make_tiny_text_bundle
from tests.unit.report.conftest import ENVIRONMENT
from tfl.core.errors import UserError
from tfl.core.run_folder import RunFolder, RunRecord
from tfl.data.check import check
from tfl.data.loading import read_manifest
from tfl.data.relabel import Review, ReviewItem, apply_table
from tfl.data.split import assign_splits
from tfl.review import REVIEW_FILE, TABLE_FILE
from tfl.widgets import Cleaner, TryIt

skip_without("ipywidgets")
NAMED = ("cat/0000.jpg", "cat/0001.jpg", "cat/0002.jpg")


@pytest.fixture
def reviewed(tmp_path):
    """A run's folder with data and a review of three samples; nothing was trained."""
    manifest = assign_splits(check(read_manifest(folders(tmp_path / "data")))[1])
    run = RunFolder(tmp_path / "run")
    manifest.save(run.manifest_file)
    RunRecord(
        name="run",
        created="2026-01-01T00:00:00+00:00",
        command="tfl train",
        tfl_version="0.1",
        status="done",
        stages={},
        environment=ENVIRONMENT,
    ).save(run.record_file)
    items = tuple(
        ReviewItem(
            path=path,
            label="cat",
            suggested="dog",
            kind="label_error",
            probability=0.1,
            suggested_probability=0.8,
            sha256=next(item.sha256 for item in manifest.examples if item.path == path),
            split="train",
        )
        for path in NAMED
    )
    Review(
        run=str(run.path),
        data_fingerprint=manifest.fingerprint,
        backbone="embedded:sketchnet",
        folds=3,
        examples=len(manifest.examples),
        accuracy=0.9,
        label_errors=3,
        items=items,
    ).save(run.path / "review" / REVIEW_FILE)
    return run, manifest


def uploaded(name, content):
    """What a browser sends of a file."""
    return {
        "name": name,
        "type": "image/png",
        "size": len(content),
        "content": memoryview(content),
        "last_modified": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    }


def choices(cleaner):
    return [card.children[1].children[1] for card in cleaner._cards.children]


def test_what_is_chosen_is_written_at_once_and_shown_again(reviewed):
    run, manifest = reviewed
    cleaner = Cleaner(run.path, page_size=2)
    assert len(choices(cleaner)) == 2
    choices(cleaner)[0].value = "accept"
    choices(cleaner)[1].value = "remove"
    cleaner._next.click()
    assert len(choices(cleaner)) == 1
    assert cleaner._next.disabled
    choices(cleaner)[0].value = "keep"
    assert "3 of 3 decided" in cleaner._status.value
    with (run.path / "review" / TABLE_FILE).open(newline="") as file:
        assert {row["path"]: row["decision"] for row in csv.DictReader(file)} == dict(
            zip(NAMED, ("accept", "remove", "keep"), strict=True)
        )
    _, made = apply_table(manifest, cleaner.table)
    assert made.relabelled == {NAMED[0]: ("cat", "dog")}
    assert made.removed == (NAMED[1],)
    again = Cleaner(run.path)
    assert [choice.value for choice in choices(again)] == ["accept", "remove", "keep"]
    choices(again)[1].value = ""
    assert NAMED[1] not in Cleaner(run.path).decisions


def test_a_class_that_was_written_by_hand_stays(reviewed):
    run, _ = reviewed
    cleaner = Cleaner(run.path)
    choices(cleaner)[0].value = "keep"
    cleaner.table.write_text(cleaner.table.read_text().replace("keep,", "owl,"))
    again = Cleaner(run.path)
    assert choices(again)[0].value == "owl"
    choices(again)[1].value = "accept"
    assert Cleaner(run.path).decisions == {NAMED[0]: "owl", NAMED[1]: "accept"}


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
    assert answer.value == ""
    text.value = "Where is my parcel?"
    button.click()
    (prediction,) = tried.predictions
    assert prediction.label in answer.value
