"""Which pictures a run has, and why it lacks others."""

from __future__ import annotations

import html
from dataclasses import dataclass

from tfl.core.records import Record
from tfl.core.tables import html_lines, html_parts

PLOTS_FILE = "plots.json"
#: `Evaluation` of the answers of a cross-validation.
SCORES_FILE = "out_of_fold.json"


@dataclass(frozen=True, kw_only=True)
class Plot(Record):
    """One plot of an evaluation.

    Attributes:
        name: Such as `confusion`; the file is `<name>.png`.
        title: As the report heads it.
        description: What it shows, for those who can't see it, too.
        missing: Why there is no file, or empty.
    """

    name: str
    title: str
    description: str
    missing: str = ""

    @property
    def file(self) -> str:
        """The name of the PNG in the folder of evaluations."""
        return f"{self.name}.png"


@dataclass(frozen=True, kw_only=True)
class Plots(Record):
    """All plots of an evaluation, in the order of the report."""

    plots: tuple[Plot, ...]


PASSAGES_FILE = "passages.json"


@dataclass(frozen=True, kw_only=True)
class Piece(Record):
    """A part of a text with how much it speaks for an answer, in [-1, 1]; below 0 it speaks against it."""

    text: str
    weight: float


@dataclass(frozen=True, kw_only=True)
class Passage(Record):
    """A text with an answer.

    Attributes:
        caption: Answer, probability and truth in a line.
        is_right: Whether the answer is.
        pieces: Joined they are the text, or its beginning.
    """

    caption: str
    is_right: bool
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, kw_only=True)
class Passages(Record):
    """Texts with answers under a title."""

    title: str
    description: str
    items: tuple[Passage, ...]

    def _repr_html_(self) -> str:
        items = [f"<p>{html.escape(item.caption)}<br>{_shaded(item)}</p>" for item in self.items]
        return f"<h4>{html.escape(self.title)}</h4>" + html_lines([self.description]) + html_parts(items)


@dataclass(frozen=True, kw_only=True)
class ShownPassages(Record):
    """All texts that an evaluation shows, in the order of the report."""

    passages: tuple[Passages, ...]


def _shaded(passage: Passage) -> str:
    def piece(item: Piece) -> str:
        text = html.escape(item.text)
        if item.weight > 0:
            return f'<span style="background: rgba(0, 140, 255, {0.45 * item.weight:.2f})">{text}</span>'
        if item.weight < 0:
            return f'<span style="text-decoration: underline; opacity: {1.0 + 0.4 * item.weight:.2f}">{text}</span>'
        return text

    return f'<bdi dir="auto">{"".join(piece(item) for item in passage.pieces)}</bdi>'
