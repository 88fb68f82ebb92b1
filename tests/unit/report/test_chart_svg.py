"""Charts as SVG: the same bytes each time, each mark where its record is drawn, names as they are."""

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.report.conftest import measurement
from tfl.report import _style as style
from tfl.report.chart_svg import Mark, named, point, svg_of
from tfl.report.speed_chart import draw_accuracy_latency

pytest.importorskip("matplotlib")

NAMESPACE = "{http://www.w3.org/2000/svg}"
HOSTILE = ("<script>alert(1)</script>", "a & \"b\" 'c'", "שלום & <b>", "👩‍👩‍👧 family", "]]>", "&amp;", "a$b$")


def line_chart():
    figure = style.new_figure(5.0, 3.0)
    axes = figure.subplots()
    style.tidy(axes, title="A title", x="x", y="y")
    axes.plot([1.0, 2.0, 4.0], [3.0, 1.0, 2.0], "o", color=style.BLUE)
    axes.set(xlim=(0, 5), ylim=(0, 4))
    return figure, axes


def parsed(text):
    return ElementTree.fromstring(text)


def marks_of(root):
    return [item for item in root.iter() if item.get("class") == "mark"]


def titles(root):
    return [item.find(f"{NAMESPACE}title").text for item in marks_of(root)]


def test_the_same_figure_gives_the_same_bytes():
    first, second = (svg_of(line_chart()[0], marks=(), summary="s") for _ in range(2))
    assert first == second


def test_no_style_no_date_and_no_maker_is_in_it():
    text = svg_of(line_chart()[0], marks=(), summary="s")
    root = parsed(text)
    assert {item.tag.removeprefix(NAMESPACE) for item in root.iter()} <= {
        *("svg", "desc", "rect", "g", "defs", "clipPath", "path", "use", "text")
    }
    assert not [item for item in root.iter() if "style" in item.attrib]
    assert "matplotlib" not in text.lower()
    assert not re.search(r"20\d\d-\d\d", text)


def test_a_mark_lies_where_its_point_is_drawn():
    figure, axes = line_chart()
    places = ((1.0, 3.0), (2.0, 1.0), (4.0, 2.0))
    root = parsed(svg_of(figure, marks=[point(axes, place, "t") for place in places], summary="s"))
    drawn = [
        (float(item.get("x")), float(item.get("y")))
        for item in root.iter(f"{NAMESPACE}use")
        if item.get("fill") == style.BLUE
    ]
    found = [(float(item.get("cx")), float(item.get("cy"))) for item in marks_of(root)]
    assert len(drawn) == 3
    for one, other in zip(drawn, found, strict=True):
        assert one == pytest.approx(other, abs=0.1)


def test_a_mark_ends_where_the_axes_end():
    figure, axes = line_chart()
    marks = [Mark(axes, (-100.0, 2.5), None, "left half"), Mark(axes, (2.5, 5.0), (4.0, 2.0), "upper right")]
    left, right = marks_of(parsed(svg_of(figure, marks=marks, summary="s")))
    ends = [float(left.get("x")) + float(left.get("width")), float(right.get("x"))]
    assert ends[0] == pytest.approx(ends[1], abs=0.1)
    assert float(left.get("x")) > 10
    assert float(right.get("y")) == pytest.approx(float(left.get("y")), abs=0.1)
    assert float(right.get("height")) == pytest.approx(float(left.get("height")) / 2, abs=0.1)


def test_names_come_through_as_they_are():
    figure, axes = line_chart()
    marks = [point(axes, (1.0, 1.0), named(name), key=name) for name in HOSTILE]
    text = svg_of(figure, marks=marks, summary=named(HOSTILE[0]))
    assert "<script" not in text
    root = parsed(text)
    assert titles(root) == [named(name) for name in HOSTILE]
    assert [item.get("data-key") for item in marks_of(root)] == list(HOSTILE)
    assert root.find(f"{NAMESPACE}desc").text == HOSTILE[0]


@given(st.text())
def test_any_name_can_be_written_and_stays_on_its_line(name):
    shown = named(name)
    assert len(shown) <= 122
    assert not set(shown) & set("\n\r\x00\u202e\ufffe")
    assert ElementTree.fromstring(ElementTree.tostring(_element(shown), encoding="unicode")).text == (shown or None)


def _element(text):
    made = ElementTree.Element("title")
    made.text = text
    return made


def test_a_name_from_right_to_left_keeps_its_direction_to_itself():
    assert named("שלום 1") == "\u2068שלום 1\u2069"
    assert named("plain\u202e 1") == "plain 1"
    assert named("👩‍👩‍👧") == "👩‍👩‍👧"
    assert named("a" * 200).endswith("a…")


@pytest.mark.parametrize(("metric", "most"), [(0.999, 1.0), (1.0, 1.0), (0.4, 0.41), (1.7, 2.0)])
def test_no_tick_promises_more_than_there_is(tmp_path, metric, most):
    draw_accuracy_latency([measurement("a-b", latency_ms=2.0, metric=metric)], tmp_path / "chart.png")
    root = parsed((tmp_path / "chart.svg").read_text())
    # Ticks of the vertical axis end where it begins.
    texts = [item.text for item in root.iter(f"{NAMESPACE}text") if item.get("text-anchor") == "end"]
    ticks = [float(text) for text in texts if re.fullmatch(r"[\d.]+", text)]
    assert len(ticks) >= 3
    assert max(ticks) <= most


def test_the_speed_chart_tells_every_artefact(tmp_path):
    items = [
        measurement("openvino-fp32", latency_ms=6.4, metric=0.95),
        measurement("tflite-<b>", latency_ms=3.25, metric=0.9),
        measurement("onnx-int8", latency_ms=7.0, metric=0.9),
    ]
    draw_accuracy_latency(items, tmp_path / "chart.png")
    root = parsed((tmp_path / "chart.svg").read_text())
    told = {item.get("data-key"): title for item, title in zip(marks_of(root), titles(root), strict=True)}
    assert list(told) == ["tflite-<b>", "openvino-fp32", "onnx-int8"]
    for item in items:
        lines = told[item.artifact]
        assert f"{item.model_ms.p50:.2f} ms" in lines
        assert f"{item.metric:.4f} on 30 samples" in lines
        assert ("no other is both faster and better" in lines) is (item.artifact != "onnx-int8")
    summary = root.find(f"{NAMESPACE}desc").text
    assert "the fastest is tflite-<b> with 3.25 ms" in summary
    assert "the best is openvino-fp32 with 6.40 ms and 0.9500" in summary
