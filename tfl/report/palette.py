"""The colours of charts: what matplotlib draws with on white, and what stands for each in a dark page."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Colour:
    """One colour and its part.

    Attributes:
        name: Of the page's CSS custom property, `--chart-<name>`.
        light: Drawn on white; no two colours share one, because it is what a chart's file is known by.
        dark: In its place on `PAPER.dark`.
    """

    name: str
    light: str
    dark: str


#: Okabe and Ito's colours ("Color universal design", 2008), which stay apart under every common colour blindness;
#: orange and sky are darker than theirs so that a mark has a contrast of 3:1 with its paper (WCAG 2.2, 1.4.11).
SERIES = (
    Colour("blue", "#0072b2", "#4da6e8"),
    Colour("vermilion", "#d55e00", "#ff8a4c"),
    Colour("green", "#009e73", "#2cc79a"),
    Colour("orange", "#b87a00", "#f0b840"),
    Colour("purple", "#aa4499", "#d98bcb"),
    Colour("sky", "#2e93cc", "#9ad6f7"),
    Colour("brown", "#8c6d31", "#c9a866"),
    Colour("grey", "#5f6670", "#a9b1bb"),
)
#: Names in a series' colour: on white a third darker, because text takes a contrast of 4.5:1 (1.4.3).
LABELS = tuple(
    Colour(
        f"{colour.name}-text",
        "#" + "".join(f"{int(colour.light[start : start + 2], 16) * 2 // 3:02x}" for start in (1, 3, 5)),
        colour.dark,
    )
    for colour in SERIES
)
TEXT = Colour("text", "#20242a", "#e8eaed")
FAINT = Colour("faint", "#d5d9de", "#39414a")
PAPER = Colour("paper", "#ffffff", "#16191d")
#: Text on a bar of a series' colour; all but white, so that it is told from the paper.
ON_BAR = Colour("on-bar", "#fffffe", "#0b0e11")
RIGHT_TEXT = Colour("right", "#00664b", "#63d0ab")
WRONG_TEXT = Colour("wrong", "#a8400a", "#ff9c66")

PALETTE = (*SERIES, *LABELS, TEXT, FAINT, PAPER, ON_BAR, RIGHT_TEXT, WRONG_TEXT)
