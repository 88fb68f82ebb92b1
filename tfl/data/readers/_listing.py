"""From the rows of a table to a manifest: bad rows and missing files are problems with their line, not the end."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path

from tfl.core.errors import DataError
from tfl.data.manifest import Example, Manifest, Problem, SplitName
from tfl.data.readers._base import ReadOptions
from tfl.data.readers._columns import ROOTS, Columns, choose_columns, labels_of, relative_path
from tfl.data.readers._rows import Row, Table
from tfl.data.readers._splits import SPLIT_NAMES, with_a_test

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
    meanings = _split_meanings(file, table, columns, asked=bool(options.split_column))
    if not meanings:
        # Values that name no splits are a column like any other.
        columns = Columns(columns.path, columns.labels, "", columns.group, columns.separator)
    examples, found = _collected(file, root, table, columns, meanings, identity)
    problems = [*table.problems, *found]
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
        reader=reader,
        labels=labels,
        examples=tuple(sorted(examples.values(), key=lambda example: example.path)),
        split_names=meanings,
        problems=tuple(problems),
        source=str(file.resolve()),
    )


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
                    message=f"{_where(file, row)}: the file is listed before, as '{before.label}'",
                )
            )
    return examples, problems


def root_of(file: Path, table: Table, columns: Columns) -> tuple[Path, list[bool]]:
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
