"""How every plot looks: one palette, one set of sizes, whole files. pyplot's global state is not used."""

from __future__ import annotations

import logging
import math
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tfl.core.extras import require_installed
from tfl.core.files import write_atomic, write_text
from tfl.report import palette
from tfl.report.chart_svg import Mark, svg_of

DPI = 110
#: `narrow` is for a phone, beside a drawing that is wider than one.
Shape = Literal["wide", "narrow"]
#: Inches at which text of 8.5 points has 9 CSS pixels where a chart takes the width of a common phone, 390 of them.
NARROW_IN = 4.4
SERIES = tuple(colour.light for colour in palette.SERIES)
BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BROWN, GREY = SERIES
TEXT, FAINT, PAPER, ON_BAR = (colour.light for colour in (palette.TEXT, palette.FAINT, palette.PAPER, palette.ON_BAR))
#: For names in the colour of their series.
LABEL_OF = {colour.light: label.light for colour, label in zip(palette.SERIES, palette.LABELS, strict=True)}
RIGHT_TEXT, WRONG_TEXT = palette.RIGHT_TEXT.light, palette.WRONG_TEXT.light

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

#: Scripts and emoji are spelled with them.
_JOINERS = "\u200c\u200d"

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Drawing:
    """A drawn figure, and its marks in the order of reading."""

    figure: Any
    marks: Sequence[Mark] = ()


def new_figure(width_in: float, height_in: float) -> Any:
    """Make an empty white figure of a size in inches.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    require_installed("matplotlib", purpose="drawing plots")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Any, *, title: str = "", x: str = "", y: str = "") -> None:
    """Give axes their titles, a light grid and no box."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=TEXT)
    axes.set_xlabel(x, fontsize=9.5, color=TEXT)
    axes.set_ylabel(y, fontsize=9.5, color=TEXT)
    axes.tick_params(which="both", labelsize=8.5, colors=TEXT)
    axes.tick_params(length=3)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)


def legend(place: Any, **options: Any) -> None:
    """Give axes or a figure a legend without a frame."""
    place.legend(fontsize=8.5, frameon=False, labelcolor=TEXT, **options)


def plain_powers(axis: Any) -> None:
    """Name the ticks of a logarithmic axis as 10⁻³, in plain characters: mathematics is laid out letter by letter."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"10{f'{math.log10(value):.0f}'.translate(_RAISED)}"))
    axis.set_minor_formatter(NullFormatter())


def plain_steps(axis: Any, *, subs: Sequence[float] = (1.0, 2.0, 5.0)) -> None:
    """Name the ticks of a logarithmic axis as 1, 2, 5, 10, 20 ..."""
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())


def name_shares_only(axis: Any, values: Sequence[float]) -> None:
    """Leave ticks above 1 without a name where all values are shares: there is room for labels, but no such share."""
    if max(values, default=0.0) > 1.0:
        return
    low, high = sorted(axis.get_view_interval())
    axis.set_ticks([tick for tick in axis.get_ticklocs() if low <= tick <= min(high, 1.0 + 1e-9)])


def save(figure: Any, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    with _quiet_about_scripts():
        write_atomic(path, lambda file: figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None}))


def save_chart(figure: Any, path: Path, *, marks: Sequence[Mark] = (), summary: str) -> None:
    """Write a chart as PNG and beside it as SVG, which the report shows because it follows the reader's theme.

    Args:
        figure: Drawn to its end.
        path: The PNG; `twin(path)` is the SVG.
        marks: What answers to a pointer, in the order of reading.
        summary: What the chart shows, in one sentence, for those who can't see it.
    """
    # One of an earlier drawing would show other figures on a phone.
    narrow_twin(path).unlink(missing_ok=True)
    save(figure, path)
    # Everything has its place now; to find it again would take as long as the drawing.
    figure.set_layout_engine("none")
    _save_svg(Drawing(figure, marks), twin(path), summary)


def save_shapes(draw: Callable[[Shape], Drawing], path: Path, *, summary: str) -> None:
    """Write a chart that is wider than a phone as `save_chart` does, and its narrow drawing as a second SVG.

    Args:
        draw: Draws the chart in a shape; the narrow one is at most `NARROW_IN` wide.
        path: The PNG, of the wide drawing; `narrow_twin(path)` is the narrow SVG.
        summary: What the chart shows, in one sentence, for those who can't see it.
    """
    wide = draw("wide")
    save_chart(wide.figure, path, marks=wide.marks, summary=summary)
    _save_svg(draw("narrow"), narrow_twin(path), summary)


def _save_svg(drawing: Drawing, path: Path, summary: str) -> None:
    with _quiet_about_scripts():
        write_text(path, svg_of(drawing.figure, marks=drawing.marks, summary=summary))


def twin(path: Path) -> Path:
    """Return where the SVG of a chart's PNG lies."""
    return path.with_suffix(".svg")


def narrow_twin(path: Path) -> Path:
    """Return where a chart's drawing for a phone lies, if it has one."""
    return path.with_suffix(".narrow.svg")


@contextmanager
def _quiet_about_scripts() -> Iterator[None]:
    import warnings

    with warnings.catch_warnings():
        # A script that the font lacks is drawn as boxes in the PNG; the SVG and the tables hold the names in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def shown(text: str, limit: int = 22) -> str:
    """Make a name safe to draw: one line, shortened in the middle, `$` not taken for mathematics."""
    line = "".join(
        " " if unicodedata.category(char).startswith("C") and char not in _JOINERS else char for char in text
    ).strip()
    if len(line) > limit:
        head = (limit - 1) * 2 // 3
        line = f"{line[:head]}…{line[len(line) - (limit - 1 - head) :]}"
    return line.replace("$", r"\$")
