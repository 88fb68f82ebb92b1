"""Records: everything they hold comes back, everything else is told."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.core.errors import ConfigError
from tfl.core.records import Record
from tfl.data.check import CheckReport, Finding
from tfl.data.check.findings import RULES
from tfl.data.manifest import SPLITS, Example, Manifest
from tfl.data.preprocess import ImagePreprocessing


@dataclass(frozen=True, kw_only=True)
class Leaf(Record):
    colour: Literal["red", "blue"]
    place: Path = Path("here")
    on: bool = False


@dataclass(frozen=True, kw_only=True)
class Tree(Record):
    leaves: dict[str, Leaf]
    rows: tuple[tuple[int, str], ...] = ()
    either: int | str = 0
    only: Leaf | None = None
    share: float = 0.5

    def __post_init__(self):
        if self.share > 1:
            raise ConfigError(f"share: must be at most 1. Received: {self.share}.")


text = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
names = text.filter(bool)
leaves = st.builds(Leaf, colour=st.sampled_from(["red", "blue"]), place=names.map(Path), on=st.booleans())
trees = st.builds(
    Tree,
    leaves=st.dictionaries(text, leaves, max_size=3),
    rows=st.lists(st.tuples(st.integers(), text), max_size=3).map(tuple),
    either=st.integers() | text,
    only=st.none() | leaves,
    share=st.floats(-1e300, 1.0),
)
examples = st.builds(
    Example,
    path=names,
    label=names,
    split=st.none() | st.sampled_from(SPLITS),
    given_split=st.none() | names,
    sha256=st.text("0123456789abcdef", max_size=64),
)
manifests = st.builds(
    Manifest,
    root=names,
    reader=names,
    labels=st.lists(names, max_size=3).map(tuple),
    examples=st.lists(examples, max_size=4).map(tuple),
    split_names=st.dictionaries(names, st.sampled_from(SPLITS), max_size=3),
    unused=st.lists(names, max_size=2).map(tuple),
)
channels = st.tuples(*[st.floats(-200, 200)] * 3)
contracts = st.builds(
    ImagePreprocessing,
    height=st.integers(1, 2000),
    width=st.integers(1, 2000),
    resize=st.sampled_from(["crop", "squish", "pad"]),
    interpolation=st.sampled_from(["bilinear", "bicubic", "lanczos"]),
    channels=st.sampled_from(["rgb", "bgr"]),
    scale=st.floats(-10, 10),
    mean=channels,
    std=channels.filter(lambda std: 0.0 not in std),
)
findings = st.builds(
    Finding,
    rule=st.sampled_from(sorted(RULES)),
    severity=st.sampled_from(["error", "warning", "info"]),
    path=text,
    message=text,
    fix=text,
)
reports = st.builds(
    CheckReport,
    verdict=text,
    examples=st.integers(0),
    errors=st.integers(0),
    warnings=st.integers(0),
    class_counts=st.dictionaries(text, st.integers(0), max_size=3),
    split_counts=st.dictionaries(text, st.integers(0), max_size=3),
    findings=st.lists(findings, max_size=3).map(tuple),
)


@given(record=trees | manifests | contracts | reports)
def test_records_come_back_from_json(record):
    assert type(record).from_dict(json.loads(json.dumps(record.to_dict(), allow_nan=False))) == record


@given(record=manifests)
def test_records_come_back_from_a_file(record, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "record.json"
    path.write_text(json.dumps(record.to_dict(), ensure_ascii=False), encoding="utf-8")
    assert Manifest.load(path) == record


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_json_can_not_hold_comes_back_as_nan(value):
    data = Tree(leaves={}, share=-math.inf if value == math.inf else value).to_dict()
    assert data["share"] is None
    assert math.isnan(Tree.from_dict(data).share)


WRONG = {
    "leaves.a.colour": ({"leaves": {"a": {"colour": "blu"}}}, "must be one of red, blue. Did you mean 'blue'?"),
    "leaves.a.on": ({"leaves": {"a": {"colour": "red", "on": 1}}}, "must be bool. Received: 1."),
    "leaves": ({"leaves": [1]}, "must be a mapping. Received: [1]."),
    "rows[1]": ({"leaves": {}, "rows": [[1, "a"], [2]]}, "must have 2 items"),
    "rows[0][0]": ({"leaves": {}, "rows": [["1", "a"]]}, "must be int. Received: '1'."),
    "rows": ({"leaves": {}, "rows": "ab"}, "must be a list. Received: 'ab'."),
    "either": ({"leaves": {}, "either": None}, "must not be empty."),
    "only.colour": ({"leaves": {}, "only": {}}, "missing."),
    "share": ({"leaves": {}, "share": 2}, "must be at most 1. Received: 2.0."),
    "shares": ({"leaves": {}, "shares": 2}, "unknown key. Did you mean 'share'?"),
}


@pytest.mark.parametrize("path", sorted(WRONG))
def test_a_problem_has_its_path_and_its_reason(path, tmp_path):
    data, reason = WRONG[path]
    with pytest.raises(ConfigError) as raised:
        Tree.from_dict(data)
    assert f"{path}: {reason}" in raised.value.message


def test_a_nested_record_names_its_problem_once():
    with pytest.raises(ConfigError) as raised:
        Manifest.from_dict({"root": "/", "reader": "x", "labels": [], "split_names": {}, "examples": [{"path": 1}]})
    assert raised.value.message.splitlines() == [
        "Manifest: examples[0].path: must be str. Received: 1.",
        "examples[0].label: missing.",
    ]


def test_a_whole_number_in_json_is_a_float_where_one_belongs():
    assert type(Tree.from_dict({"leaves": {}, "share": 1}).share) is float


def test_what_is_no_mapping_is_refused():
    with pytest.raises(ConfigError, match=r"Tree: must be a mapping\. Received: \[\]"):
        Tree.from_dict([])


def test_a_record_shows_itself_in_a_notebook_without_running_anything():
    html = Tree(leaves={}, either="<script>alert(1)</script>" + "x" * 300)._repr_html_()
    assert ">Tree</caption>" in html
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "<summary>&lt;script&gt;" in html


def test_an_old_manifest_without_the_newer_field_is_read():
    data = Manifest(root="/", reader="x", labels=(), examples=(), split_names={}).to_dict()
    del data["unused"]
    assert Manifest.from_dict(data).unused == ()
