"""Rows of a table file, with the line each came from; lines that can't be read are problems, not the end."""

from __future__ import annotations

import contextlib
import csv
import itertools
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tfl.core.errors import DataError, UserError
from tfl.core.extras import require
from tfl.data.encodings import UTF8, Encoding, has_undecoded
from tfl.data.manifest import Problem

#: Names of columns, in the file's order.
Columns: TypeAlias = tuple[str, ...]

#: What a table file ends in.
SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
#: What files end in that are one text each.
TEXT_ENDINGS = (".txt", ".md", ".text")
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
_LOOKED_AT = 1000
_BATCH_ROWS = 10_000
#: Characters of the longest cell: more than a path, a label or a text to be classified ever has; also what keeps a
#: binary file, or all that follows an open quotation mark, from being read as one cell.
MAX_CELL = 1 << 20


@dataclass(frozen=True, slots=True)
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

    columns: Columns
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]


def table_files_of(place: Path) -> list[Path]:
    """Return a table file itself, or those of a folder, sorted."""
    if place.is_file():
        return [place] if place.suffix.casefold() in SUFFIXES else []
    if not place.is_dir():
        return []
    return sorted(item for item in place.iterdir() if _is_table(item))


def _is_table(item: Path) -> bool:
    return item.suffix.casefold() in SUFFIXES and not item.name.startswith(".") and item.is_file()


def table_file_of(place: Path) -> Path | None:
    """Return a table file itself, or the only one of a folder."""
    found = table_files_of(place)
    return found[0] if len(found) == 1 else None


def lists_videos(file: Path) -> bool:
    """Say whether the first rows of a table file name videos, without telling what else is wrong with it."""
    with contextlib.suppress(UserError):
        return video_column(read_header(file)) != ""
    return False


def video_column(table: Table) -> str:
    """Return the first column whose first cells name videos, or an empty text."""
    return column_of_files(table, VIDEO_SUFFIXES)


def column_of_files(table: Table, suffixes: tuple[str, ...]) -> str:
    """Return the first column most of whose first cells end in one of the suffixes, or an empty text."""
    rows = table.rows[:_HEADER_ROWS]
    for column in table.columns:
        named = sum(str(row.cells.get(column) or "").strip().casefold().endswith(suffixes) for row in rows)
        if named * 2 > len(rows):
            return column
    return ""


def read_table(file: Path) -> Table:
    """Read a whole table file.

    Raises:
        DataError: It is empty, not UTF-8, has no header or has columns of the same name.
        MissingExtraError: A Parquet file, and pyarrow is not installed.
    """
    return _collected(iterate_rows(file))


def read_header(file: Path, *, encoding: Encoding = UTF8, rows: int = _HEADER_ROWS) -> Table:
    """Read the columns and the first rows, to see what a file is."""
    return _collected(itertools.islice(iterate_rows(file, encoding=encoding), rows + 1))


def _collected(items: Iterable[Columns | Row | Problem]) -> Table:
    columns: dict[str, None] = {}
    rows: list[Row] = []
    problems: list[Problem] = []
    for item in items:
        if isinstance(item, Row):
            rows.append(item)
            columns |= dict.fromkeys(item.cells)
        elif isinstance(item, Problem):
            problems.append(item)
        else:
            columns |= dict.fromkeys(item)
    return Table(tuple(columns), tuple(rows), tuple(problems))


def iterate_rows(file: Path, *, encoding: Encoding = UTF8) -> Iterator[Columns | Row | Problem]:
    """Yield the columns, where the file names them first, then its rows and what is wrong with others, in its order.

    Rows are not kept, so that a file may be larger than the memory.

    Args:
        file: Of one of `SUFFIXES`.
        encoding: Of a text file. A row with bytes that are not of it is a problem where it was found out, and the
            end otherwise.

    Raises:
        DataError: As of `read_table`.
        MissingExtraError: As of `read_table`.
    """
    suffix = file.suffix.casefold()
    try:
        if suffix == ".parquet":
            yield from _parquet_rows(file)
            return
        name = "utf-8-sig" if encoding is UTF8 else encoding.name
        errors = "strict" if encoding is UTF8 else "surrogateescape"
        with file.open(encoding=name, errors=errors, newline="") as stream:
            if suffix in (".jsonl", ".ndjson"):
                yield from _json_rows(file, stream)
            else:
                yield from _delimited_rows(file, stream)
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1 if error.start < 1 << 16 else None
        place = f" near line {line}" if line else ""
        raise DataError(
            f"{file} is not {encoding.said or 'UTF-8'}{place}: {error.reason}.",
            hint="Save it again as 'CSV UTF-8', or convert it with iconv.",
        ) from error
    except UnicodeError as error:
        raise DataError(
            f"{file} is not {encoding.said or 'UTF-8'}: {error}.", hint="Save it again as UTF-8."
        ) from error
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror or error}.") from error


