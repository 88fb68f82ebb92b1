"""From the rows of a table to a manifest: bad rows and missing files are problems with their line, not the end."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from pathlib import Path

from tfl.core.errors import DataError
from tfl.data.manifest import Example, Manifest, Problem, SplitName
from tfl.data.readers._base import ReadOptions
from tfl.data.readers._columns import (
    ROOTS,
    Columns,
    choose_columns,
    have_many_labels,
    labels_of,
    relative_path,
    require_classes,
)
from tfl.data.readers._rows import TEXT_ENDINGS, Row, Table
from tfl.data.readers._splits import meanings_of

_LOOKED_AT = 50
_NAMED = 10


def manifest_of_table(
    file: Path,
    table: Table,
    options: ReadOptions,
    *,
    reader: str,
    identity: Callable[[Example], Hashable] = lambda example: example.path,
) -> Manifest:
    """Make a manifest of the rows of a file.

    Args:
        file: Where the rows come from.
        table: Its content.
        options: The columns that were named.
        reader: Name of the reader.
        identity: What may be listed only once.

    Raises:
        DataError: A column is missing, no row can be used, or there is one class only.
    """
    columns = choose_columns(file, table, options)
    if not table.rows:
        raise DataError(f"{file} has no rows.", hint="Add one line for each picture.")
    root, _ = root_of(file, table, columns)
    values = (str(row.cells.get(columns.split) or "").strip() for row in table.rows)
    meanings = meanings_of(file, columns.split, values, asked=bool(options.split_column))
    if not meanings:
        # Values that name no splits are a column like any other.
        columns = Columns(columns.path, columns.labels, "", columns.group, columns.separator)
    examples, found = _collected(file, root, table, columns, meanings, identity)
    problems = [*table.problems, *found]
    if not examples:
        told = "\n".join(f"  {problem.message}" for problem in problems[:_NAMED])
        raise DataError(f"{file}: no row can be used:\n{told}", hint=_where_to_put(file, root, table, columns))
    labels = tuple(sorted({label for example in examples.values() for label in example.all_labels if label}))
    require_classes(file, labels, columns)
    return Manifest(
        root=str(root.resolve()),
        reader=reader,
        labels=labels,
        examples=tuple(sorted(examples.values(), key=lambda example: example.path)),
        split_names=meanings,
        problems=tuple(problems),
        source=str(file.resolve()),
        kind=kind_of_files(example.path for example in examples.values()),
    )


def kind_of_files(paths: Iterable[str]) -> str:
    """Return the kind of data that files are of, most of which have such endings."""
    endings = Counter(path.casefold().endswith(TEXT_ENDINGS) for path in paths)
    return "text" if endings[True] > endings[False] else "image"


def _collected(
    file: Path,
    root: Path,
    table: Table,
    columns: Columns,
    meanings: Mapping[str, SplitName],
    identity: Callable[[Example], Hashable],
) -> tuple[dict[Hashable, Example], list[Problem]]:
    """Make examples of rows, each once, and say what is wrong with the others."""
    problems: list[Problem] = []
    examples: dict[Hashable, Example] = {}
    for row in table.rows:
        example = _example(file, root, row, columns, meanings)
        if isinstance(example, Problem):
            problems.append(example)
            continue
        before = examples.setdefault(identity(example), example)
        if before is not example:
            rule = "duplicate_row" if before.label == example.label else "bad_row"
            problems.append(
                Problem(
                    rule=rule,
                    path=example.path,
                    message=f"{where(file, row)}: the file is listed before, as '{before.label}'",
                )
            )
    return examples, problems


def root_of(file: Path, table: Table, columns: Columns) -> tuple[Path, list[bool]]:
    """Choose the folder below which the first paths are found; the file's own where none are."""
    paths = [str(row.cells.get(columns.path, "")).strip() for row in table.rows[:_LOOKED_AT]]
    found = {name: [bool(path) and (file.parent / name / path).is_file() for path in paths] for name in ROOTS}
    best = max(ROOTS, key=lambda name: sum(found[name]))
    return file.parent / best, found[best]


def _where_to_put(file: Path, root: Path, table: Table, columns: Columns) -> str:
    """Say where a file has to lie whose rows can't be used, from the first of its paths."""
    cells = (str(row.cells.get(columns.path) or "").strip() for row in table.rows[:_LOOKED_AT])
    absolute = [path for path in map(Path, filter(None, cells)) if path.is_absolute() and path.is_file()]
    if not absolute:
        return f"Paths are relative to {root.resolve()}, or to the file's own folder."
    above = os.path.commonpath([path.parent for path in absolute])
    return (
        f"Only files below the folder that {file.name} lies in are read, here {file.parent.resolve()}."
        f" Put it into {above}, or above that."
    )


def _example(
    file: Path, root: Path, row: Row, columns: Columns, meanings: Mapping[str, SplitName]
) -> Example | Problem:
    path = relative_path(root, str(row.cells.get(columns.path) or "").strip())
    if not path:
        received = str(row.cells.get(columns.path) or "")
        reason = f"the path '{received}' leads out of {root.resolve()}" if received.strip() else "there is no path"
        return bad_row(file, row, reason)
    labels = labels_of(row, columns)
    if not labels:
        return bad_row(file, row, "there is no label", path)
    given = str(row.cells.get(columns.split) or "").strip() if columns.split else ""
    if meanings and given not in meanings:
        return bad_row(file, row, f"there is no split in the column '{columns.split}'", path)
    if not (root / path).is_file():
        return Problem(rule="missing_file", path=path, message=f"{where(file, row)}: there is no file {root / path}")
    return Example(
        path=path,
        label="|".join(labels),
        labels=labels if have_many_labels(row, columns) else (),
        split=meanings.get(given) if meanings else None,
        given_split=given if meanings else None,
        group=str(row.cells.get(columns.group) or "").strip() if columns.group else "",
        attributes={
            name: str(value).strip() if value is not None else ""
            for name, value in row.cells.items()
            if name not in columns.used
        },
    )


def bad_row(file: Path, row: Row, reason: str, path: str = "") -> Problem:
    """Return the problem of a row that can't be used."""
    return Problem(rule="bad_row", path=path or f"{file.name}:{row.line}", message=f"{where(file, row)}: {reason}")


def where(file: Path, row: Row) -> str:
    """Return what messages call a row."""
    return f"{file.name} line {row.line}"
