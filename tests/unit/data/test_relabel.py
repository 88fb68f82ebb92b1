"""Decisions about labels become a new version of the data; the old one and the files stay as they are."""

import csv
from dataclasses import replace

import pytest

from tests.faults import folders, with_splits
from tests.texts import sentences
from tests.texts import write_table as write_csv
from tfl.core.errors import DataError, UserError
from tfl.data.check import check
from tfl.data.loading import read_manifest
from tfl.data.manifest import Manifest
from tfl.data.relabel import ReviewItem, apply_table, write_table
from tfl.data.split import assign_splits


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    found = read_manifest(folders(tmp_path_factory.mktemp("relabel") / "data"))
    return assign_splits(check(found)[1])


def item(manifest, path, suggested):
    (example,) = [example for example in manifest.examples if example.path == path]
    return ReviewItem(
        path=path,
        label=example.label,
        suggested=suggested,
        kind="label_error",
        probability=0.1,
        suggested_probability=0.8,
        sha256=example.sha256,
        split=example.split or "",
    )


def table(manifest, folder, decisions, suggested="dog", delimiter=","):
    file = folder / "review.csv"
    write_table([item(manifest, path, suggested) for path in decisions], file)
    with file.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["decision"] for row in rows] == [""] * len(decisions)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys(), delimiter=delimiter)
        writer.writeheader()
        writer.writerows({**row, "decision": decisions[row["path"]]} for row in rows)
    return file


DECISIONS = {
    "cat/0000.jpg": "accept",
    "cat/0001.jpg": "owl",
    "cat/0002.jpg": "keep",
    "cat/0003.jpg": "",
    "cat/0004.jpg": "remove",
}


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_each_decision_does_what_it_says(manifest, tmp_path, delimiter):
    version, made = apply_table(manifest, table(manifest, tmp_path, DECISIONS, delimiter=delimiter))
    labels = {example.path: example.label for example in version.examples}
    assert labels["cat/0000.jpg"] == "dog"
    assert labels["cat/0001.jpg"] == "owl"
    assert labels["cat/0002.jpg"] == labels["cat/0003.jpg"] == "cat"
    assert "cat/0004.jpg" not in labels
    assert made.relabelled == {"cat/0000.jpg": ("cat", "dog"), "cat/0001.jpg": ("cat", "owl")}
    assert (made.removed, made.kept, made.open) == (("cat/0004.jpg",), 1, 1)
    assert (made.before, made.after) == (manifest.fingerprint, version.fingerprint)
    assert version.parent == manifest.fingerprint


def test_the_version_is_data_like_any_other_and_no_picture_changes_sides(manifest, tmp_path):
    version, _ = apply_table(manifest, table(manifest, tmp_path, DECISIONS))
    version.save(tmp_path / "v2.json")
    again = read_manifest(tmp_path / "v2.json")
    assert (again.reader, again.source) == ("saved_manifest", str(tmp_path / "v2.json"))
    report, checked = check(again)
    assert report.errors == 0
    sides = {example.path: example.split for example in assign_splits(checked).examples}
    before = {example.path: example.split for example in manifest.examples if example.path in sides}
    assert sides == before


def test_splits_that_the_data_came_with_stay(tmp_path):
    given = check(read_manifest(with_splits(tmp_path / "data")))[1]
    version, _ = apply_table(given, table(given, tmp_path, {"val/cat/0100.jpg": "accept"}))
    version.save(tmp_path / "v2.json")
    again = read_manifest(tmp_path / "v2.json")
    sides = {example.path: (example.split, example.given_split) for example in again.examples}
    assert sides["val/cat/0100.jpg"] == ("validation", "val")
    assert again.split_names == given.split_names


def test_decisions_that_cannot_be_applied_are_all_told(manifest, tmp_path):
    file = table(manifest, tmp_path, {"cat/0000.jpg": "dgo", "cat/0001.jpg": "accept", "cat/0002.jpg": "accept"})
    moved = [
        replace(example, path="cat/gone.jpg")
        if example.path == "cat/0001.jpg"
        else replace(example, sha256="0" * 64)
        if example.path == "cat/0002.jpg"
        else example
        for example in manifest.examples
    ]
    with pytest.raises(DataError) as raised:
        apply_table(replace(manifest, examples=tuple(moved)), file)
    assert "3 decisions can't be applied" in raised.value.message
    assert "line 2: 'dgo' is no class of the data. Did you mean 'dog'?" in raised.value.message
    assert "line 3: there is no 'cat/0001.jpg' in the data" in raised.value.message
    assert "line 4: cat/0002.jpg has another content than when it was judged" in raised.value.message


def test_a_label_that_was_changed_since_is_told(manifest, tmp_path):
    file = table(manifest, tmp_path, {"cat/0000.jpg": "accept"})
    version, _ = apply_table(manifest, file)
    with pytest.raises(DataError, match="is labelled 'dog' by now, not 'cat'"):
        apply_table(version, file)


def test_a_new_class_has_to_be_meant(manifest, tmp_path):
    file = table(manifest, tmp_path, {"cat/0000.jpg": "lynx"})
    with pytest.raises(DataError, match="'lynx' is no class"):
        apply_table(manifest, file)
    version, _ = apply_table(manifest, file, new_classes=frozenset({"lynx"}))
    assert version.labels == ("cat", "dog", "lynx", "owl")


def test_a_table_without_the_columns_is_refused(manifest, tmp_path):
    file = tmp_path / "other.csv"
    file.write_text("path,label\ncat/0000.jpg,dog\n")
    with pytest.raises(DataError, match="no column 'decision'"):
        apply_table(manifest, file)


@pytest.mark.parametrize("text", ['{"schema": 1}', "[]", '{"schema": 1, "root": "/gone", "reader": "x"}'])
def test_other_json_is_no_saved_manifest(tmp_path, text):
    file = tmp_path / "some.json"
    file.write_text(text)
    with pytest.raises(UserError, match=r"some\.json|Manifest"):
        read_manifest(file)


def test_a_saved_manifest_tells_of_files_that_changed(tmp_path):
    data = folders(tmp_path / "data", per_class=10)
    saved = check(read_manifest(data))[1]
    saved.save(tmp_path / "v1.json")
    (data / "cat" / "0000.jpg").write_bytes((data / "cat" / "0001.jpg").read_bytes() + b"\0")
    report, _ = check(read_manifest(tmp_path / "v1.json"))
    assert ("altered", "cat/0000.jpg") in {(found.rule, found.path) for found in report.findings}
    assert Manifest.load(tmp_path / "v1.json") == saved


def test_texts_stand_in_the_table_and_are_no_formulas(tmp_path):
    rows = [*sentences(3), ("=1+1 is what I typed", "quality")]
    data = read_manifest(write_csv(tmp_path / "a.csv", rows))
    manifest = assign_splits(check(data)[1])
    items = [replace(item(manifest, example.path, "payment"), text=example.text) for example in manifest.examples]
    write_table(items, tmp_path / "review.csv")
    with (tmp_path / "review.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["text"].lstrip("'") for row in rows} == {example.text for example in manifest.examples}
    assert [row["text"] for row in rows if "typed" in row["text"]] == ["'=1+1 is what I typed"]
    rows[0]["decision"] = "accept"
    with (tmp_path / "review.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    version, made = apply_table(manifest, tmp_path / "review.csv")
    assert (len(made.relabelled), version.kind) == (1, "text")
    version.save(tmp_path / "version.json")
    assert read_manifest(tmp_path / "version.json").examples[0].text == manifest.examples[0].text
