"""Tables of texts, as the terminal, pages and notebooks show them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

#: What a cell shows when it has no figure.
NONE = "-"
#: Notebooks put the text of cells on the right, by rules that only a style of the cell itself overrides.
CELL = "style='text-align:left'"
#: A longer table makes a saved notebook heavy, and nobody reads it to the end.
_MOST_CHARS = 30_000
#: Several of these stand below one another.
_MOST_FOLDED_CHARS = 12_000
_MOST_CELL_CHARS, _MOST_HEAD_CHARS = 1_000, 200
_MOST_COLUMNS = 40
_ONE_LINE = 100


def html_table(
    head: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str = "", most_chars: int = _MOST_CHARS
) -> str:
    """Return an HTML table; every cell is escaped.

    Args:
        head: Column titles; all empty leaves the head out.
        rows: One value per column.
        caption: Shown above, or empty.
        most_chars: Rows that would make it longer are left out, and their number is told.
    """
    parts = ["<table>"]
    if caption:
        parts.append(caption_of(caption))
    if any(head):
        cells = "".join(_head(_escaped(item, _MOST_HEAD_CHARS)) for item in _columns(head))
        parts.append(f"<thead><tr>{cells}</tr></thead>")
    parts.append("<tbody>")
    length = 0
    for done, row in enumerate(rows):
        cells = "".join(f"<td {CELL}>{_escaped(item)}</td>" for item in _columns(row))
        length += len(cells)
        if length > most_chars:
            parts.append(f"<tr><td {CELL} colspan='{len(_columns(row))}'>... {len(rows) - done:,} more rows</td></tr>")
            break
        parts.append(f"<tr>{cells}</tr>")
    parts.append("</tbody></table>")
    return "".join(parts)


def caption_of(text: str) -> str:
    """Return a table's caption, on one line where that is short: a narrow table would break it into many."""
    wrap = "white-space:nowrap;" if len(text) <= _ONE_LINE else ""
    return f"<caption style='{wrap}text-align:left'>{_escaped(text)}</caption>"


def folded(title: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table that a click or a key unfolds, or nothing where there is no row."""
    table = html_table(head, rows, most_chars=_MOST_FOLDED_CHARS)
    return f"<details><summary>{html.escape(title)}</summary>{table}</details>" if rows else ""


def html_lines(lines: Sequence[str]) -> str:
    """Return a paragraph per line, each escaped; of very many the beginning, and how many more there are."""
    return html_parts([f"<p>{_escaped(line)}</p>" for line in lines], most_chars=_MOST_FOLDED_CHARS)


def html_parts(parts: Sequence[str], *, most_chars: int = 2 * _MOST_CHARS) -> str:
    """Join pieces of HTML that are whole in themselves; those that would make it longer are left out and counted."""
    length = 0
    for done, part in enumerate(parts):
        length += len(part)
        if length > most_chars:
            return "".join(parts[:done]) + f"<p>... {len(parts) - done:,} more</p>"
    return "".join(parts)


def _head(text: str) -> str:
    # A screen reader would announce a head that says nothing.
    return f"<th scope='col' {CELL}>{text}</th>" if text else "<td></td>"


def _columns(row: Sequence[object]) -> Sequence[object]:
    return row if len(row) <= _MOST_COLUMNS else (*row[:_MOST_COLUMNS], "...")


def _escaped(value: object, most_chars: int = _MOST_CELL_CHARS) -> str:
    text = str(value)
    return html.escape(text if len(text) <= most_chars else f"{text[:most_chars]}...")


@dataclass(frozen=True)
class Plain:
    """A table of texts.

    Attributes:
        title: What it shows.
        head: A title per column.
        rows: A text per column.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def html(self, *, most_chars: int = _MOST_CHARS) -> str:
        """Return it as HTML, or nothing where there is no row.

        Args:
            most_chars: Rows that would make it longer are left out, and their number is told.
        """
        return html_table(self.head, self.rows, caption=self.title, most_chars=most_chars) if self.rows else ""
