"""Rows of a table file, with the line each came from; lines that can't be read are problems, not the end."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfl.core.errors import DataError, UserError
from tfl.core.extras import require
from tfl.data.manifest import Problem

#: What a table file ends in.
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
#: What videos end in.
VIDEO_SUFFIXES = (
    ".mp4",
    ".m4v",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
    ".mpg",
    ".mpeg",
    ".wmv",
    ".flv",
    ".ts",
    ".3gp",
    ".ogv",
)
_DELIMITERS = ",;\t|"
_HEADER_ROWS = 50
#: Longer cells than a path or a label ever is; also what keeps a binary file from being read as one cell.
_MAX_CELL = 1 << 20


@dataclass(frozen=True)
class Row:
    """One row: the line it came from, from 1, and its cells by column."""

    line: int
    cells: dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table file.

    Attributes:
        columns: In the file's order.
        rows: Those that could be read.
        problems: Those that could not.
    """

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def table_file_of(place: Path) -> Path | None:
    """Return a table file itself, or the only one of a folder."""
    if place.is_file():
        return place if place.suffix.casefold() in SUFFIXES else None
    if not place.is_dir():
        return None
    found = [item for item in place.iterdir() if item.suffix.casefold() in SUFFIXES and item.is_file()]
    return found[0] if len(found) == 1 else None


def lists_videos(file: Path) -> bool:
    """Say whether the first rows of a table file name videos, without telling what else is wrong with it."""
    with contextlib.suppress(UserError):
        return video_column(read_header(file)) != ""
    return False


def video_column(table: Table) -> str:
    """Return the first column whose first cells name videos, or an empty text."""
    rows = table.rows[:_HEADER_ROWS]
    for column in table.columns:
        named = sum(str(row.cells.get(column) or "").strip().casefold().endswith(VIDEO_SUFFIXES) for row in rows)
        if named * 2 > len(rows):
            return column
    return ""


def read_table(file: Path) -> Table:
    """Read a whole table file.

    Raises:
        DataError: It is empty, not UTF-8, has no header or has columns of the same name.
        MissingExtraError: A Parquet file, and pyarrow is not installed.
    """
    return _read(file, None)


def read_header(file: Path) -> Table:
    """Read the columns and the first rows, to see what a file is."""
    return _read(file, _HEADER_ROWS)


def _read(file: Path, most: int | None) -> Table:
    suffix = file.suffix.casefold()
    try:
        if suffix == ".parquet":
            return _read_parquet(file, most)
        with file.open(encoding="utf-8-sig", newline="") as stream:
            lines = itertools.islice(stream, most + 1) if most else stream
            if suffix in (".jsonl", ".ndjson"):
                return _read_json_lines(file, lines)
            return _read_delimited(file, lines, "\t" if suffix == ".tsv" else "")
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1 if error.start < 1 << 16 else None
        place = f" near line {line}" if line else ""
        raise DataError(
            f"{file} is not UTF-8{place}: {error.reason}.",
            hint="Save it again as 'CSV UTF-8', or convert it with iconv.",
        ) from error
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror or error}.") from error


def _read_delimited(file: Path, lines: Iterator[str], delimiter: str) -> Table:
    header = next(iter(lines), "")
    if not header.strip():
        raise DataError(f"{file} is empty; its first line must name the columns.")
    delimiter = delimiter or max(_DELIMITERS, key=header.count)
    csv.field_size_limit(_MAX_CELL)
    reader = csv.reader(itertools.chain([header], lines), delimiter=delimiter, strict=True)
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    problems: list[Problem] = []
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problems.append(_problem(file, reader.line_num, f"is not {file.suffix[1:].upper()}: {error}"))
            continue
        if cells is None:
            break
        if not columns:
            columns = _named(file, cells)
        elif len(cells) != len(columns) and any(cell.strip() for cell in cells):
            problems.append(_problem(file, reader.line_num, f"has {_cells(len(cells))}, the header has {len(columns)}"))
        elif any(cell.strip() for cell in cells):
            rows.append(Row(reader.line_num, dict(zip(columns, cells, strict=True))))
    return Table(columns, tuple(rows), tuple(problems))


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _named(file: Path, cells: list[str]) -> tuple[str, ...]:
    columns = tuple(cell.strip() for cell in cells)
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice or not all(columns):
        what = f"names the column '{twice[0]}' twice" if twice else "has a column without a name"
        raise DataError(
            f"The first line of {file} {what}: {', '.join(columns)}.", hint="Give each column its own name."
        )
    return columns


def _read_json_lines(file: Path, lines: Iterator[str]) -> Table:
    columns: dict[str, None] = {}
    rows: list[Row] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            problems.append(_problem(file, number, f"is not JSON: {error}"))
            continue
        if not isinstance(value, dict):
            problems.append(_problem(file, number, f"is no JSON object but: {line.strip()[:60]}"))
            continue
        columns |= dict.fromkeys(value)
        rows.append(Row(number, value))
    if not rows:
        told = f"; {problems[0].message}" if problems else ""
        raise DataError(f"{file} holds no JSON objects, one a line{told}.")
    return Table(tuple(columns), tuple(rows), tuple(problems))


def _read_parquet(file: Path, most: int | None) -> Table:
    parquet = require("pyarrow.parquet", purpose="reading a Parquet file")
    arrow = require("pyarrow", purpose="reading a Parquet file")
    try:
        table = parquet.read_table(file)
    except (arrow.ArrowException, ValueError) as error:
        raise DataError(f"{file} is not a Parquet file: {error}.") from error
    if most is not None:
        table = table.slice(0, most)
    return Table(
        tuple(table.column_names), tuple(Row(number, cells) for number, cells in enumerate(table.to_pylist(), 1)), ()
    )


def _problem(file: Path, line: int, message: str) -> Problem:
    return Problem(rule="bad_row", path=f"{file.name}:{line}", message=f"{file.name} line {line} {message}")
