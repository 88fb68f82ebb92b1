"""What a reader is."""

from __future__ import annotations

import abc
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeAlias

from tfl.core.errors import UserError
from tfl.core.records import Record
from tfl.data.manifest import Manifest

#: A path, or an address such as `s3://bucket/photos` or `tfds:NAME`.
Location: TypeAlias = str | Path

#: Times of frames are kept in milliseconds.
MAX_FRAME_RATE = 1000.0


def as_location(place: Location) -> Location:
    """Return a path, or the text of an address, whose two slashes a path object would join into one."""
    return place if "://" in str(place) else Path(place)


@dataclass(frozen=True, kw_only=True)
class ReadOptions(Record):
    """What a person may say about the data; empty means guessed, for columns from their names.

    Attributes:
        path_column: Name of the column with the files.
        text_column: Of the texts, where the table holds the samples themselves; several, comma-separated, are joined.
        label_column: Of the classes; several, comma-separated, are columns of 0 and 1, one for each label.
        split_column: Of the splits.
        group_column: Of what must stay on one side of a split.
        label_separator: Between the labels of one example of multi-label data.
        frame_rate: Frames to take from each second of a video; 0 takes one.
    """

    path_column: str = ""
    text_column: str = ""
    label_column: str = ""
    split_column: str = ""
    group_column: str = ""
    label_separator: str = ""
    frame_rate: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.frame_rate <= MAX_FRAME_RATE:
            raise UserError(f"frame_rate: must be in [0, {MAX_FRAME_RATE:g}]. Received: {self.frame_rate:g}.")

    @property
    def any_column(self) -> bool:
        """Whether a column was named."""
        named = (self.path_column, self.text_column, self.label_column, self.split_column, self.group_column)
        return any(named)

    def refuse(self, what: str) -> None:
        """Raise when anything is set, for a format that has neither columns nor frames.

        Raises:
            UserError: Names what was set.
        """
        self.refuse_columns(what)
        self.refuse_frames(what)

    def refuse_columns(self, what: str) -> None:
        """Raise when a column was named, for a format that has none."""
        for field in fields(self):
            value = getattr(self, field.name)
            if value and field.name != "frame_rate":
                raise UserError(
                    f"{field.name}: {what} has no columns. Received: '{value}'.",
                    hint="Name a CSV, TSV, JSON-lines or Parquet file, or leave the setting out.",
                )

    def refuse_frames(self, what: str) -> None:
        """Raise when a frame rate was set, for a format that has no videos."""
        if self.frame_rate:
            raise UserError(
                f"frame_rate: {what} has no videos. Received: {self.frame_rate:g}.", hint="Leave the setting out."
            )


#: Everything is guessed.
NO_OPTIONS = ReadOptions()


class Reader(abc.ABC):
    """Turns one on-disk format into a manifest. One file, one object called `READER`."""

    #: One line that says what the format looks like.
    summary: str
    #: A small tree or a few lines that show the format, for `tfl data formats`.
    example: str
    #: Name of the kind of data that the format holds, where it holds one kind alone.
    kind: str = "image"

    @abc.abstractmethod
    def recognizes(self, location: Location, options: ReadOptions = NO_OPTIONS) -> bool:
        """Say whether `location` looks like this format, from names and at most a file's first lines.

        Args:
            location: Where the data lie.
            options: What the person said about columns, which can tell what a table is.
        """

    def kind_of(self, location: Location, options: ReadOptions = NO_OPTIONS) -> str:
        """Return the name of the kind of data that lie there, before they are read as a whole.

        Args:
            location: Where the data lie; this reader recognizes it.
            options: What the person said about columns.

        Raises:
            DataError: It can't be read.
        """
        return self.kind

    @abc.abstractmethod
    def read(self, location: Location, options: ReadOptions = NO_OPTIONS) -> Manifest:
        """List the examples, sorted by path, without opening the files.

        Args:
            location: Where the data lie.
            options: What the person said about columns; a format without any calls `options.refuse`.

        Raises:
            DataError: The location is not of this format or holds no examples.
            UserError: The format has no columns or no videos, and something was said about them.
        """
