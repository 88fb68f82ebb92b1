"""The rules of the data check, one by one, and what the report says of them."""

import dataclasses
import hashlib
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.conftest import draw_classes
from tfl.core.errors import DataError
from tfl.core.progress import Progress
from tfl.data.check import check, require_clean, skip_bad
from tfl.data.check.findings import RULES, CheckReport, finding
from tfl.data.loading import read_manifest


def of_rule(report, rule):
    return [item for item in report.findings if item.rule == rule]


def test_every_rule_says_how_bad_it_is_and_what_to_do():
    for rule, (severity, fix) in RULES.items():
        found = finding(rule, "a/x.png", "something")
        said = fix.replace("{nouns}", "examples").replace("{noun}", "example")
        assert (found.severity, found.fix) == (severity, said)
        assert "{" not in said
        assert severity in ("error", "warning", "info")
        assert fix.endswith(".")


def test_the_report_is_a_record(colours):
    report, _ = check(read_manifest(colours))
    assert CheckReport.from_dict(report.to_dict()) == report
    assert report.verdict == "72 pictures in 3 classes: nothing wrong was found"
    assert report.examples == 72
    assert report.class_counts == {"blue": 24, "green": 24, "red": 24}
    assert report.split_counts == {}
    assert (report.errors, report.warnings) == (0, 0)


def test_digests_are_those_of_the_bytes(colours):
    _, manifest = check(read_manifest(colours))
    for example, file in zip(manifest.examples, manifest.sources(manifest.examples), strict=True):
        assert example.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


def test_every_file_is_counted_in_the_progress(colours):
    class Counting(Progress):
        def update(self, text, *, done=None, total=None):
            seen.append((done, total))

    seen = []
    check(read_manifest(colours), progress=Counting())
    assert seen == [(number, 72) for number in range(1, 73)]


def test_errors_come_first_and_are_counted(tmp_path):
    data = draw_classes(tmp_path / "data", per_class=11)
    Image.new("L", (9, 9)).save(data / "red" / "tiny.png")
    Image.effect_noise((80, 80), 60).convert("RGBA").save(data / "red" / "alpha.png")
    (data / "green" / "empty.jpg").write_bytes(b"")
    report, _ = check(read_manifest(data))
    assert [item.rule for item in report.findings] == ["unreadable", "tiny", "not_compared", "transparency"]
    assert (report.errors, report.warnings) == (1, 1)
    assert report.verdict == "36 pictures in 3 classes: not ready: 1 x unreadable"
    (data / "green" / "empty.jpg").unlink()
    report, _ = check(read_manifest(data))
    assert report.verdict == "35 pictures in 3 classes: usable, with warnings: 1 x tiny"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty (0 bytes)"),
        (b"hello, I am text", "not a picture that can be read (starts with b'hello, I')"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "the picture is damaged"),
    ],
)
def test_unreadable_files_have_their_reason(content, reason, tmp_path):
    data = draw_classes(tmp_path / "data", per_class=3)
    (data / "red" / "bad.jpg").write_bytes(content)
    report, manifest = check(read_manifest(data))
    (found,) = of_rule(report, "unreadable")
    assert found.path == "red/bad.jpg"
    assert found.message.startswith(reason)
    with pytest.raises(DataError, match=r"red/bad\.jpg"):
        require_clean(report)
    kept, skipped = skip_bad(manifest, report)
    assert skipped == (f"red/bad.jpg: {found.message}",)
    assert len(kept.examples) == 9
    require_clean(report, allow=frozenset({"unreadable"}))


