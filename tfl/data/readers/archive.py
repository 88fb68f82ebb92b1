"""A ZIP or tar archive, unpacked once into the cache and read as what it holds."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tfl.core.archives import Limits, unpack_tar, unpack_zip
from tfl.core.errors import DataError, IntegrityError
from tfl.core.files import cache_dir, read_json, sha256_file, sha256_text, write_json
from tfl.data.loading import find_fetched_kind, read_fetched
from tfl.data.manifest import Manifest
from tfl.data.readers._base import NO_OPTIONS, Location, Reader, ReadOptions

_TAR = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_ZIP = (".zip",)
#: Pictures hardly shrink, and tables of paths shrink about fiftyfold.
_LIMITS = Limits(max_files=2_000_000, max_bytes=200 << 30, max_ratio=200)


class Archive(Reader):
    """Unpacked into the cache by the digest of its bytes, whole or not at all."""

    summary = "a .zip, .tar, .tar.gz, .tgz, .tar.bz2 or .tar.xz of any of the other formats"
    example = """
photos.zip:
  photos/
    cat/  1.jpg  2.jpg  ...
    dog/  a.png  b.png  ...

A single folder at the top is entered. What is inside is read as it would be without the archive.
"""

    def recognizes(self, location: Location, options: ReadOptions = NO_OPTIONS) -> bool:
        with contextlib.suppress(OSError):
            return str(location).casefold().endswith(_TAR + _ZIP) and Path(location).is_file()
        return False

    def kind_of(self, location: Location, options: ReadOptions = NO_OPTIONS) -> str:
        place, archive = self._unpacked(location)
        return find_fetched_kind(place, source=str(archive), options=options)

    def read(self, location: Location, options: ReadOptions = NO_OPTIONS) -> Manifest:
        place, archive = self._unpacked(location)
        return read_fetched(place, reader="archive", source=str(archive), options=options)

    def _unpacked(self, location: Location) -> tuple[Path, Path]:
        """Return the folder of what is inside, unpacked once, and the archive."""
        archive = Path(location)
        if not self.recognizes(archive):
            raise DataError(
                f"{archive} is no archive file, or is not there.",
                hint=f"An archive ends in {', '.join(_ZIP + _TAR)}.",
            )
        try:
            archive = archive.resolve()
            place = cache_dir() / "data" / "archives" / _digest(archive)
            if not place.is_dir():
                unpack = unpack_zip if archive.name.casefold().endswith(_ZIP) else unpack_tar
                unpack(archive, place, limits=_LIMITS)
        except OSError as error:
            raise DataError(f"{archive} can't be read: {error.strerror or error}.") from error
        return place, archive


def _digest(archive: Path) -> str:
    """Return the SHA-256 of the file, read again only when its size or time has changed."""
    status = archive.stat()
    seen = {"path": str(archive), "size_bytes": status.st_size, "modified_ns": status.st_mtime_ns}
    note = cache_dir() / "data" / "archives" / f"{sha256_text(str(archive))}.json"
    with contextlib.suppress(IntegrityError):
        known = read_json(note)
        if isinstance(known, dict) and {**known, **seen} == known and isinstance(known.get("sha256"), str):
            return str(known["sha256"])
    digest = sha256_file(archive)
    write_json(note, {**seen, "sha256": digest})
    return digest


READER = Archive()
