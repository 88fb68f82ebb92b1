"""A folder with one sub-folder of text files per class, or with `train`, `val` and `test` folders of such."""

from __future__ import annotations

from pathlib import Path

from tfl.data.manifest import Manifest
from tfl.data.readers._base import NO_OPTIONS, Location, Reader, ReadOptions
from tfl.data.readers._folders import read_classes
from tfl.data.readers._text_files import TEXTS, holds_text_files
from tfl.data.readers._text_tables import holds_texts


class TextFolder(Reader):
    """Class per folder, one text a file; given split folders are respected and never split again."""

    summary = "a folder with one sub-folder of text files per class; train, val and test folders are respected"
    kind = "text"
    example = """
reviews/
  good/  1.txt  2.txt  ...
  bad/   a.txt  b.md   ...

or, with splits that are kept as they are:

reviews/
  train/  good/  1.txt ...   bad/  a.txt ...
  test/   good/  7.txt ...   bad/  g.txt ...

Each file is one text: .txt, .md, or without an ending. UTF-8 is best; other encodings are found out and said.
"""

    def recognizes(self, location: Location, options: ReadOptions = NO_OPTIONS) -> bool:
        place = Path(location)
        return holds_text_files(place) and not holds_texts(place, options)

    def read(self, location: Location, options: ReadOptions = NO_OPTIONS) -> Manifest:
        location = Path(location)
        options.refuse(f"{location}, a folder of classes,")
        return read_classes(location, reader="text_folder", samples=TEXTS)


READER = TextFolder()
