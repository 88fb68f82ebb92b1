"""The mended copy: what has one right way is put right, listed, and passes the check; the original stays as it is."""

import hashlib
import json
import shutil

import pytest

pytest.importorskip("imagehash")
pytest.importorskip("datasketch")
pytest.importorskip("charset_normalizer")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults import FAULTS, folders, rows_of, with_splits, with_table, write_rows
from tests.text_faults import TEXT_FAULTS
from tests.texts import sentences, write_table
from tfl.core.errors import OutputExistsError, UserError
from tfl.data.check import check
from tfl.data.check.mend import FIXES_FILE, Mending, mend
from tfl.data.check.verdict import make_report
from tfl.data.loading import read_manifest
from tfl.data.manifest import Example, Manifest
from tfl.data.readers import ReadOptions

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
    "empty_text",
    "control_characters",
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


@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS + TEXT_FAULTS if fault.rule in MENDED], ids=lambda fault: fault.name
)
def test_a_mended_copy_passes_and_the_original_is_untouched(tmp_path, fault):
    data = fault.clean(tmp_path / "data")
    fault.plant(data)
    before = state(data)
    mending = mended(data, tmp_path / "out")
    assert state(data) == before
    after, _ = check(read_manifest(tmp_path / "out"))
    assert after.errors == 0
    assert {item.rule for item in after.findings}.isdisjoint(MENDED - {"unused"})
    assert mending.examples == after.examples
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
    assert f"<td style='text-align:left'>{fix.rule}</td>" in mending._repr_html_()
    assert "1 changed" in mending._repr_html_()
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


def test_a_mended_table_has_the_texts_put_right_and_all_that_it_had(tmp_path):
    rows = [(text, label, split, "a", index % 3) for index, (text, label, split) in enumerate(_with_sides())]
    rows += [
        ("caf\u00c3\u00a9 is\0 closed", "quality", "dev", "a", 0),
        ("Plain  spaces stay\nas they are ", "quality", "dev", "b", 1),
    ]
    data = tmp_path / "texts.csv"
    write_table(data, rows, ("review", "topic", "split", "label_text", "language"))
    report, manifest = check(read_manifest(data, options=ReadOptions(label_column="topic")))
    mending = mend(manifest, report, tmp_path / "out")
    assert {(fix.rule, fix.action) for fix in mending.fixes} == {
        ("control_characters", "cleaned"),
        ("broken_characters", "cleaned"),
    }
    after = read_manifest(tmp_path / "out")
    assert after.split_names == {"train": "train", "dev": "test"}
    assert [item.text for item in after.examples if "closed" in item.text] == ["caf\u00e9 is closed"]
    assert [item.text for item in after.examples if "spaces" in item.text] == [rows[-1][0]]
    # What the check told of the texts is not written; columns that could be taken for the label have other names.
    assert {tuple(item.attributes) for item in after.examples} == {("original_label_text", "language")}


def _with_sides():
    for index, (text, label) in enumerate(sentences(6)):
        yield text, label, "dev" if index % 3 == 0 else "train"


def test_a_mended_copy_may_lie_beside_a_table_but_not_in_a_folder_of_them(tmp_path):
    file = write_table(tmp_path / "a" / "texts.csv", sentences())
    assert mended(file, tmp_path / "a" / "out").examples == 36
    for name in ("train", "test"):
        write_table(tmp_path / "b" / f"{name}.csv", sentences(3))
    with pytest.raises(UserError, match="inside the data"):
        mended(tmp_path / "b", tmp_path / "b" / "out")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: bool(text.strip()))
EXAMPLES = st.lists(st.tuples(TEXTS, st.sampled_from(["a", "b"]), TEXTS.map(str.strip)), min_size=1, max_size=8)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(EXAMPLES)
def test_what_is_written_is_read_back(tmp_path, rows):
    """A report without findings changes nothing."""
    rows = [*rows, ("the last but one", "a", "x"), ("the last", "b", "y")]
    examples = tuple(
        Example(path=f"t.csv:{index:04d}", text=text, label=label, attributes={"note": note}, group=f"g{index % 3}")
        for index, (text, label, note) in enumerate(rows)
    )
    source = str(tmp_path / "t.csv")
    manifest = Manifest(
        **{"root": str(tmp_path), "reader": "text_table", "labels": ("a", "b"), "examples": examples},
        **{"split_names": {}, "source": source, "kind": "text"},
    )
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    mend(manifest, make_report(manifest, (), ()), tmp_path / "out")
    after = read_manifest(tmp_path / "out", options=ReadOptions(text_column="text")).examples
    read = sorted(after, key=lambda item: int(item.path.rpartition(":")[2]))
    assert [(item.text, item.label, item.attributes["note"], item.group) for item in read] == [
        (item.text, item.label, item.attributes["note"], item.group) for item in examples
    ]
