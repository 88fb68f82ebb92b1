"""A file that lists the pictures, one a line: CSV, TSV, JSON-lines or Parquet, with columns for path and label."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from tfl.core.errors import DataError
from tfl.data.manifest import Example, Manifest, Problem, SplitName
from tfl.data.readers._base import NO_OPTIONS, Location, Reader, ReadOptions
from tfl.data.readers._columns import ROOTS, Columns, choose_columns, labels_of, relative_path
from tfl.data.readers._rows import SUFFIXES, Row, Table, read_header, read_table
from tfl.data.readers._splits import SPLIT_NAMES, with_a_test

_LOOKED_AT = 50
_NAMED = 10


class ManifestFile(Reader):
    """Columns are guessed from their names or named; bad rows and missing files become findings with their line."""

    summary = "a CSV, TSV, JSON-lines or Parquet file with a column of paths and one of labels, or a folder with one"
    example = """
photos/labels.csv:
  path,label,split,group,camera
  images/1.jpg,cat,train,litter-1,phone
  images/2.jpg,dog,test,litter-2,phone

path and label are needed; split, group and further columns are used where they are.
Several labels of one picture: a column 'labels' with cat|dog, or columns of 0 and 1.
"""

    def recognizes(self, location: Location) -> bool:
        with contextlib.suppress(OSError, DataError):
            file = _file_of(Path(location))
            if file is None:
                return False
            if file == Path(location):
                return True
            # In a folder, only a file whose columns say what they are and whose first paths are there.
            table = read_header(file)
            columns = choose_columns(file, table, NO_OPTIONS)
            return any(_root_of(file, table, columns)[1])
        return False

    def read(self, location: Location, options: ReadOptions = NO_OPTIONS) -> Manifest:
        place = Path(location)
        try:
            file = _file_of(place)
        except OSError as error:
            raise DataError(f"The data can't be read: {place}: {error.strerror or error}.") from error
        if file is None:
            if not place.exists():
                raise DataError(f"The manifest file {place} does not exist.")
            raise DataError(
                f"{place} is no manifest file and holds not exactly one.",
                hint=f"A manifest file ends in {', '.join(SUFFIXES)}; name one of them.",
            )
        return _manifest(file, read_table(file), options)


def _file_of(place: Path) -> Path | None:
    """Return the manifest file itself, or the only one of a folder."""
    if place.is_file():
        return place if place.suffix.casefold() in SUFFIXES else None
    if not place.is_dir():
        return None
    found = [item for item in place.iterdir() if item.suffix.casefold() in SUFFIXES and item.is_file()]
    return found[0] if len(found) == 1 else None


def _manifest(file: Path, table: Table, options: ReadOptions) -> Manifest:
    columns = choose_columns(file, table, options)
    if not table.rows:
        raise DataError(f"{file} has no rows.", hint="Add one line for each picture.")
    root, _ = _root_of(file, table, columns)
    meanings = _split_meanings(file, table, columns, asked=bool(options.split_column))
    if not meanings:
        # Values that name no splits are a column like any other.
        columns = Columns(columns.path, columns.labels, "", columns.group, columns.separator)
    problems = list(table.problems)
    examples: dict[str, Example] = {}
    for row in table.rows:
        example = _example(file, root, row, columns, meanings)
        if isinstance(example, Problem):
            problems.append(example)
            continue
        before = examples.setdefault(example.path, example)
        if before is not example:
            rule = "duplicate_row" if before.label == example.label else "bad_row"
            problems.append(
                Problem(
                    rule=rule,
                    path=example.path,
                    message=f"{_where(file, row)}: the file is listed before, as '{before.label}'",
                )
            )
    if not examples:
        told = "\n".join(f"  {problem.message}" for problem in problems[:_NAMED])
        raise DataError(
            f"{file}: no row can be used:\n{told}", hint=f"Paths are relative to {root}, or to the file's own folder."
        )
    labels = tuple(sorted({label for example in examples.values() for label in example.all_labels if label}))
    if len(labels) < 2:
        raise DataError(
            f"{file} has one class only, '{labels[0] if labels else ''}'; a classifier needs at least two.",
            hint=f"The labels are those of the column '{', '.join(columns.labels)}'; name another with --label-column.",
        )
    return Manifest(
        root=str(root.resolve()),
        reader="manifest_file",
        labels=labels,
        examples=tuple(examples[path] for path in sorted(examples)),
        split_names=meanings,
        problems=tuple(problems),
        source=str(file.resolve()),
    )


def _root_of(file: Path, table: Table, columns: Columns) -> tuple[Path, list[bool]]:
    """Choose the folder below which the first paths are found; the file's own where none are."""
    paths = [str(row.cells.get(columns.path, "")).strip() for row in table.rows[:_LOOKED_AT]]
    found = {name: [bool(path) and (file.parent / name / path).is_file() for path in paths] for name in ROOTS}
    best = max(ROOTS, key=lambda name: sum(found[name]))
    return file.parent / best, found[best]


def _split_meanings(file: Path, table: Table, columns: Columns, *, asked: bool) -> dict[str, SplitName]:
    if not columns.split:
        return {}
    values = dict.fromkeys(str(row.cells.get(columns.split) or "").strip() for row in table.rows)
    known = {value: SPLIT_NAMES[value.casefold()] for value in values if value.casefold() in SPLIT_NAMES}
    unknown = [value for value in values if value and value not in known]
    whole = "train" in known.values() and len(set(known.values())) == len(known) > 1 and not unknown
    if whole:
        return with_a_test(known)
    if asked:
        raise DataError(
            f"{file}: the column '{columns.split}' has the values {', '.join(map(repr, list(values)[:_NAMED]))}.",
            hint="A split column has train and at least one of validation (val) and test, each under one name.",
        )
    return {}


def _example(
    file: Path, root: Path, row: Row, columns: Columns, meanings: Mapping[str, SplitName]
) -> Example | Problem:
    path = relative_path(root, str(row.cells.get(columns.path) or "").strip())
    if not path:
        received = str(row.cells.get(columns.path) or "")
        reason = f"the path '{received}' leads out of {root}" if received.strip() else "there is no path"
        return _bad(file, row, reason)
    labels = labels_of(row, columns)
    many = len(columns.labels) > 1 or bool(columns.separator) or isinstance(row.cells.get(columns.labels[0]), list)
    if not labels:
        return _bad(file, row, "there is no label", path)
    given = str(row.cells.get(columns.split) or "").strip() if columns.split else ""
    if meanings and given not in meanings:
        return _bad(file, row, f"there is no split in the column '{columns.split}'", path)
    if not (root / path).is_file():
        return Problem(rule="missing_file", path=path, message=f"{_where(file, row)}: there is no file {root / path}")
    return Example(
        path=path,
        label="|".join(labels),
        labels=labels if many else (),
        split=meanings.get(given) if meanings else None,
        given_split=given if meanings else None,
        group=str(row.cells.get(columns.group) or "").strip() if columns.group else "",
        attributes={
            name: str(value).strip() if value is not None else ""
            for name, value in row.cells.items()
            if name not in columns.used
        },
    )


def _bad(file: Path, row: Row, reason: str, path: str = "") -> Problem:
    return Problem(rule="bad_row", path=path or f"{file.name}:{row.line}", message=f"{_where(file, row)}: {reason}")


def _where(file: Path, row: Row) -> str:
    return f"{file.name} line {row.line}"


READER = ManifestFile()
