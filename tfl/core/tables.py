"""Tables of texts, as the terminal, pages and notebooks show them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

#: What a cell shows when it has no figure.
NONE = "-"


def html_table(head: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str = "") -> str:
    """Return an HTML table; every cell is escaped.

    Args:
        head: Column titles; all empty leaves the head out.
        rows: One value per column.
        caption: Shown above, or empty.
    """
    parts = ["<table>"]
    if caption:
        parts.append(f"<caption>{html.escape(caption)}</caption>")
    if any(head):
        cells = "".join(f"<th scope='col'>{html.escape(str(item))}</th>" for item in head)
        parts.append(f"<thead><tr>{cells}</tr></thead>")
    parts.append("<tbody>")
    for row in rows:
        cells = "".join(f"<td style='text-align:left'>{html.escape(str(item))}</td>" for item in row)
        parts.append(f"<tr>{cells}</tr>")
    parts.append("</tbody></table>")
    return "".join(parts)


def html_lines(lines: Sequence[str]) -> str:
    """Return a paragraph per line, each escaped."""
    return "".join(f"<p>{html.escape(line)}</p>" for line in lines)


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

    def html(self) -> str:
        """Return it as HTML, or nothing where there is no row."""
        return html_table(self.head, self.rows, caption=self.title) if self.rows else ""
