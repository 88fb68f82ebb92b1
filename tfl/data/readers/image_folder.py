"""A folder with one sub-folder of pictures per class, or with `train`, `val` and `test` folders of such."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tfl.data.formats import FORMATS
from tfl.data.manifest import Manifest
from tfl.data.readers._base import NO_OPTIONS, Location, Reader, ReadOptions
from tfl.data.readers._folders import Samples, read_classes
from tfl.data.readers._text_files import holds_text_files

_PICTURES = Samples(
    kind="image",
    nouns="pictures",
    name="picture.jpg",
    endings=frozenset().union(*FORMATS.values()),
    takes_all=True,
)


class ImageFolder(Reader):
    """Class per folder; given split folders are respected and never split again."""

    summary = "a folder with one sub-folder of pictures per class; train, val and test folders are respected"
    example = """
photos/
  cat/  1.jpg  2.jpg  ...
  dog/  a.png  b.png  ...

or, with splits that are kept as they are:

photos/
  train/  cat/  1.jpg ...   dog/  a.png ...
  val/    cat/  7.jpg ...   dog/  g.png ...
"""

    def recognizes(self, location: Location, options: ReadOptions = NO_OPTIONS) -> bool:
        with contextlib.suppress(OSError):
            place = Path(location)
            return place.is_dir() and not holds_text_files(place)
        return False

    def read(self, location: Location, options: ReadOptions = NO_OPTIONS) -> Manifest:
        location = Path(location)
        options.refuse(f"{location}, a folder of classes,")
        return read_classes(location, reader="image_folder", samples=_PICTURES)


READER = ImageFolder()
