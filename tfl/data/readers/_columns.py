"""Which column of a table is the path, the label, the split and the group, and what its cells say."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Protocol

from tfl.core.errors import DataError, closest
from tfl.data.readers._base import ReadOptions
from tfl.data.readers._rows import Row, Table

#: What columns are usually called, folded, the likeliest first.
USUAL = {
    "path_column": ("path", "file", "filename", "file_name", "filepath", "image", "image_path", "image_name", "img"),
    "label_column": ("label", "labels", "class", "classes", "class_name", "category", "target", "species", "tags", "y"),
    "split_column": ("split", "subset", "set", "partition", "fold"),
    "group_column": ("group", "group_id", "patient", "patient_id", "subject", "subject_id", "session", "video", "site"),
}
_MANY_LABELS = frozenset({"labels", "classes", "tags"})
_OR_TEXTS = "; where the table holds the texts themselves, --text-column NAME"
_SEVERAL = frozenset({"text_column", "label_column"})
#: So many different numbers with fractions are measurements, not classes.
_MEASURED = 20
_SEPARATORS = ("|", ";")
_HALVES = re.compile("[\ud800-\udfff]")
#: Where the files may lie, below the folder of the manifest file.
ROOTS = ("", "images", "imgs", "data", "files", "videos", "clips")


@dataclass(frozen=True)
class Columns:
    """Which column is what; empty where there is none."""

    path: str
    labels: tuple[str, ...]
    split: str
    group: str
    separator: str

    @property
    def used(self) -> set[str]:
        """All columns that have a meaning."""
        return {self.path, *self.labels, self.split, self.group} - {""}


class LabelColumns(Protocol):
    """What says where the labels are."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The column, or columns of 0 and 1."""

    @property
    def separator(self) -> str:
        """Between the labels of a cell; empty where there is one."""


def choose_columns(file: Path, table: Table, options: ReadOptions) -> Columns:
    """Return the columns that were named, and guess the others from their names.

    Raises:
        DataError: A named column is not there, or none is called like a path or a label.
    """
    require_columns(file, table.columns, options)
    chosen = {
        meaning: getattr(options, meaning) or called_like(usual, table.columns) for meaning, usual in USUAL.items()
    }
    for meaning in ("path_column", "label_column"):
        if not chosen[meaning]:
            what = meaning.removesuffix("_column")
            raise DataError(
                f"{file}: no column is called like a {what}; it has: {', '.join(table.columns)}.",
                hint=f"Name it: --{what}-column NAME{_OR_TEXTS if what == 'path' else ''}",
            )
    labels = tuple(name.strip() for name in chosen["label_column"].split(","))
    separator = options.label_separator or guessed_separator(table, labels)
    return Columns(chosen["path_column"], labels, chosen["split_column"], chosen["group_column"], separator)


def require_columns(file: Path, columns: Sequence[str], options: ReadOptions) -> None:
    """Raise when a column was named that is not there.

    Raises:
        DataError: Names the closest.
    """
    for field in fields(options):
        asked = getattr(options, field.name)
        if not field.name.endswith("_column") or not asked:
            continue
        for name in split_names(asked) if field.name in _SEVERAL else [asked]:
            if name not in columns:
                raise DataError(
                    f"{file} has no column '{name}'.{closest(name, columns)}", hint=f"It has: {', '.join(columns)}."
                )


def split_names(asked: str) -> list[str]:
    """Return the names of several columns."""
    return [name.strip() for name in asked.split(",")]


def called_like(usual: Sequence[str], columns: Sequence[str]) -> str:
    """Return the column that has one of the usual names, the likeliest, or an empty text."""
    folded = {column.strip().casefold().replace(" ", "_"): column for column in reversed(columns)}
    return next((folded[name] for name in usual if name in folded), "")


def guessed_separator(table: Table, labels: Sequence[str]) -> str:
    """Return what stands between the labels of a cell where the column's name says that there are several."""
    if len(labels) > 1 or labels[0].casefold() not in _MANY_LABELS:
        return ""
    found = Counter(mark for row in table.rows for mark in _SEPARATORS if mark in str(row.cells.get(labels[0], "")))
    return found.most_common(1)[0][0] if found else ""


def labels_of(row: Row, columns: LabelColumns) -> tuple[str, ...]:
    """Return the labels of a row, sorted; none where the cell is empty."""
    if len(columns.labels) > 1:
        return tuple(name for name in columns.labels if str(row.cells.get(name) or "0").strip() in ("1", "1.0", "True"))
    value = row.cells.get(columns.labels[0])
    if isinstance(value, list):
        parts = [text_of(item) for item in value]
    else:
        text = text_of(value)
        parts = text.split(columns.separator) if columns.separator else [text]
    return tuple(sorted({part.strip() for part in parts if part.strip()}))


def require_classes(place: Path, labels: Sequence[str], columns: LabelColumns) -> None:
    """Check that labels are classes.

    Raises:
        DataError: There is one class only, or they are measured values.
    """
    column = ", ".join(columns.labels)
    other = f"The labels are those of the column '{column}'; name another with --label-column."
    if len(labels) < 2:
        received = labels[0] if labels else ""
        raise DataError(f"{place} has one class only, '{received}'; a classifier needs at least two.", hint=other)
    if len(labels) > _MEASURED and sum(map(_has_fraction, labels)) * 2 > len(labels):
        raise DataError(
            f"{place}: the column '{column}' holds {len(labels)} different numbers with fractions, not classes.",
            hint=f"Classes are learned, not measured values. {other}",
        )


def _has_fraction(label: str) -> bool:
    try:
        return not float(label).is_integer()
    except (ValueError, OverflowError):
        return False


def have_many_labels(row: Row, columns: LabelColumns) -> bool:
    """Say whether a row's label is one of several that it may have."""
    return len(columns.labels) > 1 or bool(columns.separator) or isinstance(row.cells.get(columns.labels[0]), list)


def text_of(value: object) -> str:
    """Return a cell as text: whole numbers without a fraction, which a column with gaps has given them, and no NaN."""
    if isinstance(value, float):
        return "" if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    text = "" if value is None else str(value)
    # Half of a pair, which JSON can write and no file can hold.
    return text if text.isascii() or not _HALVES.search(text) else _HALVES.sub("\ufffd", text)


def relative_path(root: Path, path: str) -> str:
    """Return a POSIX path below the root, or an empty text when it leads out of it."""
    path = path.replace("\\", "/")
    if Path(path).is_absolute():
        try:
            path = Path(path).relative_to(root.resolve()).as_posix()
        except ValueError:
            return ""
    path = os.path.normpath(path).replace(os.sep, "/") if path else ""
    return "" if path in (".", "..") or path.startswith("../") else path
