"""The mended copy: what has one right way is put right, listed, and passes the check; the original stays as it is."""

import hashlib
import json

import pytest

pytest.importorskip("imagehash")

from tests.faults import FAULTS, folders, rows_of, with_splits, with_table, write_rows
from tfl.core.errors import OutputExistsError, UserError
from tfl.data.check import check
from tfl.data.check.mend import FIXES_FILE, Mending, mend
from tfl.data.loading import read_manifest

#: Rules that a mended copy never breaks.
MENDED = {
    "unreadable",
    "wrong_extension",
    "duplicate",
    "label_conflict",
    "leakage",
    "near_leakage",
    "group_leakage",
    "label_spelling",
    "bad_row",
    "missing_file",
    "duplicate_row",
    "unused",
}


def state(folder):
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def mended(data, out):
    report, manifest = check(read_manifest(data))
    return mend(manifest, report, out)


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.rule in MENDED], ids=lambda fault: fault.name)
def test_a_mended_copy_passes_and_the_original_is_untouched(tmp_path, fault):
    data = fault.clean(tmp_path / "data")
    fault.plant(data)
    before = state(data)
    mending = mended(data, tmp_path / "out")
    assert state(data) == before
    after, _ = check(read_manifest(tmp_path / "out"))
    assert after.errors == 0
    assert {item.rule for item in after.findings}.isdisjoint(MENDED - {"unused"})
    assert mending.pictures == after.examples
    told = {(fix.rule, fix.path) for fix in mending.fixes}
    assert {rule for rule, _ in told} >= {fault.rule}
    assert Mending.from_dict(json.loads((tmp_path / "out" / FIXES_FILE).read_text())) == mending


def test_what_is_scored_stays_and_its_copy_for_learning_goes(tmp_path):
    data = with_splits(tmp_path / "data")
    (data / "test" / "cat" / "new.jpg").write_bytes((data / "train" / "cat" / "0003.jpg").read_bytes())
    mending = mended(data, tmp_path / "out")
    assert [(fix.rule, fix.path, fix.action) for fix in mending.fixes] == [
        ("leakage", "train/cat/0003.jpg", "left_out")
    ]
    assert (tmp_path / "out" / "test" / "cat" / "new.jpg").is_file()


def test_a_table_keeps_groups_splits_and_further_columns(tmp_path):
    data = with_table(tmp_path / "data")
    rows = rows_of(data)
    write_rows(data, [*rows, ["images/cat/gone.jpg", "cat", "train", "x"]])
    mended(data, tmp_path / "out")
    copy, original = read_manifest(tmp_path / "out"), read_manifest(data)
    assert copy.examples == original.examples
    assert copy.problems == ()


def test_names_that_become_equal_get_a_number(tmp_path):
    data = folders(tmp_path / "data")
    (data / "Cat").mkdir()
    (data / "cat" / "0000.jpg").rename(data / "Cat" / "0001.jpg")
    mending = mended(data, tmp_path / "out")
    (fix,) = mending.fixes
    assert (fix.action, fix.to) == ("relabelled", "cat")
    assert len(list((tmp_path / "out" / "cat").iterdir())) == 12
    assert (tmp_path / "out" / "cat" / "0001-1.jpg").is_file()


def test_a_copy_never_goes_into_the_data_or_over_something(tmp_path):
    data = folders(tmp_path / "data", per_class=3)
    with pytest.raises(UserError, match="inside the data"):
        mended(data, data / "mended")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(OutputExistsError):
        mended(data, tmp_path / "full")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_nothing_is_left_where_nothing_can_be_read(tmp_path):
    data = folders(tmp_path / "data", per_class=3)
    for file in data.rglob("*.jpg"):
        file.write_bytes(b"")
    with pytest.raises(UserError, match="nothing would be left"):
        mended(data, tmp_path / "out")
    assert not (tmp_path / "out").exists()
