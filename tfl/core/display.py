"""How records look: a table that folds in a notebook, and a few lines in a terminal.

The HTML brings no colours, so it follows the notebook's theme; what is nested folds by `<details>`, which the keyboard
and screen readers know. Whatever a record holds, its HTML stays below `MOST_HTML_CHARS`.
"""

from __future__ import annotations

import dataclasses
import html
import math
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tfl.core.records import Record
from tfl.core.tables import CELL, NONE, caption_of, html_table

#: More would make a saved notebook heavy.
MOST_HTML_CHARS = 100_000
#: Of all that is nested; the fields themselves come to less than the rest.
_NESTED_CHARS = 50_000
#: What a line of a table holds, and a cell of a nested one.
_LINE, _CELL = 120, 60
#: Where a text that is unfolded ends.
_TEXT = 4_000
_ROWS, _COLUMNS, _FIELDS = 30, 16, 60
_DEPTH = 3
#: A representation up to here is written as Python would; a longer one is cut.
_ONE_LINE = 400
_DEEP, _ITEMS = 4, 6

R = TypeVar("R", bound=Record)


class RecordTuple(tuple[R, ...]):
    """Records that a notebook shows as one table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return records_table(self)


class RecordList(list[R]):
    """Records that a notebook shows as one table."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        return records_table(self)


def record_html(record: Record) -> str:
    """Return a record as a table of field and value; what is nested is summed up and can be unfolded."""
    return _Page().fields(record, depth=0)


def records_table(records: Sequence[Record]) -> str:
    """Return a table with a row per record and a column per field, as many as can be read."""
    name = type(records[0]).__name__ if records else "records"
    return html_table(*_rows_of(records), caption=f"{len(records)} x {name}") if records else "<p>There are none.</p>"


def record_line(record: Record) -> str:
    """Return what Python would write of a record where that is short, and its beginning elsewhere."""
    return _fitted(record, _ONE_LINE)


def record_text(record: Record) -> str:
    """Return a record for a terminal: in one line where that is short, else a line per field."""
    line = _Cut(_DEEP).repr(record)
    if len(line) <= _LINE:
        return line
    values = {item.name: getattr(record, item.name) for item in dataclasses.fields(record)}
    lines = [f"    {name}={_fitted(value, _LINE)}," for name, value in values.items()]
    return "\n".join([f"{type(record).__name__}(", *lines, ")"])


def _fitted(value: Any, longest: int) -> str:
    """Write a value as Python does, leaving out as much of its depths as it takes."""
    texts = (_Cut(depth).repr(value) for depth in (_DEEP, 2, 1))
    return next((text for text in texts if len(text) <= longest), None) or _cut(_Cut(1).repr(value), longest)


