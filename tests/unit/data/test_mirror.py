"""A local copy that is whole file by file, and goes on where it was interrupted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfl.core.errors import DataError
from tfl.data.readers._mirror import Mirror, RemoteFile

LISTED = {f"{label}/{index}.png": RemoteFile(size_bytes=4, stamp="1") for label in "ab" for index in range(40)}


class Remote:
    """Answers with the name's own bytes, and remembers what was asked."""

    def __init__(self, stops_at=None):
        self.asked = []
        self.stops_at = stops_at

    def fetch(self, name, target):
        self.asked.append(name)
        target.write_bytes(b"hal")
        if name == self.stops_at:
            raise KeyboardInterrupt
        target.write_bytes(b"data")


def files_of(mirror):
    return {
        path.relative_to(mirror.files).as_posix(): path.read_bytes()
        for path in mirror.files.rglob("*")
        if path.is_file()
    }


def test_an_interrupt_leaves_whole_files_only_and_the_next_call_goes_on(tmp_path):
    mirror = Mirror(tmp_path, "s3://x")
    first = Remote(stops_at="b/5.png")
    with pytest.raises(KeyboardInterrupt):
        mirror.sync(LISTED, first.fetch)
    there = files_of(mirror)
    assert set(there.values()) <= {b"data"}
    assert "b/5.png" not in there
    second = Remote()
    mirror.sync(LISTED, second.fetch)
    assert files_of(mirror) == dict.fromkeys(LISTED, b"data")
    assert "b/5.png" in second.asked
    # Nothing but what stopped it is asked for twice.
    assert len(first.asked) + len(second.asked) == len(LISTED) + 1
    third = Remote()
    mirror.sync(LISTED, third.fetch)
    assert third.asked == []


def test_a_killed_process_leaves_what_the_next_one_goes_on_with(tmp_path):
    code = f"""
import os
from tests.unit.data.test_mirror import LISTED
from tfl.data.readers._mirror import Mirror
def fetch(name, target):
    target.write_bytes(b"hal")
    if name == "b/30.png":
        os._exit(9)
    target.write_bytes(b"data")
Mirror(__import__("pathlib").Path({str(tmp_path)!r}), "s3://x").sync(LISTED, fetch)
"""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, check=False
    )
    assert done.returncode == 9
    mirror = Mirror(tmp_path, "s3://x")
    remote = Remote()
    mirror.sync(LISTED, remote.fetch)
    assert files_of(mirror) == dict.fromkeys(LISTED, b"data")
    assert 1 <= len(remote.asked) < len(LISTED)


def test_a_file_of_another_size_than_listed_is_an_error(tmp_path):
    mirror = Mirror(tmp_path, "s3://x")
    with pytest.raises(DataError, match="listed with 9 bytes, but 4 came"):
        mirror.sync({"a": RemoteFile(size_bytes=9, stamp="1")}, Remote().fetch)
    assert files_of(mirror) == {}


def test_what_has_no_stamp_is_fetched_each_time(tmp_path):
    mirror = Mirror(tmp_path, "http://x")
    listed = {"a": RemoteFile(size_bytes=None, stamp="")}
    for _ in range(2):
        remote = Remote()
        mirror.sync(listed, remote.fetch)
        assert remote.asked == ["a"]


def test_a_folder_in_place_of_a_file_and_the_other_way_round_are_replaced(tmp_path):
    mirror = Mirror(tmp_path, "s3://x")
    mirror.sync({"a/b": RemoteFile(size_bytes=4, stamp="1")}, Remote().fetch)
    mirror.sync({"a": RemoteFile(size_bytes=4, stamp="1")}, Remote().fetch)
    assert files_of(mirror) == {"a": b"data"}
    mirror.sync({"a/b": RemoteFile(size_bytes=4, stamp="2")}, Remote().fetch)
    assert files_of(mirror) == {"a/b": b"data"}


def test_a_note_that_is_cut_off_costs_one_file(tmp_path):
    mirror = Mirror(tmp_path, "s3://x")
    mirror.sync(LISTED, Remote().fetch)
    notes = tmp_path / "fetched.jsonl"
    notes.write_text(notes.read_text()[:-10])
    remote = Remote()
    mirror.sync(LISTED, remote.fetch)
    assert remote.asked == [list(LISTED)[-1]]
