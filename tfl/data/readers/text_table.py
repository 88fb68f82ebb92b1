"""Texts in a table: CSV, TSV, JSON-lines or Parquet, with columns for text and label; or a folder with one a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tfl.core.errors import DataError, UserError
from tfl.data.encodings import Encoding
from tfl.data.manifest import Example, Manifest, Problem, SplitName
from tfl.data.readers._base import NO_OPTIONS, Location, Reader, ReadOptions
from tfl.data.readers._columns import have_many_labels, labels_of, require_classes, text_of
from tfl.data.readers._listing import bad_row, where
from tfl.data.readers._rows import MAX_CELL, Row, Table, iterate_rows
from tfl.data.readers._splits import meanings_of, with_a_test
from tfl.data.readers._text_columns import TextColumns, choose_text_columns
from tfl.data.readers._text_tables import TextFiles, find_text_files, holds_texts, read_sample

_NAMED = 10


class TextTable(Reader):
    """Columns are guessed from names or contents, or named; bad rows become findings with their line."""

    summary = "a CSV, TSV, JSON-lines or Parquet file with texts and labels, or a folder with one for each split"
    kind = "text"
    example = """
reviews.csv:
  text,label,split,group
  "Came in two days, works.",good,train,customer-1
  Broke after a week.,bad,test,customer-2

or, with splits that are kept as they are:

reviews/
  train.csv  val.csv  test.csv

