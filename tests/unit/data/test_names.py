"""Class names that a person would take for the same, and groups on both sides."""

import pytest

from tests.conftest import draw_classes
from tfl.data.check import check
from tfl.data.check.names import odd_names
from tfl.data.loading import read_manifest


def found(*labels):
    return [(item.rule, item.path) for item in odd_names(labels)]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("cat", "dog"), []),
        (("cat", "cats", "Katze"), []),
        (("Cat", "cat"), [("label_spelling", "cat")]),
        (
            ("red ant", "red  ant", "red_ant", "red-ant"),
            [("label_spelling", name) for name in ("red  ant", "red_ant", "red-ant")],
        ),
        (("cat", "c\u0430t"), [("label_look_alike", "c\u0430t")]),
        (("cat", "cat\u200b"), [("label_look_alike", "cat\u200b")]),
        (("\uff43at", "cat"), [("label_look_alike", "\uff43at")]),
        (("caf\u00e9", "cafe"), []),
        (("caf\u00e9", "cafe\u0301"), [("label_look_alike", "caf\u00e9")]),
        (("train", "tram"), [("split_like_class", "train")]),
    ],
)
def test_names_that_a_person_takes_for_the_same(labels, expected):
    assert found(*labels) == expected


def test_a_group_on_both_sides_is_leakage(tmp_path):
    draw_classes(tmp_path / "images", per_class=6, names=("blue", "red"))
    rows = [
        f"images/{name}/{name}-{n:02d}.png,{name},{'test' if n > 3 else 'train'},{name}-patient-{n // 2}"
        for name in ("blue", "red")
        for n in range(6)
    ]
    (tmp_path / "a.csv").write_text("path,label,split,patient\n" + "\n".join(rows))
    report, _ = check(read_manifest(tmp_path / "a.csv"))
    assert not [item for item in report.findings if item.rule == "group_leakage"]
    rows[5] = rows[5].replace("patient-2", "patient-1")
    (tmp_path / "a.csv").write_text("path,label,split,patient\n" + "\n".join(rows))
    report, _ = check(read_manifest(tmp_path / "a.csv"))
    (leak,) = [item for item in report.findings if item.rule == "group_leakage"]
    assert leak.severity == "error"
    assert leak.path == "blue-patient-1"
    assert "'train' (images/blue/blue-02.png) and 'test' (images/blue/blue-05.png)" in leak.message
