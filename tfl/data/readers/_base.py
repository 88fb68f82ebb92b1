"""What a reader is."""

from __future__ import annotations

import abc
from pathlib import Path

from tfl.data.manifest import Manifest


class Reader(abc.ABC):
    """Turns one on-disk format into a manifest. One file, one object called `READER`."""

    #: One line that says what the format looks like.
    summary: str

    @abc.abstractmethod
    def recognizes(self, location: Path) -> bool:
        """Say whether `location` looks like this format, from names alone."""

    @abc.abstractmethod
    def read(self, location: Path) -> Manifest:
        """List the examples, sorted by path, without opening the files.

        Raises:
            DataError: The location is not of this format or holds no examples.
        """