text and label are needed; split, group and further columns are used where they are. Other names are understood
(review, question, ...; category, intent, ...), or said: --text-column title,body --label-column topic. Several labels
of one text: a column 'labels' with a|b, or columns of 0 and 1. UTF-8 is best; other encodings are found out and said.
"""

    def recognizes(self, location: Location, options: ReadOptions = NO_OPTIONS) -> bool:
        return holds_texts(Path(location), options)

    def read(self, location: Location, options: ReadOptions = NO_OPTIONS) -> Manifest:
        place = Path(location)
        options.refuse_frames(f"{place}, which holds texts,")
        if options.path_column:
            raise UserError(
                f"path_column: {place} holds the texts themselves. Received: '{options.path_column}'.",
                hint="Name the column of the texts: --text-column NAME",
            )
        try:
            found = find_text_files(place)
        except OSError as error:
            raise DataError(f"The texts can't be read: {place}: {error.strerror or error}.") from error
        tables, problems = _tables(found, options)
        return _manifest(place, found, tables, problems)


@dataclass(frozen=True)
class _Source:
    """One file that is read, with what its columns are and what its splits mean."""

    file: Path
    split: str
    columns: TextColumns
    encoding: Encoding
    meanings: Mapping[str, SplitName]


def _tables(found: TextFiles, options: ReadOptions) -> tuple[list[_Source], list[Problem]]:
    """Decide what the columns of each file are, all as those of the training file; say what is not used."""
    if found.meanings and options.split_column:
        raise UserError(
            f"split_column: the files are splits by their names: {', '.join(found.meanings)}. "
            f"Received: '{options.split_column}'.",
            hint="Name one file, or leave the setting out.",
        )
    files = sorted(found.files, key=lambda item: found.meanings.get(item[1]) != "train")
    sources: list[_Source] = []
    problems: list[Problem] = []
    columns: TextColumns | None = None
    for file, split in files:
        sample, encoding = read_sample(file)
        _require_rows(file, sample)
        if columns is None:
            columns = choose_text_columns(file, sample, options)
            if columns.said:
                problems.append(Problem(rule="guessed_columns", path=file.name, message=columns.said))
        missing = sorted({*columns.texts, *columns.labels} - set(sample.columns))
        if missing:
            message = f"has no column '{missing[0]}' (it has: {', '.join(sample.columns)}), so it is left out"
            problems.append(Problem(rule="unused", path=file.name, message=message))
            continue
        if encoding.said:
            problems.append(Problem(rule="encoding", path=file.name, message=f"is {encoding.said}"))
        own = replace(columns, split=columns.split if columns.split in sample.columns else "")
        sources.append(_Source(file, split, own, encoding, {}))
    used = {source.split: found.meanings[source.split] for source in sources if source.split}
    if len(used) == 1:
        # The others had no labels; tfl splits what is left.
        sources = [replace(source, split="") for source in sources]
    elif used:
        sources = [replace(source, meanings=with_a_test(used)) for source in sources]
    sources = [_with_meanings(source, options) for source in sources]
    return sources, problems


def _with_meanings(source: _Source, options: ReadOptions) -> _Source:
    """Read what the values of a split column mean; where they name no splits, it is a column like any other."""
    column = source.columns.split
    if source.split:
        return replace(source, columns=replace(source.columns, split=""))
    values = (_split_of(row, column) for row in _rows(source) if isinstance(row, Row)) if column else ()
    meanings = meanings_of(source.file, column, values, asked=bool(options.split_column))
    return replace(source, meanings=meanings, columns=replace(source.columns, split=column if meanings else ""))


def _require_rows(file: Path, sample: Table) -> None:
    if not sample.rows and not sample.problems:
        raise DataError(f"{file} has no rows.", hint="Add one line for each text.")


def _rows(source: _Source) -> Iterator[Row | Problem]:
    for item in iterate_rows(source.file, encoding=source.encoding):
        if not isinstance(item, tuple):
            yield item


def _split_of(row: Row, column: str) -> str:
    return str(row.cells.get(column) or "").strip()


def _manifest(place: Path, found: TextFiles, sources: list[_Source], problems: list[Problem]) -> Manifest:
    examples: list[Example] = []
    for source in sources:
        for row in _rows(source):
            made = _example(source, row) if isinstance(row, Row) else row
            if isinstance(made, Problem):
                problems.append(made)
            else:
                examples.append(made)
    if not examples:
        told = "\n".join(f"  {problem.message}" for problem in problems[:_NAMED])
        raise DataError(f"{place}: no row can be used:\n{told}", hint="See the example: tfl data formats")
    labels = tuple(sorted({label for example in examples for label in example.all_labels}))
    require_classes(place, labels, sources[0].columns)
    examples.sort(key=lambda example: example.path)
    return Manifest(
        root=str(sources[0].file.parent.resolve()),
        reader="text_table",
        labels=labels,
        examples=tuple(examples),
        split_names=dict(sources[0].meanings),
        unused=tuple(file.name for file in found.others),
        problems=tuple(problems),
        source=str(place.resolve()),
        kind="text",
    )


def _example(source: _Source, row: Row) -> Example | Problem:
    file, columns = source.file, source.columns
    path = f"{file.name}:{row.line}"
    cells = [text_of(row.cells.get(name)) for name in columns.texts]
    text = cells[0] if len(cells) == 1 else "\n".join(cell for cell in cells if cell.strip())
    if not text.strip():
        return Problem(rule="empty_text", path=path, message=f"{where(file, row)}: the text is empty")
    if len(text) > MAX_CELL:
        return bad_row(file, row, f"the text has {len(text):,} characters; at most {MAX_CELL:,} are read")
    labels = labels_of(row, columns)
    if not labels:
        return bad_row(file, row, "there is no label")
    given = source.split or (_split_of(row, columns.split) if columns.split else "")
    if source.meanings and given not in source.meanings:
        return bad_row(file, row, f"there is no split in the column '{columns.split}'")
    used = columns.used
    return Example(
        path=path,
        label="|".join(labels),
        labels=labels if have_many_labels(row, columns) else (),
        split=source.meanings.get(given) if given else None,
        given_split=given or None,
        group=text_of(row.cells.get(columns.group)).strip() if columns.group else "",
        attributes={name: text_of(value).strip() for name, value in row.cells.items() if name not in used},
        text=text,
    )


READER = TextTable()
