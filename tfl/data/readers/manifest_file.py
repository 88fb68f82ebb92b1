"""A file that lists pictures or text files, one a line: CSV, TSV, JSON-lines or Parquet with columns path and label."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tfl.core.errors import DataError
from tfl.data.manifest import Manifest
from tfl.data.readers._base import NO_OPTIONS, Location, Reader, ReadOptions
from tfl.data.readers._columns import choose_columns
from tfl.data.readers._listing import kind_of_files, manifest_of_table, root_of
from tfl.data.readers._rows import SUFFIXES, lists_videos, read_header, read_table, table_file_of
from tfl.data.readers._text_tables import holds_texts


class ManifestFile(Reader):
    """Columns are guessed from their names or named; bad rows and missing files become findings with their line."""

    summary = "a CSV, TSV, JSON-lines or Parquet file with a column of paths and one of labels, or a folder with one"
    example = """
photos/labels.csv:
  path,label,split,group,camera
  images/1.jpg,cat,train,litter-1,phone
  images/2.jpg,dog,test,litter-2,phone

path and label are needed; split, group and further columns are used where they are.
Several labels of one picture: a column 'labels' with cat|dog, or columns of 0 and 1. Files of texts (.txt, .md) are
listed in the same way.
"""

    def recognizes(self, location: Location, options: ReadOptions = NO_OPTIONS) -> bool:
        with contextlib.suppress(OSError, DataError):
            file = table_file_of(Path(location))
            if file is None or lists_videos(file) or holds_texts(Path(location), options):
                return False
            if file == Path(location):
                return True
            # In a folder, only a file whose columns say what they are and whose first paths are there.
            table = read_header(file)
            columns = choose_columns(file, table, NO_OPTIONS)
            return any(root_of(file, table, columns)[1])
        return False

    def kind_of(self, location: Location, options: ReadOptions = NO_OPTIONS) -> str:
        file = table_file_of(Path(location))
        if file is None:
            return self.kind
        table = read_header(file)
        path = choose_columns(file, table, options).path
        return kind_of_files(str(row.cells.get(path) or "").strip() for row in table.rows)

    def read(self, location: Location, options: ReadOptions = NO_OPTIONS) -> Manifest:
        place = Path(location)
        try:
            file = table_file_of(place)
        except OSError as error:
            raise DataError(f"The data can't be read: {place}: {error.strerror or error}.") from error
        if file is None:
            if not place.exists():
                raise DataError(f"The manifest file {place} does not exist.")
            raise DataError(
                f"{place} is no manifest file and holds not exactly one.",
                hint=f"A manifest file ends in {', '.join(SUFFIXES)}; name one of them.",
            )
        options.refuse_frames(f"{file}, which lists pictures,")
        return manifest_of_table(file, read_table(file), options, reader="manifest_file")


READER = ManifestFile()
