"""Folders of text files: classes and splits by folder, and no confusion with folders of pictures."""

import pytest

from tests.conftest import draw_classes
from tests.texts import sentences, write_folders, write_table
from tfl.core.errors import DataError, UserError
from tfl.data.check import check, require_clean, skip_bad
from tfl.data.loading import find_kind, read_manifest
from tfl.data.readers import READERS, ReadOptions

READER = READERS.get("text_folder")
PICTURES = READERS.get("image_folder")


def test_each_file_is_a_text_of_its_folders_class(tmp_path):
    manifest = read_manifest(write_folders(tmp_path, sentences(4)))
    assert (manifest.reader, manifest.kind) == ("text_folder", "text")
    assert manifest.counts() == {"delivery": 4, "payment": 4, "quality": 4}
    assert manifest.examples[0].path == "delivery/000.txt"
    assert manifest.examples[0].text == ""


def test_old_collections_name_files_without_an_ending(tmp_path):
    for label in ("alt.atheism", "sci.space"):
        (tmp_path / label).mkdir()
        for name in ("51060", "51119"):
            (tmp_path / label / name).write_text(f"{label} {name}")
    assert len(read_manifest(tmp_path, reader="text_folder").examples) == 4


def test_other_files_are_told_as_not_used(tmp_path):
    write_folders(tmp_path, sentences(4))
    (tmp_path / "delivery" / "notes.json").write_text("{}")
    (tmp_path / "README.md").write_text("# About")
    assert READER.read(tmp_path).unused == ("README.md", "delivery/notes.json")


def test_pictures_with_a_text_beside_each_stay_pictures(tmp_path):
    draw_classes(tmp_path, per_class=3)
    for file in list(tmp_path.rglob("*.png")):
        file.with_suffix(".txt").write_text("0 0.5 0.5 1 1")
    assert not READER.recognizes(tmp_path)
    assert PICTURES.recognizes(tmp_path)
    assert find_kind(tmp_path) == "image"


def test_folders_of_texts_are_not_taken_for_pictures(tmp_path):
    write_folders(tmp_path, sentences(4))
    assert not PICTURES.recognizes(tmp_path)
    assert find_kind(tmp_path) == "text"


def test_tables_beside_folders_of_notes_come_first(tmp_path):
    write_table(tmp_path / "train.csv", sentences(4))
    write_table(tmp_path / "test.csv", sentences(2, 100))
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "licence.txt").write_text("Free.")
    assert read_manifest(tmp_path).reader == "text_table"


def test_a_folder_of_one_class_is_told(tmp_path):
    write_folders(tmp_path, sentences(4, topics=("quality",)))
    with pytest.raises(DataError, match=r"one class only, 'quality'(.|\n)*folder with texts of another class"):
        read_manifest(tmp_path)


def test_columns_are_refused(tmp_path):
    write_folders(tmp_path, sentences(4))
    with pytest.raises(UserError, match="has no columns"):
        READER.read(tmp_path, ReadOptions(label_column="label"))


def test_empty_and_unreadable_files_are_told_and_can_be_left_out(tmp_path):
    write_folders(tmp_path, sentences(4))
    (tmp_path / "quality" / "empty.txt").write_bytes(b"")
    (tmp_path / "quality" / "broken.txt").write_bytes(b"\xff\xfea")
    manifest = read_manifest(tmp_path)
    report, manifest = check(manifest)
    assert {(item.rule, item.path) for item in report.findings if item.severity == "error"} == {
        ("empty_text", "quality/empty.txt"),
        ("unreadable", "quality/broken.txt"),
    }
    with pytest.raises(DataError, match=r"empty\.txt: the text is empty"):
        require_clean(report)
    kept, said = skip_bad(manifest, report)
    assert len(kept.examples) == 12
    assert len(said) == 2


def test_text_files_can_be_listed_in_a_table(tmp_path):
    write_folders(tmp_path / "files", sentences(4))
    rows = [(file.relative_to(tmp_path), file.parent.name) for file in sorted((tmp_path / "files").rglob("*.txt"))]
    file = write_table(tmp_path / "list.csv", rows, ("path", "label"))
    manifest = read_manifest(file)
    assert (manifest.reader, manifest.kind, find_kind(file)) == ("manifest_file", "text", "text")
    report, manifest = check(manifest)
    assert report.verdict.startswith("12 texts in 3 classes: usable")
    assert manifest.examples[0].attributes["length"] == "11-20 words"
