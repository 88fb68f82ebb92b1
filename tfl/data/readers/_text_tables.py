"""Which files of a place are tables of texts, and which split each of them is."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tfl.core.errors import DataError, UserError
from tfl.data.encodings import UTF8, Encoding, detect_encoding
from tfl.data.manifest import SplitName
from tfl.data.readers._base import NO_OPTIONS, ReadOptions
from tfl.data.readers._folders import has_folders
from tfl.data.readers._rows import Table, read_header, table_files_of
from tfl.data.readers._splits import TABLE_SPLIT_NAMES
from tfl.data.readers._text_columns import choose_text_columns, lists_files, looks_like_texts

#: Rows that columns are guessed from.
_LOOKED_AT = 500
#: Of a split that lies in several files: `train-00000-of-00002.parquet`.
_PART = re.compile(r"-\d{1,6}-of-\d{1,6}$")


@dataclass(frozen=True)
class TextFiles:
    """The tables of one data set.

    Attributes:
        files: With the split that each is, or an empty text where it is all of the data.
        meanings: What each split is for by its own name; empty where there is one table without.
        others: Further tables of the folder, which are not used.
    """

    files: tuple[tuple[Path, str], ...]
    meanings: dict[str, SplitName]
    others: tuple[Path, ...] = ()


def holds_texts(place: Path, options: ReadOptions = NO_OPTIONS) -> bool:
    """Say whether a file is a table of texts, or a folder holds such, without telling what is wrong with it."""
    if options.path_column or options.frame_rate:
        return False
    with contextlib.suppress(OSError):
        return any(_is_of_texts(place, file, options) for file in table_files_of(place))
    return False


def _is_of_texts(place: Path, file: Path, options: ReadOptions) -> bool:
    with contextlib.suppress(UserError):
        table, _ = read_sample(file)
        if options.text_column:
            return True
        if lists_files(file, table):
            return False
        if file == place:
            return looks_like_texts(table)
        # In a folder, the columns must leave no doubt; beside other folders, it may be a note about what is in these.
        named = options.label_column if options.label_column in table.columns else ""
        chosen = choose_text_columns(file, table, ReadOptions(label_column=named))
        return not chosen.guessed or not has_folders(place)
    return False


def read_sample(file: Path) -> tuple[Table, Encoding]:
    """Read the columns and the first rows of a file, and its encoding.

    Raises:
        DataError: It can't be read.
        MissingExtraError: Something that it needs is not installed.
    """
    try:
        encoding = UTF8 if file.suffix.casefold() == ".parquet" else detect_encoding(file)
    except OSError as error:
        raise DataError(f"{file} can't be read: {error.strerror or error}.") from error
    return read_header(file, encoding=encoding, rows=_LOOKED_AT), encoding


def find_text_files(place: Path) -> TextFiles:
    """Return the table of a place, or those that are called like splits.

    Raises:
        DataError: There is none, or it can't be told which is meant.
        OSError: The place can't be read.
    """
    tables = table_files_of(place)
    if not tables:
        what = "is no table" if place.is_file() else "holds no table" if place.is_dir() else "does not exist"
        raise DataError(
            f"{place} {what}: a CSV, TSV, JSON-lines or Parquet file of texts.",
            hint="Name a file that ends in .csv, .tsv, .jsonl, .ndjson or .parquet, or a folder with one.",
        )
    by_split: dict[str, list[Path]] = defaultdict(list)
    for file in tables:
        name = _PART.sub("", file.stem)
        if name.casefold() in TABLE_SPLIT_NAMES and place.is_dir():
            by_split[name].append(file)
    if len(by_split) < 2:
        if len(tables) == 1 or (len(by_split) == 1 and len(tables) == len(next(iter(by_split.values())))):
            return TextFiles(tuple((file, "") for file in tables), {})
        names = ", ".join(file.name for file in tables)
        raise DataError(
            f"{place} holds {len(tables)} tables, and their names don't say which part each is: {names}.",
            hint="Name one of them, or call them train, val and test.",
        )
    meanings = {name: TABLE_SPLIT_NAMES[name.casefold()] for name in by_split}
    twice = [
        file.name for files in by_split.values() for file in files if len(files) > 1 and not _PART.search(file.stem)
    ]
    if len(set(meanings.values())) < len(meanings) or twice:
        names = ", ".join(file.name for files in by_split.values() for file in files)
        raise DataError(f"{place}: several files are the same split: {names}.", hint="Keep one file for each split.")
    if "train" not in meanings.values():
        raise DataError(
            f"{place}: there is no 'train' file beside {', '.join(by_split)}.",
            hint="Add one, or name a file itself, and tfl splits it.",
        )
    files = tuple((file, name) for name, files in by_split.items() for file in files)
    used = {file for file, _ in files}
    return TextFiles(files, meanings, tuple(file for file in tables if file not in used))
