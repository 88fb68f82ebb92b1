"""Data in archives: unpacked once, read as what they hold, and told by the archive's name."""

import os
import shutil
import zipfile

import pytest

from tests.conftest import draw_classes
from tfl.core.errors import DataError, UserError
from tfl.core.files import cache_dir
from tfl.data.loading import read_manifest
from tfl.data.readers import ReadOptions


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path):
    return draw_classes(tmp_path / "photos", per_class=2)


def zipped(path, **files):
    with zipfile.ZipFile(path, "w") as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return path


def unpacked():
    return sorted(item for item in (cache_dir() / "data" / "archives").iterdir() if item.is_dir())


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [("zip", ".zip"), ("tar", ".tar"), ("gztar", ".tar.gz"), ("bztar", ".tar.bz2"), ("xztar", ".tar.xz")],
)
def test_every_kind_is_read_as_its_folder(photos, tmp_path, kind, suffix):
    archive = tmp_path / f"a{suffix}"
    assert shutil.make_archive(tmp_path / "a", kind, photos) == str(archive)
    manifest = read_manifest(archive)
    plain = read_manifest(photos)
    assert manifest.reader == "archive"
    assert manifest.source == str(archive)
    assert (manifest.examples, manifest.labels) == (plain.examples, plain.labels)
    for ours, theirs in zip(manifest.sources(manifest.examples), plain.sources(plain.examples), strict=True):
        assert ours.read_bytes() == theirs.read_bytes()


def test_an_archive_is_unpacked_once_and_again_when_it_changed(photos, tmp_path):
    archive = tmp_path / "a.zip"
    shutil.make_archive(tmp_path / "a", "zip", photos)
    first = read_manifest(archive)
    (place,) = unpacked()
    before = place.stat().st_mtime_ns
    (place / "made").touch()
    assert read_manifest(archive).root == first.root
    assert (place / "made").is_file()
    os.utime(archive, ns=(before, before))
    assert read_manifest(archive).root == first.root, "the same bytes at another time"
    (photos / "red" / "red-00.png").unlink()
    shutil.make_archive(tmp_path / "a", "zip", photos)
    assert len(read_manifest(archive).examples) == len(first.examples) - 1
    assert len(unpacked()) == 2


@pytest.mark.parametrize(
    "names",
    [
        ("cat/1.png", "dog/1.png"),
        ("top/cat/1.png", "top/dog/1.png"),
        ("top/inner/cat/1.png", "top/inner/dog/1.png", "__MACOSX/top/cat/._1.png", ".DS_Store"),
        ("top/cat/1.png", "top/dog/1.png", "README.md", "LICENSE"),
    ],
)
def test_the_folder_around_the_classes_is_entered(tmp_path, names):
    manifest = read_manifest(zipped(tmp_path / "a.zip", **dict.fromkeys(names, b"x")))
    assert [example.path for example in manifest.examples] == ["cat/1.png", "dog/1.png"]


def test_a_single_class_is_told_as_one(tmp_path):
    archive = zipped(tmp_path / "a.zip", **{"cat/1.png": b"x", "cat/2.png": b"y"})
    with pytest.raises(DataError, match=r"a\.zip.*one class only, 'cat'"):
        read_manifest(archive)


def test_splits_and_a_csv_inside_are_used(photos, tmp_path):
    rows = "".join(
        f"{label}/{label}-0{index}.png,{label},{(index and 'test') or 'train'}\n"
        for label in ("red", "blue")
        for index in range(2)
    )
    (photos / "list.csv").write_text(f"photo,label,split\n{rows}")
    archive = tmp_path / "a.tgz"
    shutil.move(shutil.make_archive(tmp_path / "a", "gztar", tmp_path, "photos"), archive)
    manifest = read_manifest(archive, options=ReadOptions(path_column="photo"))
    assert {example.path: example.split for example in manifest.examples} == {
        "blue/blue-00.png": "train",
        "blue/blue-01.png": "test",
        "red/red-00.png": "train",
        "red/red-01.png": "test",
    }


def test_a_column_named_for_an_archive_without_a_table_is_a_mistake(photos, tmp_path):
    shutil.make_archive(tmp_path / "a", "zip", photos)
    with pytest.raises(UserError, match="label_column"):
        read_manifest(tmp_path / "a.zip", options=ReadOptions(label_column="label"))


@pytest.mark.parametrize("name", ["../outside.png", "/outside.png"])
def test_an_archive_that_leaves_its_folder_is_refused(tmp_path, name):
    archive = zipped(tmp_path / "a.zip", **{"cat/1.png": b"x", "dog/1.png": b"x", name: b"x"})
    with pytest.raises(DataError, match="leaves the folder"):
        read_manifest(archive)
    assert not unpacked()


def test_a_damaged_archive_is_told_and_leaves_nothing(photos, tmp_path):
    shutil.make_archive(tmp_path / "a", "gztar", photos)
    archive = tmp_path / "a.tar.gz"
    archive.write_bytes(archive.read_bytes()[:-2000])
    with pytest.raises(DataError, match=r"a\.tar\.gz is not a readable tar archive"):
        read_manifest(archive)
    assert not unpacked()


def test_a_damaged_note_beside_the_cache_is_made_again(photos, tmp_path):
    shutil.make_archive(tmp_path / "a", "zip", photos)
    first = read_manifest(tmp_path / "a.zip")
    for note in (cache_dir() / "data" / "archives").glob("*.json"):
        note.write_text("[")
    assert read_manifest(tmp_path / "a.zip") == first