class _Cut(reprlib.Repr):
    """Python's own way of cutting representations, which goes into records too."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.maxlevel = depth
        self.maxdict = self.maxset = self.maxfrozenset = _ITEMS
        self.maxstring = self.maxother = _LINE

    def repr_tuple(self, x: tuple[Any, ...], level: int) -> str:
        return super().repr_tuple(x, level) if len(x) <= _ITEMS else f"({self._cut_items(x, level)})"

    def repr_list(self, x: list[Any], level: int) -> str:
        return super().repr_list(x, level) if len(x) <= _ITEMS else f"[{self._cut_items(x, level)}]"

    def _cut_items(self, items: Sequence[Any], level: int) -> str:
        shown = [self.repr1(item, level - 1) for item in items[: _ITEMS // 2]] if level > 0 else []
        return ", ".join([*shown, f"... {len(items) - len(shown):,} more"])

    def repr_instance(self, x: Any, level: int) -> str:
        if not isinstance(x, Record):
            return super().repr_instance(x, level)
        name = type(x).__name__
        if type(x).__repr__ is not Record.__repr__:
            return _cut(repr(x), self.maxother)
        if level <= 0:
            return f"{name}(...)"
        values = (f"{item.name}={self.repr1(getattr(x, item.name), level - 1)}" for item in dataclasses.fields(x))
        return f"{name}({', '.join(values)})"


class _Page:
    """The HTML of one record; `_left` is how much may still be unfolded."""

    def __init__(self) -> None:
        self._left = _NESTED_CHARS

    def fields(self, record: Record, *, depth: int) -> str:
        fields = dataclasses.fields(record)
        rows = [(item.name, getattr(record, item.name)) for item in fields[:_FIELDS]]
        return self._table(rows, depth=depth, caption=type(record).__name__)

    def _table(self, items: Iterable[tuple[str, Any]], *, depth: int, caption: str = "", unit_of: str = "") -> str:
        rows = "".join(
            f"<tr><th scope='row' {CELL}>{html.escape(_cut(name, _CELL))}</th>"
            f"<td {CELL} dir='auto'>{self._value(unit_of or name, value, depth)}</td></tr>"
            for name, value in items
        )
        head = caption_of(caption) if caption else ""
        return f"<table>{head}<tbody>{rows}</tbody></table>"

    def _value(self, name: str, value: Any, depth: int) -> str:
        if isinstance(value, Record):
            own = type(value)._repr_html_ is not Record._repr_html_
            body = value._repr_html_ if own else lambda: self.fields(value, depth=depth + 1)
            title = f"{type(value).__name__}: {headline(value)}".removesuffix(": ")
            return self._fold(_cut(title, _LINE), body, depth)
        text = _text(name, value, longest=None)
        if len(text) <= _LINE and "\n" not in text:
            return html.escape(text)
        if isinstance(value, Mapping):
            return self._fold(_counted(value, "entry", "entries"), lambda: self._mapping(name, value, depth), depth)
        if isinstance(value, (tuple, list)):
            return self._fold(_summary_of(value), lambda: _sequence(name, value), depth)
        return self._fold(_cut(text, _LINE), lambda: f"<pre style='white-space:pre-wrap'>{_long(text)}</pre>", depth)

    def _mapping(self, name: str, value: Mapping[Any, Any], depth: int) -> str:
        shown = [(str(key), item) for key, item in list(value.items())[:_ROWS]]
        return self._table(shown, depth=depth + 1, unit_of=name) + _more(len(value) - len(shown))

    def _fold(self, summary: str, body: Callable[[], str], depth: int) -> str:
        title = html.escape(summary)
        if depth >= _DEPTH or self._left <= 0:
            return title
        before = self._left
        inside = body()
        if len(inside) > before:
            return title
        # What lies deeper has been counted already.
        self._left = before - len(inside)
        return f"<details><summary>{title}</summary>{inside}</details>"


def headline(record: Record) -> str:
    """Sum a record up in a line: its plain values with their names; a text with one value, such as a score, without."""
    fields = dataclasses.fields(record)
    values = [(item.name, getattr(record, item.name)) for item in fields]
    plain = [(name, value) for name, value in values if not isinstance(value, (Record, Mapping, tuple, list))]
    if len(fields) == 2 and len(plain) == 2 and isinstance(plain[0][1], str):
        return " ".join(_text(name, value) for name, value in plain)
    told = [(name, value) for name, value in plain if value not in (None, "")]
    return _cut(", ".join(f"{name} {_text(name, value)}" for name, value in told), _LINE)


def _summary_of(items: Sequence[Any]) -> str:
    first = items[0]
    if isinstance(first, Record):
        return f"{len(items)} x {type(first).__name__}"
    if isinstance(first, (tuple, list)):
        return f"{len(items)} rows"
    return _cut(f"{len(items)}: {', '.join(_text('', item) for item in items[:_ROWS])}", _LINE)


def _sequence(name: str, items: Sequence[Any]) -> str:
    if isinstance(items[0], Record):
        return html_table(*_rows_of(items[:_ROWS])) + _more(len(items) - _ROWS)
    if isinstance(items[0], (tuple, list)):
        width = max(len(row) for row in items[:_ROWS] if isinstance(row, (tuple, list)))
        rows = [[_cut(_text(name, cell), _CELL) for cell in row[:_ROWS]] for row in items[:_ROWS]]
        return html_table((), rows) + _more(len(items) - _ROWS) + _more(width - _ROWS, "columns")
    shown = [_text(name, item) for item in items[: 10 * _ROWS]]
    return f"<p>{html.escape(_cut(', '.join(shown), _TEXT))}</p>" + _more(len(items) - len(shown))


def _rows_of(records: Sequence[Any]) -> tuple[list[str], list[list[str]]]:
    """Return head and rows; columns that are empty throughout are left out."""
    names = list(dict.fromkeys(item.name for record in records for item in dataclasses.fields(record)))
    rows = [[_text(name, getattr(record, name, None), longest=_CELL) for name in names] for record in records]
    kept = [index for index in range(len(names)) if any(row[index] != NONE for row in rows)][:_COLUMNS]
    return [names[index] for index in kept], [[row[index] for index in kept] for row in rows]


def _text(name: str, value: Any, *, longest: int | None = _CELL) -> str:
    """Write a value in a line, with the unit that its name says."""
    if isinstance(value, Record):
        text = headline(value)
    elif isinstance(value, Mapping):
        # A mapping's name says what its values are, not its keys.
        told = (f"{key}: {_text(name, item, longest=longest)}" for key, item in list(value.items())[:_ROWS])
        text = ", ".join(told) or NONE
        text += _and_more(len(value) - _ROWS)
    elif isinstance(value, (tuple, list, frozenset, set)):
        text = ", ".join(_text(name, item, longest=longest) for item in list(value)[:_ROWS]) or NONE
        # What does not fit is at least counted.
        text = f"{len(value)}: {text}" if longest is not None and len(text) > longest else text
        text += _and_more(len(value) - _ROWS)
    else:
        text = _scalar(name, value)
    return text if longest is None else _cut(" ".join(text.split()), longest)


def _scalar(name: str, value: Any) -> str:
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return _number(name, value)
    return str(value) if isinstance(value, (str, Path)) else _Cut(1).repr(value)


def _number(name: str, value: float) -> str:
    if name.endswith("_bytes") and abs(value) >= 100_000:
        return f"{value / 1e6:,.2f} MB"
    if name.endswith(_CHANCES):
        return f"{value:.1%}"
    whole = isinstance(value, int) or (value.is_integer() and abs(value) < 1e15)
    text = f"{value:.4g}" if not whole and abs(value) < 1000 else f"{value:,.0f}" if abs(value) < 1e15 else f"{value:g}"
    unit = next((unit for ending, unit in _UNITS.items() if f"_{name}".endswith(ending)), "")
    return f"{text} {unit}".rstrip()


#: Endings of names whose values are read as chances.
_CHANCES = ("probability", "confidence")
#: Ending of a name, with `_` before it -> unit; the first that fits.
_UNITS = {"_bytes": "bytes", "_per_s": "per s", "_ms": "ms", "_seconds": "s", "_s": "s", "_mb": "MB"}


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _long(text: str) -> str:
    rest = len(text) - _TEXT
    return html.escape(text[:_TEXT]) + (f"\n... {rest:,} more characters" if rest > 0 else "")


def _counted(value: Mapping[Any, Any], one: str, many: str) -> str:
    names = _cut(", ".join(map(str, list(value)[:_ROWS])), _CELL)
    return f"{len(value)} {one if len(value) == 1 else many}: {names}"


def _more(count: int, what: str = "") -> str:
    return f"<p>... {count:,} more {what}</p>".replace(" </p>", "</p>") if count > 0 else ""


def _and_more(count: int) -> str:
    return f", ... {count:,} more" if count > 0 else ""
