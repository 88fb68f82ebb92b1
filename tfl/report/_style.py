"""How every plot looks: one palette, one set of sizes, whole files. pyplot's global state is not used."""

from __future__ import annotations

import logging
import unicodedata
from pathlib import Path
from typing import Any

from tfl.core.extras import require_installed
from tfl.core.files import write_atomic

DPI = 110
#: Okabe and Ito's colours ("Color universal design", 2008), which stay apart under every common colour blindness.
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BROWN, GREY = "#AA4499", "#56B4E9", "#8C6D31", "#5F6670"
SERIES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BROWN, GREY)
#: Darker than the palette so that small text keeps a contrast of 4.5:1 on white (WCAG 2.2).
RIGHT_TEXT, WRONG_TEXT, TEXT, FAINT = "#00664B", "#A8400A", "#20242A", "#D5D9DE"

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


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
    axes.tick_params(labelsize=8.5, colors=TEXT, length=3)
    axes.grid(color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)


def save(figure: Any, path: Path) -> None:
    """Write a PNG, whole or not at all."""
    import warnings

    def write(file: Path) -> None:
        with warnings.catch_warnings():
            # A script that the font lacks is drawn as boxes; the tables hold the names in full.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})

    write_atomic(path, write)


def shown(text: str, limit: int = 22) -> str:
    """Make a name safe to draw: one line, shortened in the middle, `$` not taken for mathematics."""
    line = "".join(" " if unicodedata.category(char).startswith("C") else char for char in text).strip()
    if len(line) > limit:
        head = (limit - 1) * 2 // 3
        line = f"{line[:head]}…{line[len(line) - (limit - 1 - head) :]}"
    return line.replace("$", r"\$")
