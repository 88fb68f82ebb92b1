"""Data in S3, Google Cloud Storage, Azure or on a web server: kept in the cache, and fetched again where changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tfl.core.errors import DataError
from tfl.core.files import cache_dir, sha256_text
from tfl.data.loading import find_fetched_kind, read_fetched
from tfl.data.manifest import Manifest
from tfl.data.readers._base import NO_OPTIONS, Location, Reader, ReadOptions
from tfl.data.readers._columns import ROOTS, choose_columns, relative_path
from tfl.data.readers._mirror import Mirror, RemoteFile
from tfl.data.readers._rows import SUFFIXES, read_table
from tfl.data.readers._store import SCHEMES, Store
from tfl.data.readers._text_tables import holds_texts

_ADDRESS = re.compile(rf"({'|'.join(SCHEMES)}):/", re.IGNORECASE)
#: A path object joins the two slashes into one.
_JOINED = re.compile(r"^(\w+):/(?!/)")
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
#: Of these rows each possible folder of the files is asked for, on a server that lists none.
_LOOKED_AT = 5


class Remote(Reader):
    """A folder, an archive or a manifest file at an address; credentials come from the environment alone."""

    summary = "an s3://, gs://, az://, abfs:// or https:// address of a folder, an archive or a manifest file"
    example = """
s3://bucket/photos              a folder of any other format
gs://bucket/photos.zip          an archive
https://host/photos/labels.csv  a manifest file; the pictures lie beside it
https://host/reviews.csv        a table of texts

Kept in the cache; only what is new or changed is fetched the next time. A web server lists no folders, so
https:// needs an archive or a manifest file.
"""

    def recognizes(self, location: Location, options: ReadOptions = NO_OPTIONS) -> bool:
        return _ADDRESS.match(str(location)) is not None

    def kind_of(self, location: Location, options: ReadOptions = NO_OPTIONS) -> str:
        place, store = self._fetched(location, options)
        return find_fetched_kind(place, source=store.shown, options=options)

    def read(self, location: Location, options: ReadOptions = NO_OPTIONS) -> Manifest:
        place, store = self._fetched(location, options)
        return read_fetched(place, reader="remote", source=store.shown, options=options)

    def _fetched(self, location: Location, options: ReadOptions) -> tuple[Path, Store]:
        """Return the local copy, brought up to date, and where it comes from."""
        address = _JOINED.sub(r"\1://", str(location))
        if not self.recognizes(address):
            raise DataError(
                f"{address} is no remote address.",
                hint=f"One begins with {', '.join(f'{name}://' for name in SCHEMES)}.",
            )
        store = Store(address)
        mirror = Mirror(cache_dir() / "data" / "remote" / sha256_text(address)[:32], store.shown)
        name = store.name.casefold()
        if name.endswith(_ARCHIVES):
            mirror.sync({store.name: store.describe()}, store.fetch)
            place = mirror.files / store.name
        elif name.endswith(SUFFIXES):
            place = _fetch_table(store, mirror, options)
        else:
            _fetch_folder(store, mirror)
            place = mirror.files
        return place, store


def _fetch_folder(store: Store, mirror: Mirror) -> None:
    if store.is_http:
        raise DataError(
            f"{store.shown} is neither an archive nor a manifest file, and a web server lists no folders.",
            hint=f"Name a file that ends in {', '.join((*_ARCHIVES, *SUFFIXES))}.",
        )
    listed = store.list_folder()
    if not listed:
        raise DataError(f"There are no files below {store.shown}.", hint="Check the name of the folder.")
    mirror.sync(listed, store.fetch_below)


def _fetch_table(store: Store, mirror: Mirror, options: ReadOptions) -> Path:
    """Fetch a table and, where it lists files, these."""
    own = {store.name: store.describe()}
    mirror.sync(own, store.fetch, others="keep")
    file = mirror.files / store.name
    if holds_texts(file, options):
        mirror.sync(own, store.fetch)
        return file
    try:
        table = read_table(file)
        columns = choose_columns(file, table, options)
    except DataError as error:
        raise DataError(f"{store.shown}, kept as {error.message}", hint=error.hint) from error
    cells = (relative_path(mirror.files, str(row.cells.get(columns.path) or "").strip()) for row in table.rows)
    paths = list(dict.fromkeys(path for path in cells if path))
    listed = _look_up(store, paths) if store.is_http else _choose(store.list_folder(".."), paths)
    mirror.sync({**listed, **own}, store.fetch)
    return file


def _look_up(store: Store, paths: list[str]) -> dict[str, RemoteFile]:
    first = store.look_up(_joined(root, path) for root in ROOTS for path in paths[:_LOOKED_AT])
    root = _likeliest(first, paths[:_LOOKED_AT])
    return store.look_up(_joined(root, path) for path in paths)


def _choose(listed: Mapping[str, RemoteFile], paths: list[str]) -> dict[str, RemoteFile]:
    root = _likeliest(listed, paths)
    return {name: listed[name] for name in (_joined(root, path) for path in paths) if name in listed}


def _likeliest(listed: Mapping[str, RemoteFile], paths: list[str]) -> str:
    return max(ROOTS, key=lambda root: sum(_joined(root, path) in listed for path in paths))


def _joined(root: str, path: str) -> str:
    return f"{root}/{path}" if root else path


READER = Remote()
