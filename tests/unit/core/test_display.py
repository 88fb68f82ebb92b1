"""How records look in a notebook and in a terminal: every class of them, with values as odd as they come."""

import dataclasses
import html.parser
import importlib
import inspect
import pkgutil
import re
import types
import typing
from dataclasses import dataclass
from pathlib import Path

import pytest

import tfl
from tests.presence import skip_without
from tfl.bench.scenario_records import ScenarioResult
from tfl.core.display import MOST_HTML_CHARS, RecordList, RecordTuple
from tfl.core.records import Record, field_types
from tfl.core.tables import html_lines, html_table
from tfl.report.data_summary import DataSummary

skip_without("IPython")
from IPython.lib.pretty import pretty  # noqa: E402 - only where it is

ODD = "<script>alert('x')</script> & \"שלום\"\n"
_VOID = frozenset({"meta", "br", "img", "input", "hr"})
#: Values that a class looks something up by.
_KEYS = types.MappingProxyType({"kind": "image", "target": "openvino", "task": "image_classification"})


def all_records():
    """Every class of records that the package has, those of plug-ins included."""
    for module in pkgutil.walk_packages(tfl.__path__, "tfl."):
        if module.name != "tfl.testing" and not module.name.startswith("tfl.testing."):
            importlib.import_module(module.name)
    found, waiting = [], [Record]
    while waiting:
        children = waiting.pop().__subclasses__()
        waiting += children
        found += [item for item in children if item.__module__.startswith("tfl.") and not inspect.isabstract(item)]
    return sorted(set(found), key=lambda item: f"{item.__module__}.{item.__name__}")


RECORDS = all_records()


def made(cls, count, depth=0):
    """A record with odd texts and sequences of `count`; what a class asks of its values is passed over."""
    record = object.__new__(cls)
    kinds = {**{item.name: str for item in dataclasses.fields(cls)}, **field_types(cls)}
    for item in dataclasses.fields(cls):
        key = _KEYS.get(item.name) if kinds[item.name] is str else None
        object.__setattr__(record, item.name, key or value_of(kinds[item.name], count, depth))
    if cls is ScenarioResult and record.cells:
        # Its cells speak of its artefacts.
        object.__setattr__(record, "artifacts", {record.cells[0].artifact: next(iter(record.artifacts.values()))})
    return record


def value_of(kind, count, depth):
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    few = count if depth < 2 else min(count, 2)
    if origin in (typing.Union, types.UnionType):
        return value_of(arguments[0], count, depth)
    if origin is typing.Literal:
        return arguments[0]
    if origin is tuple:
        kinds = arguments[:1] * few if arguments[-1] is Ellipsis else arguments
        return tuple(value_of(item, count, depth + 1) for item in kinds)
    if origin is not None:
        return {f"{ODD}{index}": value_of(arguments[1], count, depth + 1) for index in range(few)}
    if isinstance(kind, type) and issubclass(kind, Record):
        concrete = next(item for item in [*all_kinds(kind)] if dataclasses.fields(item))
        return made(concrete, count, depth + 1)
    plain = {int: 123_456_789, float: 0.123456, bool: True, str: ODD * (1 + 30 * (count > 1)), Path: Path("/a/<b>")}
    return plain.get(kind, ODD)


def all_kinds(cls):
    yield cls
    for child in cls.__subclasses__():
        yield from all_kinds(child)


