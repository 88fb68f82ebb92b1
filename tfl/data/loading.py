"""Reading a data set with the reader that fits."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tfl.core.errors import DataError
from tfl.data.manifest import Manifest
from tfl.data.readers import READERS, Location


def read_manifest(location: Location, *, reader: str = "auto") -> Manifest:
    """List the examples of a data set without opening them.

    Args:
        location: Where the data lie: a path or an address.
        reader: A reader's name, or `auto` for the first that recognizes the location.

    Raises:
        NotFoundError: There is no such reader.
        DataError: No reader recognizes the location, or it holds no examples.
    """
    if reader != "auto":
        return READERS.get(reader).read(location)
    plugins = [READERS.get(name) for name in READERS.names()]
    for plugin in plugins:
        if plugin.recognizes(location):
            return plugin.read(location)
    if not _is_file(location):
        # The reader of folders says what is missing and names what lies beside it.
        return READERS.get("image_folder").read(location)
    known = "; ".join(plugin.summary for plugin in plugins)
    raise DataError(f"{location} is in no known format.", hint=f"Known: {known}.")


def _is_file(location: Location) -> bool:
    with contextlib.suppress(OSError):
        return Path(location).is_file()
    return False