def _delimited_rows(file: Path, stream: Iterable[str]) -> Iterator[Columns | Row | Problem]:
    lines = iter(stream)
    begin = list(itertools.islice(lines, _LOOKED_AT))
    if not begin or not begin[0].strip():
        raise DataError(f"{file} is empty; its first line must name the columns.")
    delimiter, quoting = _dialect(file, begin)
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(itertools.chain(begin, lines), delimiter=delimiter, strict=True, quoting=quoting)
    columns: Columns = ()
    while True:
        # A quoted cell may go over several lines: a row is called by its first.
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield _problem(file, line, f"is not {file.suffix[1:].upper()}: {error}{_up_to(line, reader.line_num)}")
            continue
        if cells is None:
            return
        if not columns:
            columns = _named(file, cells)
            yield columns
        elif len(cells) != len(columns) and any(cell.strip() for cell in cells):
            yield _problem(file, line, f"has {_cells(len(cells))}, the header has {len(columns)}")
        elif any(cell.strip() for cell in cells):
            if any(map(has_undecoded, cells)):
                yield _problem(file, line, "has bytes that are not of the file's encoding")
            else:
                yield Row(line, dict(zip(columns, cells, strict=True)))


def _up_to(first: int, last: int) -> str:
    return f"; lines {first} to {last} are lost, a quotation mark may be open there" if last > first else ""


def _dialect(file: Path, lines: list[str]) -> tuple[str, Literal[0, 3]]:
    """Return the delimiter of a file's first lines, and whether quotation marks mean something.

    Raises:
        DataError: The header is parted by another character than the rows, or than the file's name says.
    """
    header, rows = lines[0], [line for line in lines[1:] if line.strip()]
    delimiter = max(_DELIMITERS, key=header.count)
    if file.suffix.casefold() == ".tsv":
        if "\t" not in header and delimiter in header:
            raise DataError(
                f"{file} ends in .tsv, but its columns seem to be parted by '{delimiter}', not by tabs.",
                hint="Rename it to .csv, or save it again with tabs.",
            )
        delimiter = "\t"
    other = max(_DELIMITERS, key=lambda mark: sum(mark in line for line in rows))
    if (
        rows
        and delimiter in header
        and not any(delimiter in line for line in rows)
        and all(other in row for row in rows)
    ):
        raise DataError(
            f"{file}: the first line is parted by {delimiter!r}, but the rows seem to be parted by {other!r}.",
            hint="Save it again with one delimiter.",
        )
    if delimiter != "\t":
        return delimiter, csv.QUOTE_MINIMAL
    # Files of tabs are often written without any quoting; a cell with one quotation mark only shows it.
    cells = [cell.strip() for row in rows if row.count("\t") == header.count("\t") for cell in row.split("\t")]
    single = any(cell.startswith('"') and (len(cell) == 1 or not cell.endswith('"')) for cell in cells)
    return delimiter, csv.QUOTE_NONE if single else csv.QUOTE_MINIMAL


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _named(file: Path, cells: list[str]) -> Columns:
    columns = tuple(cell.strip() for cell in cells)
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice or not all(columns):
        what = f"names the column '{twice[0]}' twice" if twice else "has a column without a name"
        raise DataError(
            f"The first line of {file} {what}: {', '.join(columns)}.", hint="Give each column its own name."
        )
    return columns


def _json_rows(file: Path, stream: Iterable[str]) -> Iterator[Row | Problem]:
    found, first = False, ""
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        value: object = None
        try:
            reason = "has bytes that are not of the file's encoding" if has_undecoded(line) else ""
            value = json.loads(line) if not reason else None
        except (json.JSONDecodeError, RecursionError) as error:
            reason = f"is not JSON: {error}"
        if isinstance(value, dict):
            found = True
            yield Row(number, value)
            continue
        problem = _problem(file, number, reason or f"is no JSON object but: {line.strip()[:60]}")
        first = first or problem.message
        yield problem
    if not found:
        raise DataError(f"{file} holds no JSON objects, one a line{'; ' if first else ''}{first}.")


def _parquet_rows(file: Path) -> Iterator[Columns | Row | Problem]:
    parquet = require("pyarrow.parquet", purpose="reading a Parquet file")
    arrow = require("pyarrow", purpose="reading a Parquet file")
    number = 0
    try:
        with parquet.ParquetFile(file) as table:
            yield tuple(table.schema_arrow.names)
            for batch in table.iter_batches(batch_size=_BATCH_ROWS):
                for cells in batch.to_pylist():
                    number += 1
                    yield Row(number, cells)
    except (arrow.ArrowException, ValueError) as error:
        raise DataError(f"{file} is not a Parquet file: {error}.") from error


def _problem(file: Path, line: int, message: str) -> Problem:
    return Problem(rule="bad_row", path=f"{file.name}:{line}", message=f"{file.name} line {line} {message}")
