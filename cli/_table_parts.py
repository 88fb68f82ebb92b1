"""How a table fits a terminal: columns fold between words, and where that is not enough the table is cut into parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: Between two columns, and at both edges together, as the tables are drawn.
_GAP, _EDGES = 3, 2
#: A longer word, such as a path, may be broken.
_LONGEST_WORD = 16


@dataclass(frozen=True, kw_only=True)
class Column:
    """What a column needs, in characters.

    Attributes:
        least: The width in which no word is broken.
        whole: The width in which no line is folded.
    """

    least: int
    whole: int


def measure_column(texts: Sequence[str], *, folds: bool) -> Column:
    """Measure a column by its title and its cells; one that may not fold needs its whole width."""
    lines = [line for text in texts for line in (text.splitlines() or [""])]
    whole = max(map(len, lines))
    longest = max((len(word) for line in lines for word in line.split()), default=0)
    return Column(least=min(longest, _LONGEST_WORD) if folds else whole, whole=whole)


def cut_into_parts(columns: Sequence[Column], *, width: int, keys: int) -> list[list[int]]:
    """Return the columns of each part, of which every one begins with the first `keys` columns.

    Args:
        columns: All columns.
        width: Of the terminal.
        keys: How many columns name a row.
    """
    if _width_of([column.least for column in columns]) <= width:
        return [list(range(len(columns)))]
    named = list(range(min(keys, len(columns))))
    parts = [list(named)]
    for index in range(len(named), len(columns)):
        more = [*parts[-1], index]
        if len(more) > len(named) + 1 and _width_of([columns[at].least for at in more]) > width:
            parts.append([*named, index])
        else:
            parts[-1] = more
    return parts


def share_width(columns: Sequence[Column], *, width: int) -> list[int]:
    """Return a width for each column of one part: what is left over goes to whichever would fold into most lines."""
    widths = [column.least for column in columns]
    for _ in range(width - _width_of(widths)):
        wanting = [index for index, column in enumerate(columns) if column.whole > widths[index]]
        if not wanting:
            break
        widths[max(wanting, key=lambda index: columns[index].whole / max(widths[index], 1))] += 1
    return widths


def _width_of(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1) + _EDGES
