"""Reading a data set with the reader that fits."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from tfl.core.errors import DataError
from tfl.data.manifest import Manifest
from tfl.data.readers import NO_OPTIONS, READERS, Location, Reader, ReadOptions

#: Any folder could be one of classes, so its reader is asked last.
_LAST = "image_folder"
#: What lies beside the one folder of an archive without being data.
_NOTES = frozenset({"", ".txt", ".md", ".html", ".pdf", ".rst"})
_MAX_DEPTH = 4


def read_manifest(
    location: Location,
    *,
    reader: str = "auto",
    options: ReadOptions = NO_OPTIONS,
) -> Manifest:
    """List the examples of a data set without opening them.

    Args:
        location: Where the data lie: a path or an address.
        reader: A reader's name, or `auto` for the first that recognizes the location.
        options: The columns of a manifest file, where they are not to be guessed.

    Raises:
        NotFoundError: There is no such reader.
        DataError: No reader recognizes the location, or it holds no examples.
        UserError: A column was named, and the format has none.
    """
    return _fitting(location, reader, options).read(location, options)


def find_kind(location: Location, *, reader: str = "auto", options: ReadOptions = NO_OPTIONS) -> str:
    """Return the name of the kind of data that lie somewhere, before they are read as a whole.

    What has to be unpacked or fetched to be seen is kept, so that reading it takes no second time.

    Args:
        location: Where the data lie: a path or an address.
        reader: A reader's name, or `auto` for the first that recognizes the location.
        options: What the person said about columns.

    Raises:
        NotFoundError: There is no such reader.
        DataError: No reader recognizes the location.
    """
    return _fitting(location, reader, options).kind_of(location, options)


def _fitting(location: Location, reader: str, options: ReadOptions) -> Reader:
    """Return the reader of a name, or the first that recognizes the location."""
    if reader != "auto":
        return READERS.get(reader)
    plugins = [READERS.get(name) for name in sorted(READERS.names(), key=lambda name: name == _LAST)]
    for plugin in plugins:
        if plugin.recognizes(location, options):
            return plugin
    if not _is_file(location):
        # The reader of folders says what is missing and names what lies beside it.
        return READERS.get(_LAST)
    known = "; ".join(plugin.summary for plugin in plugins)
    raise DataError(f"{location} is in no known format.", hint=f"Known: {known}.")


def read_fetched(
    place: Path,
    *,
    reader: str,
    source: str,
    options: ReadOptions = NO_OPTIONS,
) -> Manifest:
    """Read what a reader has unpacked or fetched, with whatever reader fits.

    A single folder at the top is entered.

    Args:
        place: The local folder or file.
        reader: Name of the reader that put it there; the manifest says it was read by this one.
        source: Where the data came from, as the person wrote it.
        options: The columns of a manifest file, where they are not to be guessed.

    Raises:
        DataError: No reader recognizes the content, or it holds no examples; the message names the source.
        UserError: A column was named, and the format has none.
    """
    inner = _meant(place, options)
    try:
        return replace(read_manifest(inner, options=options), reader=reader, source=source)
    except DataError as error:
        raise DataError(f"{source}, kept in {place}: {error.message}", hint=error.hint) from error


def find_fetched_kind(place: Path, *, source: str, options: ReadOptions = NO_OPTIONS) -> str:
    """Return the kind of data that a reader has unpacked or fetched.

    Args:
        place: The local folder or file.
        source: Where the data came from, as the person wrote it.
        options: What the person said about columns.

    Raises:
        DataError: No reader recognizes the content; the message names the source.
    """
    try:
        return find_kind(_meant(place, options), options=options)
    except DataError as error:
        raise DataError(f"{source}, kept in {place}: {error.message}", hint=error.hint) from error


def _meant(place: Path, options: ReadOptions) -> Path:
    """Return the folder or the file below a place that holds the data."""
    inner = _entered(place) if place.is_dir() else place
    if options.any_column and inner.is_dir():
        # Columns were named, so the table is meant, also where its own names would not say that it is one.
        tables = [item for item in inner.iterdir() if item.is_file() and _recognized(item)]
        inner = tables[0] if len(tables) == 1 else inner
    return inner


def _entered(place: Path) -> Path:
    for _ in range(_MAX_DEPTH):
        items = [item for item in place.iterdir() if not item.name.startswith((".", "__MACOSX"))]
        folders = [item for item in items if item.is_dir()]
        notes = [item for item in items if item.is_file() and item.suffix.casefold() in _NOTES]
        if len(folders) != 1 or len(folders) + len(notes) != len(items):
            break
        if not any(item.is_dir() or _recognized(item) for item in folders[0].iterdir()):
            # A single class, not a folder around the classes.
            break
        place = folders[0]
    return place


def _recognized(item: Path) -> bool:
    return any(READERS.get(name).recognizes(item) for name in READERS.names())


def _is_file(location: Location) -> bool:
    with contextlib.suppress(OSError):
        return Path(location).is_file()
    return False
