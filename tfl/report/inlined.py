"""A chart's SVG inside of a page: in the page's colours, with ids of its own, and of nothing but shapes and text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tfl.report.chart_svg import SVG_NAMESPACE
from tfl.report.palette import PALETTE

#: CSS pixels of the smallest text where the window is narrow; the chart scrolls below that.
_LEAST_TEXT_PX = 9.0
#: CSS pixels a point of the SVG for that, at least and at most: a large matrix must not be wider than a page.
_NARROW_SCALES = (1.0, 1.12)
#: The same of what is made for a phone: 8 pixels of text on the smallest, so that it need not be scrolled there either.
_PHONE_SCALE, _PHONE_PT = 0.95, 320.0
#: CSS pixels a point where there is room.
_WIDE_SCALE = 1.7
#: What is wider takes the page's whole width where others stand in pairs.
_HALF_PT = 345.0
_ELEMENTS = frozenset(
    {"svg", "g", "defs", "clipPath", "path", "rect", "circle", "use", "text", "tspan", "title", "desc"}
)
_PLAIN = frozenset(
    {
        *("x", "y", "cx", "cy", "r", "width", "height", "d", "viewBox", "transform", "class", "role", "data-key"),
        *("fill", "fill-opacity", "fill-rule", "opacity", "stroke", "stroke-width", "stroke-opacity"),
        *("stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit"),
        *("font-size", "font-weight", "font-style", "text-anchor"),
    }
)
_COLOURS = {colour.light: f"var(--chart-{colour.name})" for colour in PALETTE}
_REFERENCE = re.compile(r"url\(#([\w-]+)\)")
_LEAST = re.compile(r"--least: (\d+)px")


@dataclass(frozen=True)
class Inlined:
    """A chart in a page.

    Attributes:
        markup: One SVG, or two of which the page's style shows one; empty where there is no chart.
        least_px: CSS pixels of width below which it is scrolled.
    """

    markup: str
    least_px: int


def inlined_shapes(wide: Path, narrow: Path, *, name: str) -> Inlined:
    """Return a chart for a page, in the shape that fits the window where it was drawn in two.

    Args:
        wide: The SVG.
        narrow: The SVG for a phone; it need not be there.
        name: As for `inlined`.
    """
    made, small = inlined(wide, name=name), inlined(narrow, name=f"{name}-narrow")
    if made and small:
        made = made.replace('class="chart', 'class="chart roomy', 1) + small.replace(
            'class="chart', 'class="chart narrow', 1
        )
    found = _LEAST.search(small or made)
    return Inlined(made, int(found[1]) if found else 0)


def inlined(path: Path, *, name: str) -> str:
    """Return a chart's SVG as markup for a page; empty where it is not there or is no such file.

    A run's folder may come from elsewhere, so what no chart consists of, scripts and addresses above all, stays out.

    Args:
        path: The SVG.
        name: Begins all its ids; no other chart of the page has it.
    """
    try:
        root = _root(path)
        return "" if root is None else _markup(root, name)
    except (ValueError, IndexError, RecursionError):
        return ""


def described(path: Path) -> str:
    """Return what a chart's SVG says that it shows; empty where it is not there or is no such file."""
    root = _root(path)
    return "" if root is None else root.findtext(f"{{{SVG_NAMESPACE}}}desc", "").strip()


def _root(path: Path) -> ElementTree.Element | None:
    try:
        source = path.read_text(encoding="utf-8")
        # An entity could grow without end, and a chart has none.
        root = None if "<!" in source else ElementTree.fromstring(source)  # noqa: S314
    except (OSError, ValueError, RecursionError, ElementTree.ParseError):
        return None
    return root if root is not None and root.tag == f"{{{SVG_NAMESPACE}}}svg" else None


def _markup(root: ElementTree.Element, name: str) -> str:
    width = float(root.get("viewBox", "").split()[2])
    smallest = min((float(item.get("font-size", "10")) for item in root.iter()), default=10.0)
    scale = min(max(_LEAST_TEXT_PX / max(smallest, 1.0), _NARROW_SCALES[0]), _NARROW_SCALES[1])
    scale = _PHONE_SCALE if width <= _PHONE_PT else scale
    made = _kept(root, name)
    made.attrib.pop("width", None)
    made.attrib.pop("height", None)
    made.set("class", "chart wide" if width > _HALF_PT else "chart")
    made.set("aria-labelledby", f"{name}-about")
    made.set("style", f"--least: {width * scale:.0f}px; --most: {width * _WIDE_SCALE:.0f}px")
    return ElementTree.tostring(made, encoding="unicode")


def _kept(element: ElementTree.Element, name: str) -> ElementTree.Element:
    made = ElementTree.Element(element.tag.rpartition("}")[2], _attributes(element, name))
    made.text = element.text
    for child in element:
        # The page is the paper.
        if child.tag.rpartition("}")[2] in _ELEMENTS and child.get("class") != "paper":
            made.append(_kept(child, name))
    return made


def _attributes(element: ElementTree.Element, name: str) -> dict[str, str]:
    kept = {}
    for key, value in element.attrib.items():
        found = _REFERENCE.fullmatch(value)
        if key == "id":
            kept[key] = f"{name}-{value}"
        elif key == "href" and value.startswith("#"):
            kept[key] = f"#{name}-{value[1:]}"
        elif found is not None and key in {"clip-path", "fill"}:
            kept[key] = f"url(#{name}-{found[1]})"
        elif key in _PLAIN and "url(" not in value:
            kept[key] = _COLOURS.get(value, value) if key in {"fill", "stroke"} else value
    return kept