class Checked(html.parser.HTMLParser):
    """Whether tags are closed in their order, and which there are."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.wrong = [], [], []
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def name_of(cls):
    return f"{cls.__module__}.{cls.__name__}"


def test_all_rooms_are_walked():
    names = {item.__name__ for item in RECORDS}
    assert {"RunConfig", "Manifest", "Evaluation", "ScenarioResult", "TuneResult", "Leaderboard", "Choice"} <= names
    assert len(names) > 140


@pytest.mark.parametrize("count", [0, 1, 300])
@pytest.mark.parametrize("cls", RECORDS, ids=name_of)
def test_every_record_is_shown_whole_escaped_and_short(cls, count):
    record = made(cls, count)
    page = record._repr_html_()
    checked = Checked(page)
    assert checked.wrong == []
    assert "script" not in checked.seen
    assert len(page) < MOST_HTML_CHARS
    if cls is DataSummary:
        # Its own text is the table.
        return
    line, text = repr(record), pretty(record)
    assert len(line) <= 400
    assert len(text.splitlines()) <= len(dataclasses.fields(cls)) + 30
    assert max(map(len, text.splitlines())) <= 400
    assert len(pretty([record, record])) <= 2_100


@dataclass(frozen=True, kw_only=True)
class Leaf(Record):
    name: str
    size_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Tree(Record):
    title: str
    latency_ms: float = 0.5
    leaves: tuple[Leaf, ...] = ()
    note: str = ""
    only: Leaf | None = None
    figures_ms: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Chance(Record):
    label: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Branch(Record):
    leaves: tuple[Chance, ...]


def test_a_small_record_is_written_as_python_would():
    tree = Tree(title="a", leaves=(Leaf(name="b"),))
    scope = {"Tree": Tree, "Leaf": Leaf}
    assert eval(repr(tree), scope) == tree
    assert str([tree]) == f"[{tree!r}]"
    assert eval(pretty(tree), scope) == tree


def test_a_long_record_tells_how_much_is_left_out():
    tree = Tree(title="a", leaves=tuple(Leaf(name=f"leaf {index}") for index in range(500)))
    assert "... 497 more)" in repr(tree)
    assert "    leaves=(" in pretty(tree)
    assert "... 497 more)" in pretty(tree)
    assert "\n" not in pretty([tree]).strip()
    page = tree._repr_html_()
    assert "<summary>500 x Leaf</summary>" in page
    assert "leaf 29" in page
    assert "leaf 30" not in page
    assert "... 470 more" in page


def test_values_have_the_unit_of_their_name():
    page = Tree(
        title="", latency_ms=2.0, only=Leaf(name="b", size_bytes=2_345_678), figures_ms={"a": 1.25}
    )._repr_html_()
    assert ">2 ms<" in page
    assert "2.35 MB" in page
    assert "a: 1.25 ms" in page
    assert "Leaf: b 2.35 MB" in page
    assert ">b 25.0%<" in Branch(leaves=(Chance(label="b", probability=0.25),))._repr_html_()
    # What is empty is told as such.
    assert page.count(">-<") == 3


def test_a_long_text_is_folded_and_what_is_far_too_long_is_cut():
    page = Tree(title="x" * 10_000)._repr_html_()
    assert f"<summary>{'x' * 117}...</summary>" in page
    assert "... 6,000 more characters" in page


def test_no_colour_is_set_so_that_the_theme_decides():
    page = Tree(title="a", leaves=(Leaf(name="b"),) * 3)._repr_html_()
    assert "color" not in page
    assert "background" not in page


def test_several_records_are_one_table():
    leaves = [Leaf(name="<b>", size_bytes=5), Leaf(name="c", size_bytes=2_000_000)]
    for kind in (RecordList, RecordTuple):
        page = kind(leaves)._repr_html_()
        assert Checked(page).seen.count("tr") == 3
        assert ">2 x Leaf</caption>" in page
        assert "&lt;b&gt;" in page
        assert "5 bytes" in page
    assert RecordTuple(leaves) == tuple(leaves)
    assert RecordList(leaves) == leaves
    assert RecordList()._repr_html_() == "<p>There are none.</p>"


def test_ipython_itself_shows_records():
    from IPython.core.formatters import DisplayFormatter

    data, _ = DisplayFormatter().format(Tree(title="<i>"))
    assert "&lt;i&gt;" in data["text/html"]
    assert data["text/plain"].startswith("Tree(")


def test_tables_and_lines_end_where_nobody_would_read_on():
    page = html_table(("a", "b"), [("x" * 5_000, index) for index in range(400)], caption="c")
    assert len(page) < 40_000
    assert re.search(r"\.\.\. \d+ more rows", page)
    assert f"{'x' * 1_000}...<" in page
    whole = html_table(("a", "b"), [("x", index) for index in range(400)])
    assert whole.count("<tr>") == 401
    assert html_table((), [range(60)]).count("<td") == 41
    assert html_table(("", "b"), []).count("<th ") == 1
    assert "... 1" in html_lines(["y" * 900] * 30)
    assert html_lines(["y"] * 30).count("<p>") == 30
