"""What over a third of the pictures have is told once, errors always, and the worst first."""

import sys
from dataclasses import replace

import pytest

from tests.conftest import draw_classes
from tfl.data.check import check
from tfl.data.check.findings import finding
from tfl.data.check.verdict import make_report
from tfl.data.loading import read_manifest


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return read_manifest(draw_classes(tmp_path_factory.mktemp("told") / "data", per_class=10))


def findings(rule, count, badness=lambda index: 0.0):
    return [finding(rule, f"red/{index}.png", "is so", badness=badness(index)) for index in range(count)]


@pytest.mark.parametrize(("rule", "count", "told"), [("blurry", 10, 10), ("blurry", 11, 1), ("unreadable", 20, 20)])
def test_what_is_common_is_told_once(manifest, rule, count, told):
    report = make_report(manifest, findings(rule, count), ())
    assert len(report.findings) == count
    assert len(report.told()) == told
    assert f"{count} x {rule}" in report.verdict
    if told == 1:
        (only,) = report.told()
        assert only.message == "11 of 30 pictures, such as this one, which is so"


def test_the_worst_of_a_rule_comes_first(manifest):
    report = make_report(manifest, findings("dark", 5, badness=float), ())
    assert [item.path for item in report.findings] == [f"red/{index}.png" for index in (4, 3, 2, 1, 0)]


def test_few_pictures_are_told_one_by_one(manifest):
    small = replace(manifest, examples=manifest.examples[:6])
    assert len(make_report(small, findings("blurry", 6), ()).told()) == 6


def test_a_real_set_of_blurred_pictures_is_told_once(tmp_path):
    pytest.importorskip("cleanvision")
    from PIL import Image, ImageFilter

    data = draw_classes(tmp_path / "data", per_class=12, size=(80, 90))
    for file in data.rglob("*.png"):
        Image.open(file).filter(ImageFilter.GaussianBlur(6)).save(file)
    report, _ = check(read_manifest(data))
    assert {item.rule for item in report.findings} & {"blurry", "uniform"}
    assert sum(item.rule in ("blurry", "uniform") for item in report.told()) <= 2


@pytest.mark.parametrize("module", ["imagehash", "cleanvision"])
def test_what_is_not_looked_for_is_told_with_the_command_that_brings_it(tmp_path, monkeypatch, module):
    data = draw_classes(tmp_path / "data", per_class=10, size=(70, 80))
    assert check(read_manifest(data))[0].findings == ()
    # None is how Python itself marks a module that can't be imported.
    monkeypatch.setitem(sys.modules, module, None)
    report, _ = check(read_manifest(data))
    (only,) = report.findings
    assert (only.rule, only.severity) == ("not_checked", "info")
    assert 'pip install "tfl[data]"' in only.message
    assert report.verdict.endswith("nothing wrong was found")
