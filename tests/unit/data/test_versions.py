"""What changed between two versions of data."""

from dataclasses import replace

from tests.conftest import draw_classes
from tests.e2e.conftest import call, call_json
from tests.texts import sentences, write_table
from tests.unit.data.test_sets import manifest_of
from tfl.data.check import check
from tfl.data.loading import read_manifest
from tfl.data.manifest import Example
from tfl.data.split import assign_splits
from tfl.data.versions import DataDiff, diff_manifests


def changed(manifest, edits):
    """Replace examples by path; None removes one."""
    examples = [edits.get(item.path, item) for item in manifest.examples]
    return replace(manifest, examples=tuple(item for item in examples if item is not None))


def test_a_version_is_the_same_as_itself_whatever_the_order():
    manifest = assign_splits(manifest_of({"a": 9, "b": 9}))
    diff = diff_manifests(manifest, replace(manifest, examples=manifest.examples[::-1]))
    assert diff.is_same
    assert diff.unchanged == 18


def test_each_kind_of_change_is_told_once():
    before = assign_splits(manifest_of({"a": 9, "b": 9}))
    by_path = {item.path: item for item in before.examples}
    other = "test" if by_path["b/1.png"].split == "train" else "train"
    after = changed(
        before,
        {
            "a/0.png": None,
            "a/1.png": replace(by_path["a/1.png"], path="z/renamed.png"),
            "a/2.png": replace(by_path["a/2.png"], sha256="x" * 64),
            "a/3.png": replace(by_path["a/3.png"], label="b"),
            "a/4.png": replace(by_path["a/4.png"], path="b/4-from-a.png", label="b"),
            "b/1.png": replace(by_path["b/1.png"], split=other),
            "b/2.png": replace(by_path["b/2.png"], group="litter"),
            "b/3.png": replace(by_path["b/3.png"], attributes={"camera": "phone"}),
        },
    )
    after = replace(after, examples=(*after.examples, Example(path="b/new.png", label="b", sha256="new")))
    diff = diff_manifests(before, after)
    assert [(item.kind, item.path, item.before, item.after) for item in diff.changes] == [
        ("added", "b/new.png", "", "b"),
        ("removed", "a/0.png", "a", ""),
        ("renamed", "b/4-from-a.png", "a/4.png", "b/4-from-a.png"),
        ("renamed", "z/renamed.png", "a/1.png", "z/renamed.png"),
        ("content", "a/2.png", "a-2", "x" * 12),
        ("relabelled", "a/3.png", "a", "b"),
        ("relabelled", "b/4-from-a.png", "a", "b"),
        ("moved", "b/1.png", by_path["b/1.png"].split, other),
        ("regrouped", "b/2.png", "", "litter"),
        ("columns", "b/3.png", "", "camera=phone"),
    ]
    once = dict.fromkeys(("added", "removed", "content", "moved", "regrouped", "columns"), 1)
    assert diff.counts == once | {"renamed": 2, "relabelled": 2}
    assert diff.unchanged == 18 - 8
    assert DataDiff.from_dict(diff.to_dict()) == diff


def test_of_copies_the_one_with_the_same_label_is_the_renamed_one():
    before = manifest_of({"a": 3, "b": 3}, copies=("a",))
    copy = next(item for item in before.examples if item.path == "a/copy.png")
    after = changed(before, {"a/copy.png": None, "a/0.png": replace(copy, path="a/zero.png")})
    diff = diff_manifests(before, after)
    assert diff.counts["renamed"] == diff.counts["removed"] == 1
    assert diff.counts["relabelled"] == 0


def test_the_command_compares_folders(tmp_path):
    before, after = (draw_classes(tmp_path / name, per_class=3) for name in ("before", "after"))
    same = call("data", "diff", before, after)
    assert same.returncode == 0, same.stderr
    assert "Nothing changed" in same.stdout
    (after / "red" / "red-00.png").rename(after / "blue" / "moved.png")
    (after / "green" / "green-01.png").unlink()
    document = call_json("data", "diff", before, after, code=1)
    assert {(item["kind"], item["path"]) for item in document["changes"]} == {
        ("renamed", "blue/moved.png"),
        ("relabelled", "blue/moved.png"),
        ("removed", "green/green-01.png"),
    }
    assert "green/green-01.png" in call("data", "diff", before, after).stdout


def test_the_command_writes_folds_once(colours, tmp_path):
    out = tmp_path / "folds.json"
    document = call_json("data", "folds", colours, "--k", 3, "--repeats", 2, "--out", out)
    assert len(document["folds"]) == 6
    assert all(len(fold["train"]) + len(fold["validation"]) == 72 for fold in document["folds"])
    written = out.read_bytes()
    again = call("data", "folds", colours, "--out", out)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert out.read_bytes() == written


def test_texts_are_followed_by_what_they_say_not_by_their_line(tmp_path):
    rows = [*sentences(4), ("The same again", "quality"), ("The same again", "quality")]
    before = check(read_manifest(write_table(tmp_path / "a.csv", rows)))[1]
    changed = [("A new first row of text", "payment"), *rows]
    changed[3] = (changed[3][0], "quality")
    del changed[5]
    after = check(read_manifest(write_table(tmp_path / "a.csv", changed)))[1]
    diff = diff_manifests(before, after)
    assert {kind: count for kind, count in diff.counts.items() if count} == {"added": 1, "removed": 1, "relabelled": 1}
    assert [(item.kind, item.path, item.before, item.after) for item in diff.changes] == [
        ("added", "a.csv:2", "", "payment"),
        ("removed", "a.csv:6", "payment", ""),
        ("relabelled", "a.csv:5", "delivery", "quality"),
    ]
    assert diff.unchanged == len(rows) - 2
    assert diff_manifests(after, after).is_same