def test_a_file_cut_off_at_any_place_is_found(tmp_path):
    data = draw_classes(tmp_path / "data", per_class=3)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for ending in ("png", "jpg", "bmp", "webp", "tif", "gif"):
        whole = data / "red" / f"whole.{ending}"
        Image.fromarray(noise).save(whole)
        for percent in (10, 50, 90):
            content = whole.read_bytes()
            (data / "red" / f"cut-{percent}.{ending}").write_bytes(content[: len(content) * percent // 100])
    report, _ = check(read_manifest(data))
    found = {item.path for item in of_rule(report, "unreadable")}
    assert found == {
        f"red/cut-{percent}.{ending}"
        for ending in ("png", "jpg", "bmp", "webp", "tif", "gif")
        for percent in (10, 50, 90)
    }


def test_many_errors_are_counted_and_ten_are_named(tmp_path):
    data = draw_classes(tmp_path / "data", per_class=3)
    for number in range(14):
        (data / "blue" / f"bad-{number:02d}.png").write_bytes(b"")
    report, _ = check(read_manifest(data))
    with pytest.raises(DataError) as raised:
        require_clean(report)
    assert "blue/bad-09.png" in raised.value.message
    assert "blue/bad-10.png" not in raised.value.message
    assert "... and 4 more" in raised.value.message
    assert "--skip-bad" in raised.value.hint
    assert "--allow unreadable" in raised.value.hint


def test_copies_are_not_different_pictures(tmp_path):
    data = draw_classes(tmp_path / "data", per_class=12)
    for path in sorted((data / "red").iterdir())[1:]:
        path.unlink()
    for number in range(20):
        shutil.copy(data / "red" / "red-00.png", data / "red" / f"copy-{number}.png")
    report, _ = check(read_manifest(data))
    assert len(of_rule(report, "duplicate")) == 20
    (found,) = of_rule(report, "too_few")
    assert found.message == (
        "class 'red' has 21 usable training pictures, which are copies of each other or one group and count as 1; "
        "at least 2 different ones are needed"
    )


@pytest.mark.parametrize(
    ("names", "rule"),
    [(("train", "val"), "too_few"), (("train", "test"), "too_few"), (("train", "val", "test"), "few")],
)
def test_one_training_picture_is_enough_where_nothing_is_cut_off(names, rule, tmp_path):
    for seed, name in enumerate(names):
        draw_classes(tmp_path / name, per_class=11, seed=seed)
    for path in sorted((tmp_path / "train" / "red").iterdir())[1:]:
        path.unlink()
    report, _ = check(read_manifest(tmp_path))
    assert [item.rule for item in report.findings if item.path == "red" and item.rule != "imbalance"] == [rule]


def test_a_class_that_is_never_tested_is_a_warning(tmp_path):
    for seed, name in enumerate(("train", "val")):
        draw_classes(tmp_path / name, per_class=11, seed=seed)
    shutil.rmtree(tmp_path / "val" / "blue")
    report, _ = check(read_manifest(tmp_path))
    (found,) = of_rule(report, "missing_in_split")
    assert (found.path, found.severity) == ("blue", "warning")
    assert "'val'" in found.message
    require_clean(report)


def test_one_class_left_is_an_error(colours):
    manifest = read_manifest(colours)
    red = tuple(example for example in manifest.examples if example.label == "red")
    report, _ = check(dataclasses.replace(manifest, examples=red, labels=("red",)))
    (found,) = of_rule(report, "one_class")
    assert found.severity == "error"
    with pytest.raises(DataError, match="'red' is the only class"):
        require_clean(report)


def test_a_leak_can_be_allowed_by_name(tmp_path):
    for seed, name in enumerate(("train", "val")):
        draw_classes(tmp_path / name, per_class=11, seed=seed)
    shutil.copy(tmp_path / "train" / "red" / "red-00.png", tmp_path / "val" / "red" / "again.png")
    report, _ = check(read_manifest(tmp_path))
    with pytest.raises(DataError, match=r"val/red/again\.png: has the same bytes as train/red/red-00\.png") as raised:
        require_clean(report)
    assert "--allow leakage" in raised.value.hint
    require_clean(report, allow=frozenset({"leakage"}))


def test_large_pictures_are_noted(tmp_path):
    data = draw_classes(tmp_path / "data", per_class=3)
    Image.new("1", (10_000, 5_001)).save(data / "red" / "large.png")
    report, _ = check(read_manifest(data))
    (found,) = of_rule(report, "giant")
    assert (found.severity, found.message) == ("info", "is 10000 x 5001 pixels")


def test_a_file_that_vanishes_is_told(tmp_path):
    data = draw_classes(tmp_path / "data", per_class=3)
    manifest = read_manifest(data)
    (data / "red" / "red-00.png").unlink()
    report, manifest = check(manifest)
    assert [item.path for item in of_rule(report, "unreadable")] == ["red/red-00.png"]
    assert [example.path for example in manifest.examples if not example.sha256] == ["red/red-00.png"]
