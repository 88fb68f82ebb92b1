"""What a reader is."""

from __future__ import annotations

import abc
from pathlib import Path
from typing import TypeAlias

from tfl.data.manifest import Manifest

#: A path, or an address such as `s3://bucket/photos` or `tfds:NAME`.
Location: TypeAlias = str | Path


class Reader(abc.ABC):
    """Turns one on-disk format into a manifest. One file, one object called `READER`."""

    #: One line that says what the format looks like.
    summary: str
    #: A small tree or a few lines that show the format, for `tfl data formats`.
    example: str

    @abc.abstractmethod
    def recognizes(self, location: Location) -> bool:
        """Say whether `location` looks like this format, from names and at most a file's first lines."""

    @abc.abstractmethod
    def read(self, location: Location) -> Manifest:
        """List the examples, sorted by path, without opening the files.

        Raises:
            DataError: The location is not of this format or holds no examples.
        """
