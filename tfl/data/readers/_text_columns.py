"""Which columns of a table hold texts and their labels: named, called so, or told by what their cells are like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tfl.core.errors import DataError
from tfl.data.formats import FORMATS
from tfl.data.readers._base import ReadOptions
from tfl.data.readers._columns import (
    ROOTS,
    USUAL,
    called_like,
    guessed_separator,
    require_columns,
    split_names,
    text_of,
)
from tfl.data.readers._rows import VIDEO_SUFFIXES, Table, column_of_files

#: What columns are usually called, folded, the likeliest first.
_TEXTS = (
    *("text", "texts", "review", "review_text", "sentence", "question", "utterance", "message", "comment"),
    *("comment_text", "body", "content", "query", "tweet", "post", "document", "article", "passage", "email"),
    *("description", "abstract", "headline", "title", "subject", "summary"),
)
#: A name comes before a number: many tables have both.
_LABELS = (
    *("label_text", "label_name", "label", "labels", "category", "category_name", "categories", "intent", "class"),
    *("classes", "class_name", "topic", "sentiment", "emotion", "target", "rating", "stars", "score", "polarity"),
    *("genre", "tags", "tag", "type", "y"),
)
#: What a column must not be called that is to mean nothing.
MEANINGFUL = frozenset({*_TEXTS, *_LABELS}.union(*USUAL.values()))
_FILES = tuple(frozenset().union(*FORMATS.values())) + VIDEO_SUFFIXES + (".wav", ".mp3", ".flac")
#: A text has several words; a label has few, and comes again.
_TEXT_WORDS, _TEXT_DISTINCT = 2.0, 0.5
_LABEL_WORDS, _LABEL_DISTINCT, _MOST_LABELS = 6.0, 0.5, 200
#: Further columns that look like texts are told of from so many words.
_TOLD_WORDS = 3.0
#: No column's name has so many.
_HEADER_WORDS = 4


@dataclass(frozen=True)
class TextColumns:
    """Which column is what; empty where there is none.

    Attributes:
        texts: Joined by a line break where there are several.
        labels: One, or columns of 0 and 1.
        split: Of the splits.
        group: Of what must stay on one side of a split.
        separator: Between the labels of a cell.
        said: What a person should know of the choice; empty where the names left no doubt.
        guessed: Whether the contents decided, not the names.
    """

    texts: tuple[str, ...]
    labels: tuple[str, ...]
    split: str = ""
    group: str = ""
    separator: str = ""
    said: str = ""
    guessed: bool = False

    @property
    def used(self) -> set[str]:
        """All columns that have a meaning."""
        return {*self.texts, *self.labels, self.split, self.group} - {""}


@dataclass(frozen=True)
class _Profile:
    """What the cells of a column are like: words, share of different ones, how many different, and of what kind."""

    words: float
    distinct_share: float
    distinct: int
    is_number: bool

    @property
    def is_text(self) -> bool:
        return not self.is_number and self.words >= _TEXT_WORDS and self.distinct_share >= _TEXT_DISTINCT

    @property
    def is_label(self) -> bool:
        few = self.distinct_share <= _LABEL_DISTINCT and self.distinct <= _MOST_LABELS
        return few and self.distinct > 1 and self.words <= _LABEL_WORDS


def lists_files(file: Path, table: Table) -> bool:
    """Say whether a table is one of files: a column of it names pictures, videos or sounds, or files that are there."""
    if column_of_files(table, _FILES):
        return True
    column = called_like(USUAL["path_column"], table.columns)
    paths = [str(row.cells.get(column) or "").strip() for row in table.rows] if column else []
    try:
        return any(path and (file.parent / root / path).is_file() for root in ROOTS for path in paths)
    except OSError:
        # No name of a file is as long as some texts are.
        return False


def looks_like_texts(table: Table) -> bool:
    """Say whether a column is called like a text, or has long and varied cells."""
    return bool(called_like(_TEXTS, table.columns)) or any(_profile(table, name).is_text for name in table.columns)


def choose_text_columns(file: Path, table: Table, options: ReadOptions) -> TextColumns:
    """Return the columns that were named, and guess the others from their names, or else from the first cells.

    Args:
        file: The table.
        table: Its first rows.
        options: The columns that were named.

    Raises:
        DataError: A named column is not there, or it can't be told which is the text or the label.
    """
    require_columns(file, table.columns, options)
    _require_header(file, table)
    split = options.split_column or called_like(USUAL["split_column"], table.columns)
    group = options.group_column or called_like(USUAL["group_column"], table.columns)
    texts = split_names(options.text_column) if options.text_column else [called_like(_TEXTS, table.columns)]
    labels = split_names(options.label_column) if options.label_column else []
    free = [name for name in table.columns if name not in {*texts, *labels, split, group}]
    labels = labels or [called_like(_LABELS, free)]
    profiles = {name: _profile(table, name) for name in table.columns}
    said = []
    if not texts[0]:
        texts = [_only_text(file, table, {name: profiles[name] for name in free if name not in labels})]
        said.append(f"the column '{texts[0]}', whose cells are long and varied, is taken for the text (--text-column)")
    if not labels[0]:
        labels = [_only_label(file, table, {name: profiles[name] for name in free if name not in texts})]
        count = profiles[labels[0]].distinct
        said.append(f"the column '{labels[0]}', with {count} different values, is taken for the label (--label-column)")
    chosen = TextColumns(tuple(texts), tuple(labels), split, group, guessed=bool(said))
    if not options.text_column:
        said += _left(chosen, profiles)
    return replace(
        chosen,
        separator=options.label_separator or guessed_separator(table, labels),
        said="; ".join(said),
    )


def _left(chosen: TextColumns, profiles: dict[str, _Profile]) -> list[str]:
    """Say which further columns could be texts."""
    more = [name for name, item in profiles.items() if item.is_text and item.words >= _TOLD_WORDS]
    more = [name for name in more if name not in chosen.used]
    if not more:
        return []
    names = ", ".join(f"'{name}'" for name in more)
    both = ",".join((*chosen.texts, *more))
    return [f"the text is the column '{chosen.texts[0]}' alone, without {names} (join them: --text-column {both})"]


def _profile(table: Table, name: str) -> _Profile:
    cells = [text for row in table.rows if (text := text_of(row.cells.get(name)).strip())]
    if not cells:
        return _Profile(0.0, 0.0, 0, is_number=False)
    distinct = len(set(cells))
    words = sum(len(cell.split()) for cell in cells) / len(cells)
    return _Profile(words, distinct / len(cells), distinct, is_number=all(map(_is_number, cells)))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _only_text(file: Path, table: Table, profiles: dict[str, _Profile]) -> str:
    found = {name: item.words for name, item in profiles.items() if item.is_text}
    if not found:
        raise DataError(
            f"{file}: no column is called like a text or has long, varied cells; it has: {', '.join(table.columns)}.",
            hint="Name it: --text-column NAME",
        )
    return max(found, key=found.__getitem__)


def _only_label(file: Path, table: Table, profiles: dict[str, _Profile]) -> str:
    found = [name for name, item in profiles.items() if item.is_label]
    if len(found) == 1:
        return found[0]
    why = (
        f"several columns have few different values ({', '.join(found)})" if found else "none has few different values"
    )
    raise DataError(
        f"{file}: no column is called like a label, and {why}; it has: {', '.join(table.columns)}.",
        hint=f"Name it: --label-column {found[0] if found else 'NAME'}",
    )


def _require_header(file: Path, table: Table) -> None:
    """Raise where the first line is a row: it has a cell like a text, and one that is a value of its column."""
    is_text = any(len(name.split()) >= _HEADER_WORDS for name in table.columns)
    again = any(name in {text_of(row.cells.get(name)).strip() for row in table.rows} for name in table.columns)
    if is_text and again:
        raise DataError(
            f"The first line of {file} seems to be a row, not the names of the columns: {_short(table.columns)}.",
            hint="Put a line such as 'text,label' before it.",
        )


def _short(columns: Sequence[str]) -> str:
    return ", ".join(name if len(name) <= 40 else f"{name[:37]}..." for name in columns)
