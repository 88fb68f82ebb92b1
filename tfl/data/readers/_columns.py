"""Which column of a table is the path, the label, the split and the group, and what its cells say."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tfl.core.errors import DataError, closest
from tfl.data.readers._base import ReadOptions
from tfl.data.readers._rows import Row, Table

#: What columns are usually called, folded, the likeliest first.
_USUAL = {
    "path_column": ("path", "file", "filename", "file_name", "filepath", "image", "image_path", "image_name", "img"),
    "label_column": ("label", "labels", "class", "classes", "class_name", "category", "target", "species", "tags", "y"),
    "split_column": ("split", "subset", "set", "partition", "fold"),
    "group_column": ("group", "group_id", "patient", "patient_id", "subject", "subject_id", "session", "video", "site"),
}
_MANY_LABELS = frozenset({"labels", "classes", "tags"})
_SEPARATORS = ("|", ";")
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


def choose_columns(file: Path, table: Table, options: ReadOptions) -> Columns:
    """Return the columns that were named, and guess the others from their names.

    Raises:
        DataError: A named column is not there, or none is called like a path or a label.
    """
    chosen: dict[str, str] = {}
    for meaning, usual in _USUAL.items():
        asked = getattr(options, meaning)
        names = [name.strip() for name in asked.split(",")] if meaning == "label_column" else [asked]
        for name in names:
            if name and name not in table.columns:
                raise DataError(
                    f"{file} has no column '{name}'.{closest(name, table.columns)}",
                    hint=f"It has: {', '.join(table.columns)}.",
                )
        folded = {column.strip().casefold().replace(" ", "_"): column for column in reversed(table.columns)}
        chosen[meaning] = asked or next((folded[name] for name in usual if name in folded), "")
    for meaning in ("path_column", "label_column"):
        if not chosen[meaning]:
            what = meaning.removesuffix("_column")
            raise DataError(
                f"{file}: no column is called like a {what}; it has: {', '.join(table.columns)}.",
                hint=f"Name it: --{what}-column NAME",
            )
    labels = tuple(name.strip() for name in chosen["label_column"].split(","))
    separator = options.label_separator or _guessed_separator(table, labels)
    return Columns(chosen["path_column"], labels, chosen["split_column"], chosen["group_column"], separator)


def _guessed_separator(table: Table, labels: Sequence[str]) -> str:
    if len(labels) > 1 or labels[0].casefold() not in _MANY_LABELS:
        return ""
    found = Counter(mark for row in table.rows for mark in _SEPARATORS if mark in str(row.cells.get(labels[0], "")))
    return found.most_common(1)[0][0] if found else ""


def labels_of(row: Row, columns: Columns) -> tuple[str, ...]:
    """Return the labels of a row, sorted; none where the cell is empty."""
    if len(columns.labels) > 1:
        return tuple(name for name in columns.labels if str(row.cells.get(name) or "0").strip() in ("1", "1.0", "True"))
    value = row.cells.get(columns.labels[0])
    if isinstance(value, list):
        parts = [str(item) for item in value]
    else:
        text = "" if value is None else str(value)
        parts = text.split(columns.separator) if columns.separator else [text]
    return tuple(sorted({part.strip() for part in parts if part.strip()}))


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
