"""A chart as SVG with its figures in it: every mark that stands for a record says what it stands for."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from tfl.report.palette import PAPER

SVG_NAMESPACE = "http://www.w3.org/2000/svg"
#: Points per inch: the unit that matplotlib writes SVG in.
_POINTS = 72.0
#: Half the side of what answers to a pointer around a point.
_REACH_PT = 7.0
_MOST_CHARS = 120
_FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'
_FONT = re.compile(r"(?:(?P<weight>bold|\d{3})\s+)?(?P<size>[\d.]+)px")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_HREF = "{http://www.w3.org/1999/xlink}href"
_RIGHT_TO_LEFT, _ISOLATES = {"R", "AL", "AN"}, ("\u2068", "\u2069")
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Mark:
    """A part of a chart that stands for a record.

    Attributes:
        axes: Matplotlib's, with its limits as they will be drawn.
        x: Left and right end, in the units of the axis; both alike for a point.
        y: Lower and upper end; None for the height of the axes.
        text: The record's figures, a line each.
        key: What the record is called in the page's tables, or empty.
    """

    axes: Any
    x: tuple[float, float]
    y: tuple[float, float] | None
    text: str
    key: str = ""


def point(axes: Any, place: tuple[float, float], text: str, *, key: str = "") -> Mark:
    """Return the mark of one point."""
    return Mark(axes, (place[0], place[0]), (place[1], place[1]), text, key)


def named(text: str) -> str:
    """Make a person's text safe in a sentence: without controls, shortened, its direction kept to itself."""
    kept = (" " if char.isspace() else char for char in text if _is_printed(char))
    line = "".join(kept).strip()
    line = line if len(line) <= _MOST_CHARS else f"{line[: _MOST_CHARS - 1]}…"
    if any(unicodedata.bidirectional(char) in _RIGHT_TO_LEFT for char in line):
        return line.join(_ISOLATES)
    return line


def _is_printed(char: str) -> bool:
    if char in _BIDI_CONTROLS:
        return False
    category = unicodedata.category(char)
    # Joiners are format characters, and without them an emoji of several signs falls apart.
    return char.isspace() or category == "Cf" or not category.startswith("C")


def svg_of(figure: Any, *, marks: Sequence[Mark], summary: str) -> str:
    """Return a figure as an SVG document whose bytes follow from the figure alone.

    Text stays text, so that it can be selected and any script is drawn by the reader's fonts.

    Args:
        figure: Matplotlib's; it is drawn.
        marks: What answers to a pointer, in the order of reading.
        summary: What the chart shows, in one sentence.
    """
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    root = _plain(ElementTree.fromstring(buffer.getvalue()))  # noqa: S314 - it was written just now
    width, height = (round(side * _POINTS, 2) for side in figure.get_size_inches())
    document = ElementTree.Element(
        "svg",
        {
            "xmlns": SVG_NAMESPACE,
            "viewBox": f"0 0 {width:g} {height:g}",
            "width": f"{width:g}pt",
            "height": f"{height:g}pt",
            "font-family": _FONTS,
            "stroke-linejoin": "round",
            "role": "img",
            "aria-labelledby": "about",
        },
    )
    ElementTree.SubElement(document, "desc", {"id": "about"}).text = summary
    paper = {"class": "paper", "width": f"{width:g}", "height": f"{height:g}", "fill": PAPER.light}
    ElementTree.SubElement(document, "rect", paper)
    drawing = ElementTree.SubElement(document, "g", {"class": "drawing"})
    drawing.extend(root)
    _shorten_ids(drawing)
    document.append(_marks(figure, marks))
    return ElementTree.tostring(document, encoding="unicode") + "\n"


def _plain(element: ElementTree.Element) -> ElementTree.Element:
    """Return matplotlib's element without namespaces, `style` attributes, metadata, and what can't be seen."""
    made = ElementTree.Element(_local(element.tag), _attributes(element))
    made.text = element.text if element.text and element.text.strip() else None
    for child in element:
        tag = _local(child.tag)
        if tag in {"metadata", "style"} or _is_invisible(plain := _plain(child)):
            continue
        made.append(plain)
    return made


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _is_invisible(element: ElementTree.Element) -> bool:
    if element.tag in {"g", "defs"}:
        return not len(element)
    return (
        element.tag == "path"
        and element.get("fill") == "none"
        and "stroke" not in element.attrib
        and ("id" not in element.attrib)
    )


def _attributes(element: ElementTree.Element) -> dict[str, str]:
    """Return an element's attributes, its style among them as presentation attributes."""
    kept = {_local(name): value for name, value in element.attrib.items() if name not in {"style", _HREF}}
    if _HREF in element.attrib:
        kept["href"] = element.attrib[_HREF]
    for declaration in filter(None, map(str.strip, element.get("style", "").split(";"))):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        font = _FONT.match(value) if name == "font" else None
        if font is not None:
            kept["font-size"] = font["size"]
            kept |= {"font-weight": "bold"} if font["weight"] else {}
        elif name != "font-family":
            kept[name] = value.removesuffix("px")
    if kept.get("transform", "").startswith("rotate(-0 "):
        del kept["transform"]
    return {name: _LONG_NUMBER.sub(_rounded, " ".join(value.split())) for name, value in kept.items()}


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _shorten_ids(root: ElementTree.Element) -> None:
    """Keep the ids that something refers to, as numbers: matplotlib's own differ from drawing to drawing."""
    used: dict[str, str] = {}
    for element in root.iter():
        for value in element.attrib.values():
            for name in (*_REFERENCE.findall(value), *([value[1:]] if value.startswith("#") else [])):
                used.setdefault(name, f"d{len(used)}")
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in used:
            element.set("id", used[name])
        for key, value in element.attrib.items():
            if key == "href" and value[1:] in used:
                element.set(key, f"#{used[value[1:]]}")
            elif (found := _REFERENCE.fullmatch(value)) and found[1] in used:
                element.set(key, f"url(#{used[found[1]]})")


def _marks(figure: Any, marks: Iterable[Mark]) -> ElementTree.Element:
    """Return shapes that are not seen, each over its mark, with its text as the title that a browser shows."""
    group = ElementTree.Element("g", {"class": "marks", "fill-opacity": "0"})
    scale, height = _POINTS / figure.dpi, figure.bbox.height
    for mark in marks:
        low, high = mark.axes.get_ylim() if mark.y is None else mark.y
        frame = mark.axes.bbox
        ends = mark.axes.transData.transform([(mark.x[0], low), (mark.x[1], high)])
        left, right = sorted(min(max(x, frame.x0), frame.x1) * scale for x in ends[:, 0])
        top, bottom = sorted((height - min(max(y, frame.y0), frame.y1)) * scale for y in ends[:, 1])
        shape = {"class": "mark"} | ({"data-key": mark.key} if mark.key else {})
        if mark.x[0] == mark.x[1] and mark.y is not None and mark.y[0] == mark.y[1]:
            shape |= {"cx": f"{left:.2f}", "cy": f"{top:.2f}", "r": f"{_REACH_PT:g}"}
            made = ElementTree.SubElement(group, "circle", shape)
        else:
            sides = {"width": f"{max(right - left, 1.0):.2f}", "height": f"{max(bottom - top, 1.0):.2f}"}
            made = ElementTree.SubElement(group, "rect", shape | {"x": f"{left:.2f}", "y": f"{top:.2f}"} | sides)
        ElementTree.SubElement(made, "title").text = mark.text
    return group
