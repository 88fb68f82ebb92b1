"""Reading a data set with the reader that fits."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tfl.core.errors import DataError
from tfl.data.manifest import Manifest
from tfl.data.readers import NO_OPTIONS, READERS, Location, ReadOptions

#: Any folder could be one of classes, so its reader is asked last.
_LAST = "image_folder"


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
    if reader != "auto":
        return READERS.get(reader).read(location, options)
    plugins = [READERS.get(name) for name in sorted(READERS.names(), key=lambda name: name == _LAST)]
    for plugin in plugins:
        if plugin.recognizes(location):
            return plugin.read(location, options)
    if not _is_file(location):
        # The reader of folders says what is missing and names what lies beside it.
        return READERS.get(_LAST).read(location, options)
    known = "; ".join(plugin.summary for plugin in plugins)
    raise DataError(f"{location} is in no known format.", hint=f"Known: {known}.")


def _is_file(location: Location) -> bool:
    with contextlib.suppress(OSError):
        return Path(location).is_file()
    return False
