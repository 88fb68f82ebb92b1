"""A check remembers what it saw: unchanged files are not opened again, changed ones are, and a stop loses little."""

import os
import sqlite3
import time
from pathlib import Path

import pytest

from tests.faults import folders
from tfl.core.progress import Progress
from tfl.data.check import check
from tfl.data.check.memory import memory_file
from tfl.data.loading import read_manifest

HOUR_S = 3600


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path / "cache"))
    folder = folders(tmp_path / "data", per_class=6)
    age(folder)
    return folder


def age(folder):
    """Make files an hour old: those changed just now are not trusted to stay."""
    for file in folder.rglob("*.jpg"):
        os.utime(file, (time.time() - HOUR_S,) * 2)


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that were read from now on."""
    names = []
    read_bytes = Path.read_bytes

    def noting(path):
        names.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", noting)
    return names


def test_unchanged_files_are_not_opened_again(data, opened):
    first = check(read_manifest(data))
    assert len(opened) == 18
    opened.clear()
    assert check(read_manifest(data)) == first
    assert opened == []
    assert check(read_manifest(data), fresh=True) == first
    assert len(opened) == 18


def test_a_changed_file_is_opened_again_even_with_the_same_size(data, opened):
    check(read_manifest(data))
    opened.clear()
    file = data / "cat" / "0003.jpg"
    content = bytearray(file.read_bytes())
    content[-40] ^= 0xFF
    file.write_bytes(bytes(content))
    opened.clear()
    report, manifest = check(read_manifest(data))
    assert opened == ["0003.jpg"]
    again = check(read_manifest(data), fresh=True)
    assert again == (report, manifest)


def test_a_file_replaced_under_its_old_time_is_opened_again(data, opened):
    check(read_manifest(data))
    file, other = data / "cat" / "0003.jpg", data / "cat" / "0004.jpg"
    before = file.stat()
    replacement = data / "cat" / "new"
    replacement.write_bytes(other.read_bytes()[: before.st_size].ljust(before.st_size, b"\0"))
    os.utime(replacement, ns=(before.st_atime_ns, before.st_mtime_ns))
    replacement.replace(file)
    opened.clear()
    check(read_manifest(data))
    assert opened == ["0003.jpg"]


def test_files_changed_just_now_are_not_remembered(data, opened):
    for file in data.rglob("*.jpg"):
        os.utime(file)
    check(read_manifest(data))
    opened.clear()
    check(read_manifest(data))
    assert len(opened) == 18


def test_an_interrupted_check_goes_on_where_it_stopped(data, opened):
    class Stopping(Progress):
        def update(self, text, *, done=None, total=None):
            if done == 7:
                raise KeyboardInterrupt

    whole = check(read_manifest(data), fresh=True)
    with pytest.raises(KeyboardInterrupt):
        check(read_manifest(data), fresh=True, progress=Stopping())
    opened.clear()
    assert check(read_manifest(data)) == whole
    assert 0 < len(opened) <= 18 - 7


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b""])
def test_a_damaged_memory_is_made_anew(data, content, opened):
    first = check(read_manifest(data))
    file = memory_file(Path(read_manifest(data).root))
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()
    file.write_bytes(content)
    opened.clear()
    assert check(read_manifest(data)) == first
    assert len(opened) == 18
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT COUNT(*) FROM files").fetchone() == (18,)


def test_without_a_cache_folder_the_check_works_all_the_same(data, monkeypatch, tmp_path):
    first = check(read_manifest(data))
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TFL_CACHE", str(tmp_path / "file" / "cache"))
    assert check(read_manifest(data)) == first
