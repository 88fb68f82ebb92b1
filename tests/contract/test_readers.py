"""What every reader promises, on a small data set of its format."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import draw_classes
from tests.tensorflow_data_sets import prepare_tfds
from tests.texts import sentences, write_folders, write_table
from tests.videos import film_classes
from tfl.core.errors import DataError
from tfl.data.check import check, require_clean
from tfl.data.loading import read_manifest
from tfl.data.manifest import SPLITS
from tfl.data.readers import READERS
from tfl.data.split import assign_splits
from tfl.testing import check_reader


def plain_folder(folder):
    return draw_classes(folder, per_class=6)


def split_folder(folder):
    for seed, name in enumerate(("train", "val", "test")):
        draw_classes(folder / name, per_class=4, seed=seed)
    return folder


def table(folder, text, name):
    draw_classes(folder / "images", per_class=6)
    rows = [path.relative_to(folder).as_posix() for path in sorted((folder / "images").rglob("*.png"))]
    (folder / name).write_text(text(rows), encoding="utf-8")
    return folder / name


def csv_file(folder):
    return table(folder, lambda rows: "path,label\n" + "".join(f"{row},{row.split('/')[1]}\n" for row in rows), "a.csv")


def json_lines_with_splits(folder):
    def text(rows):
        sides = ("train", "val", "test")
        return "".join(
            json.dumps({"file": row, "class": row.split("/")[1], "split": sides[index % 3], "camera": index % 2}) + "\n"
            for index, row in enumerate(rows)
        )

    return table(folder, text, "a.jsonl")


def zip_of_a_folder(folder):
    draw_classes(folder / "photos", per_class=6)
    return Path(shutil.make_archive(folder / "a", "zip", folder, "photos"))


def tar_with_splits(folder):
    split_folder(folder / "photos")
    return Path(shutil.make_archive(folder / "a", "gztar", folder / "photos"))


def zip_of_a_csv(folder):
    csv_file(folder / "photos")
    return Path(shutil.make_archive(folder / "a", "zip", folder / "photos"))


def folder_with_one_csv(folder):
    return csv_file(folder).parent


def saved_version(folder):
    """A manifest that tfl saved, beside the data that it is about."""
    report, manifest = check(read_manifest(draw_classes(folder / "data", per_class=6)))
    assert report.errors == 0
    manifest.save(folder / "version.json")
    return folder / "version.json"


def folder_of_videos(folder):
    return film_classes(folder, per_class=6)


def videos_with_splits(folder):
    for seed, name in enumerate(("train", "val", "test")):
        film_classes(folder / name, per_class=2, seed=seed)
    return folder


def csv_of_parts_of_videos(folder):
    film_classes(folder / "clips", per_class=4, seconds=6)
    rows = "".join(
        f"{path.relative_to(folder).as_posix()},{path.parent.name},{start},{start + 3}\n"
        for path in sorted(folder.rglob("*.mp4"))
        for start in (0, 3)
    )
    (folder / "parts.csv").write_text(f"video,label,start,end\n{rows}")
    return folder / "parts.csv"


def prepared_data_set(folder):
    return prepare_tfds(folder)


def csv_of_texts(folder):
    return write_table(folder / "a.csv", sentences())


def tables_of_texts_by_split(folder):
    for first, name in ((0, "train"), (100, "val"), (200, "test")):
        write_table(folder / f"{name}.tsv", sentences(6, first), header=("question", "intent"))
    return folder


def json_lines_of_texts(folder):
    folder.mkdir()
    rows = enumerate(sentences(), 1)
    lines = (
        json.dumps({"title": f"Number {i}", "body": text, "topic": topic, "stars": i % 5}) for i, (text, topic) in rows
    )
    (folder / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder / "a.jsonl"


def zip_of_texts(folder):
    csv_of_texts(folder / "texts")
    return Path(shutil.make_archive(folder / "a", "zip", folder, "texts"))


def folders_of_texts(folder):
    return write_folders(folder, sentences())


def folders_of_texts_by_split(folder):
    for first, name in ((0, "train"), (100, "val"), (200, "test")):
        write_folders(folder / name, sentences(6, first))
    return folder


def zip_of_folders_of_texts(folder):
    folders_of_texts(folder / "texts")
    return Path(shutil.make_archive(folder / "a", "zip", folder, "texts"))


#: Per reader, what writes a small data set of its format.
SAMPLES = {
    "archive": (zip_of_a_folder, tar_with_splits, zip_of_a_csv, zip_of_texts, zip_of_folders_of_texts),
    "image_folder": (plain_folder, split_folder),
    "tfds": (prepared_data_set,),
    # Each is put on an S3 server.
    "remote": (
        *(plain_folder, split_folder, csv_file, zip_of_a_folder),
        *(csv_of_texts, tables_of_texts_by_split, folders_of_texts, zip_of_texts),
    ),
    "video_folder": (folder_of_videos, videos_with_splits, csv_of_parts_of_videos),
    "manifest_file": (csv_file, json_lines_with_splits, folder_with_one_csv),
    "saved_manifest": (saved_version,),
    "text_folder": (folders_of_texts, folders_of_texts_by_split),
    "text_table": (csv_of_texts, tables_of_texts_by_split, json_lines_of_texts),
}
CASES = [(name, write) for name in READERS.names() for write in SAMPLES.get(name, (None,))]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path / "cache"))


@pytest.fixture(params=CASES, ids=[f"{name}-{write.__name__ if write else 'none'}" for name, write in CASES])
def case(request, tmp_path, monkeypatch):
    name, write = request.param
    assert write is not None, f"add a data set for the reader '{name}' to SAMPLES"
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    location = write(tmp_path / "data")
    if name != "remote":
        return name, location
    bucket = request.getfixturevalue("bucket")
    if (location.parent / "images").is_dir():
        bucket.upload(location.parent / "images", below="data/")
    return name, bucket.upload(location, below="data/")


def test_a_reader_keeps_its_promises(case):
    name, location = case
    assert check_reader(name, location).reader == name


def test_files_are_not_opened(case):
    name, location = case
    before = READERS.get(name).read(location)
    for file in before.sources(before.examples):
        if isinstance(file, Path):
            file.write_bytes(b"")
    assert READERS.get(name).read(location) == before


def test_the_root_is_absolute_also_for_a_relative_location(case, monkeypatch):
    name, location = case
    expected = READERS.get(name).read(location)
    is_path = isinstance(location, Path)
    monkeypatch.chdir(location.parent if is_path else "/")
    assert READERS.get(name).read(Path(location.name) if is_path else location) == expected


def test_what_is_read_can_be_checked_and_split(case):
    name, location = case
    report, manifest = check(READERS.get(name).read(location))
    require_clean(report)
    split = assign_splits(manifest)
    assert {example.split for example in split.examples} == set(SPLITS)
    for example, before in zip(split.examples, manifest.examples, strict=True):
        assert dataclasses.replace(example, split=before.split) == before
        assert before.split is None or example.split == before.split or before.split == "train"


@pytest.mark.parametrize("name", READERS.names())
def test_a_missing_place_is_neither_recognized_nor_read(name, tmp_path):
    for location in (tmp_path / "none", tmp_path / ("x" * 300)):
        assert not READERS.get(name).recognizes(location)
        with pytest.raises(DataError, match=location.name[:10]):
            READERS.get(name).read(location)
