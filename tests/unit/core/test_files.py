"""Files are whole or absent, also when the disk is full or the place can't be written."""

import json
import os
import stat
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfl.core.errors import IntegrityError, JobError, OutputExistsError, UserError
from tfl.core.files import (
    check_digests,
    claim_folder,
    digest_tree,
    fresh_folder,
    read_json,
    sha256_file,
    sha256_text,
    tree_size_bytes,
    write_json,
    write_text,
)


def run_limited(code, folder, *, limit_bytes=4096):
    """Run code in a process whose files can't grow beyond a limit: what a full disk does, for real."""
    script = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit_bytes},) * 2)\n"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-c", script + textwrap.dedent(code)],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment,
    )


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    write_text(tmp_path / "a.txt", "old")
    code = """
        from pathlib import Path
        from tfl.core.errors import JobError
        from tfl.core.files import write_text
        try:
            write_text(Path("a.txt"), "x" * 100_000)
        except JobError as error:
            print(error.message, "|", error.hint)
    """
    result = run_limited(code, tmp_path)
    assert result.stdout.startswith("Could not write a.txt: File too large. | Free some disk space"), result.stderr
    assert {item.name: item.read_text() for item in tmp_path.iterdir()} == {"a.txt": "old"}


def test_a_full_disk_leaves_the_old_folder_and_nothing_else(tmp_path):
    with fresh_folder(tmp_path / "out") as place:
        (place / "old").write_text("1")
    code = """
        from pathlib import Path
        from tfl.core.errors import JobError
        from tfl.core.files import fresh_folder
        try:
            with fresh_folder(Path("out")) as place:
                (place / "new").write_bytes(bytes(100_000))
        except JobError as error:
            print(error.message)
    """
    result = run_limited(code, tmp_path)
    assert result.stdout.strip() == "Could not write out: File too large.", result.stderr
    assert [item.name for item in tmp_path.iterdir()] == ["out"]
    assert [item.name for item in (tmp_path / "out").iterdir()] == ["old"]


def test_stored_pixels_on_a_full_disk_are_an_error_and_no_crash(tmp_path, colours):
    code = f"""
        from pathlib import Path
        from tfl.core.errors import JobError
        from tfl.core.progress import Progress
        from tfl.data.loading import read_manifest
        from tfl.data.preprocess import ImagePreprocessing
        from tfl.data.store import open_rows
        manifest = read_manifest(Path({str(colours)!r}))
        contract = ImagePreprocessing(height=64, width=64)
        try:
            open_rows(manifest.examples, manifest.root, contract, cache_dir=Path("cache"), progress=Progress())
        except JobError as error:
            print(error.message)
    """
    result = run_limited(code, tmp_path)
    assert result.returncode == 0
    assert "File too large" in result.stdout, result.stderr
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_error_of_the_block_is_not_taken_for_a_full_disk(tmp_path):
    def read_what_is_not_there():
        with fresh_folder(tmp_path / "out"):
            (tmp_path / "none").read_text()

    with pytest.raises(FileNotFoundError):
        read_what_is_not_there()
    assert list(tmp_path.iterdir()) == []


def test_places_that_can_not_be_written_are_named(tmp_path):
    (tmp_path / "file").write_text("x")
    below = tmp_path / "file" / "sub" / "a.json"
    with pytest.raises(JobError, match=r"Could not write .*a\.json"):
        write_json(below, {})
    with pytest.raises(JobError, match="Could not write"), fresh_folder(below):
        pass
    with pytest.raises(UserError, match="can't be written: Not a directory"):
        claim_folder(below, if_exists="refuse", marker="run.json")
    with pytest.raises(UserError, match="can't be written: File name too long"):
        claim_folder(tmp_path / ("x" * 300), if_exists="refuse", marker="run.json")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_without_permission_is_named(tmp_path):
    place = tmp_path / "locked"
    place.mkdir(mode=0o500)
    with pytest.raises(UserError, match="can't be written: Permission denied"):
        claim_folder(place / "run", if_exists="refuse", marker="run.json")
    with pytest.raises(JobError, match="Permission denied"):
        write_text(place / "a", "x")


def test_who_reads_while_it_is_written_sees_the_old_file_whole(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"old": 1})
    with path.open() as stream:
        write_json(path, {"new": 2})
        assert json.load(stream) == {"old": 1}
    assert read_json(path) == {"new": 2}


def test_what_is_written_can_be_read_by_others(tmp_path):
    write_text(tmp_path / "a.txt", "x")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o644
    with fresh_folder(tmp_path / "out"):
        pass
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o755


def test_claiming_an_empty_folder_is_allowed_in_every_way(tmp_path):
    for if_exists in ("refuse", "resume", "overwrite"):
        claim_folder(tmp_path / "new" / "run", if_exists=if_exists, marker="run.json")
        assert list((tmp_path / "new" / "run").iterdir()) == []


@pytest.mark.parametrize("if_exists", ["resume", "overwrite"])
def test_a_foreign_folder_is_left_alone(if_exists, tmp_path):
    (tmp_path / "photo.jpg").write_text("precious")
    with pytest.raises(OutputExistsError, match=r"holds no run\.json, so it was not made by tfl; it is left alone"):
        claim_folder(tmp_path, if_exists=if_exists, marker="run.json")
    assert (tmp_path / "photo.jpg").read_text() == "precious"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None)
@given(value=json_values.filter(lambda value: "\\ud" not in json.dumps(value)))
def test_json_comes_back(value, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value)
    assert read_json(path) == value


def test_json_with_nan_is_refused_and_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("content", "words"), [(b"{", "is not readable JSON"), (b"\xff\xfe", "is not readable JSON")])
def test_json_that_is_damaged_is_told(content, words, tmp_path):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(IntegrityError, match=words):
        read_json(tmp_path / "a.json")
    with pytest.raises(IntegrityError, match="can't be read: Is a directory"):
        read_json(tmp_path)


def test_digests_are_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "a") == expected
    (tmp_path / "big").write_bytes(bytes(3 << 20))
    (tmp_path / "big-copy").write_bytes(bytes(3 << 20))
    assert sha256_file(tmp_path / "big") == sha256_file(tmp_path / "big-copy")


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")), min_size=2, max_size=4))
def test_boundaries_of_the_parts_count(parts):
    joined = [parts[0] + parts[1], *parts[2:]]
    assert sha256_text(*parts) != sha256_text(*joined)
    assert sha256_text(*parts) == sha256_text(*parts)


def test_a_tree_is_digested_below_its_root_and_parts_can_be_left_out(tmp_path):
    for name, size in (("a", 1), ("sub/b", 20), ("artifacts/big", 300)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    digests = digest_tree(tmp_path, leave_out=frozenset({"artifacts"}))
    assert list(digests) == ["a", "sub/b"]
    check_digests(tmp_path, digests)
    assert tree_size_bytes(tmp_path) == 321
    assert tree_size_bytes(tmp_path, names=("a", "sub/b")) == 21


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "sub/../../outside"])
def test_a_record_can_not_point_outside_its_folder(name, tmp_path):
    with pytest.raises(IntegrityError, match="the path leaves the folder"):
        check_digests(tmp_path, {name: "0" * 64})
