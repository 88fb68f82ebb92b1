"""Unpacking an archive from outside: plain files and folders only, within limits, whole or not at all."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Self, TypeAlias

from tfl.core.errors import DataError, JobError
from tfl.core.files import fresh_folder

#: Small archives may shrink more than the ratio says.
_FREE_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 20
#: Bits of a ZIP entry's flags.
_ENCRYPTED, _UTF8 = 0x1, 0x800
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, zlib.error, lzma.LZMAError)

_Opened: TypeAlias = IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
#: How compressed files begin, and what opens them.
_COMPRESSIONS: dict[bytes, Callable[[Path], _Opened]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What an archive may unpack to.

    Attributes:
        max_files: Files and folders.
        max_bytes: Of all files together.
        max_ratio: Unpacked bytes for each byte of the archive; beyond it is a bomb.
    """

    max_files: int
    max_bytes: int
    max_ratio: int


def unpack_tar(archive: Path, target: Path, *, limits: Limits, must_hold: str = "") -> None:
    """Unpack a tar archive, plain or compressed (gzip, bzip2, xz), into `target`, replaced when all went well.

    Args:
        archive: The file.
        target: The folder to make.
        limits: What it may unpack to.
        must_hold: A file that the archive must have at its top, or empty.

    Raises:
        DataError: It is no tar archive, is damaged, lacks `must_hold`, or holds a link, a device, a path that leaves
            the folder, a name twice, too many files or too many bytes. Nothing is left on the disk.
        JobError: The disk is full or can't be written.
    """
    try:
        with _decompressed(archive) as stream, fresh_folder(target) as place:
            _extract(stream, _Writer(archive, place, limits))
            if must_hold and not (place / must_hold).is_file():
                raise DataError(f"{archive} does not hold {must_hold} at its top.")
    except (*_DAMAGED, OSError) as error:
        raise _told(archive, target, error, kind="tar") from error


def unpack_zip(archive: Path, target: Path, *, limits: Limits) -> None:
    """Unpack a ZIP archive into `target`, which is replaced when all went well.

    The sizes that the archive declares are not trusted: the bytes that come out are counted.

    Args:
        archive: The file.
        target: The folder to make.
        limits: What it may unpack to.

    Raises:
        DataError: It is no ZIP archive, is damaged, is encrypted, is compressed in a way Python can't read, or holds
            a link, a device, a path that leaves the folder, a name twice, too many files or too many bytes. Nothing
            is left on the disk.
        JobError: The disk is full or can't be written.
    """
    try:
        with zipfile.ZipFile(archive) as opened, fresh_folder(target) as place:
            writer = _Writer(archive, place, limits)
            for entry in opened.infolist():
                name = _zip_name(entry)
                writer.admit(name, size_bytes=entry.file_size)
                _require_plain(entry, name, writer)
                if entry.is_dir():
                    writer.make_folder(name)
                    continue
                with opened.open(entry) as content:
                    writer.write(name, content)
    except NotImplementedError as error:
        raise DataError(
            f"{archive} can't be read: {error}.", hint="Unpack it with another program and name the folder."
        ) from error
    except (*_DAMAGED, OSError) as error:
        raise _told(archive, target, error, kind="ZIP") from error


def _decompressed(archive: Path) -> _Opened:
    with archive.open("rb") as stream:
        start = stream.read(6)
    for magic, opener in _COMPRESSIONS.items():
        if start.startswith(magic):
            return opener(archive)
    return archive.open("rb")


def _extract(stream: _Opened, writer: _Writer) -> None:
    # As a stream, so that nothing is decompressed twice.
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictInfo) as tar:
        while (member := tar.next()) is not None:
            # What a header promises is refused before it is written.
            writer.admit(member.name, size_bytes=member.size)
            content = tar.extractfile(member) if member.isreg() else None
            if member.isdir():
                writer.make_folder(member.name)
            elif content is None:
                raise writer.neither(member.name)
            else:
                with content:
                    writer.write(member.name, content)
            # A million of them would fill the memory.
            tar.members.clear()  # type: ignore[attr-defined]
    # The checksum of a compressed file is compared when its end is reached.
    while rest := stream.read(_CHUNK_BYTES):
        writer.count(len(rest))


class _StrictInfo(tarfile.TarInfo):
    """A header that is damaged, or not there, is an error; tarfile takes it for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.HeaderError as error:
            if isinstance(error, tarfile.EOFHeaderError):  # type: ignore[attr-defined]
                raise
            raise tarfile.ReadError(f"it is cut off or damaged at byte {tarfile_.offset:,} ({error})") from error


class _Writer:
    """Writes members below one folder, and refuses what is not plain or is too much."""

    def __init__(self, archive: Path, place: Path, limits: Limits) -> None:
        self._archive = archive
        self._place = place
        self._max_files = limits.max_files
        self._max_bytes = min(limits.max_bytes, max(_FREE_BYTES, archive.stat().st_size * limits.max_ratio))
        self._files = 0
        self._declared_bytes = 0
        self._written_bytes = 0

    def admit(self, name: str, *, size_bytes: int) -> None:
        """Refuse an unsafe name, or a member that is declared to exceed the limits."""
        _require_safe(name, self._archive)
        self._files += 1
        self._declared_bytes += max(size_bytes, 0)
        if self._files > self._max_files or self._declared_bytes > self._max_bytes:
            raise self._too_much()

    def make_folder(self, name: str) -> None:
        try:
            self._path(name).mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise self._twice(name) from error

    def write(self, name: str, content: IO[bytes]) -> None:
        path = self._path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = path.open("xb")
        except (FileExistsError, NotADirectoryError) as error:
            raise self._twice(name) from error
        with stream:
            while chunk := content.read(_CHUNK_BYTES):
                self.count(len(chunk))
                stream.write(chunk)

    def count(self, size_bytes: int) -> None:
        """Count bytes that came out, and refuse those beyond the limit."""
        self._written_bytes += size_bytes
        if self._written_bytes > self._max_bytes:
            raise self._too_much()

    def neither(self, name: str) -> DataError:
        return DataError(f"{self._archive} holds '{name}', which is neither a file nor a folder; it is refused.")

    def encrypted(self, name: str) -> DataError:
        return DataError(
            f"{self._archive} is encrypted ('{name}'); it is refused.",
            hint="Unpack it with its password and name the folder.",
        )

    def _path(self, name: str) -> Path:
        return self._place.joinpath(*PurePosixPath(name).parts)

    def _twice(self, name: str) -> DataError:
        return DataError(f"{self._archive} holds '{name}' twice; it is refused.")

    def _too_much(self) -> DataError:
        return DataError(
            f"{self._archive} unpacks to more than {self._max_files:,} files or {self._max_bytes:,} bytes; "
            "it is refused.",
            hint="If you trust it, unpack it yourself and name the folder.",
        )


def _require_safe(name: str, archive: Path) -> None:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    unsafe = posix.is_absolute() or windows.drive or windows.root or ".." in posix.parts or "\\" in name
    if unsafe or "\0" in name:
        raise DataError(f"{archive} holds the path '{name}', which leaves the folder; it is refused.")


def _zip_name(entry: zipfile.ZipInfo) -> str:
    """Return the name as it was meant; some programs write UTF-8 without saying so."""
    # The name as it is stored: Python itself cuts it at a NUL.
    name = entry.orig_filename
    if entry.flag_bits & _UTF8:
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _require_plain(entry: zipfile.ZipInfo, name: str, writer: _Writer) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise writer.encrypted(name)
    # Programs for Windows leave the Unix mode empty.
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
        raise writer.neither(name)


def _told(archive: Path, target: Path, error: Exception, *, kind: str) -> DataError | JobError:
    # The readers of gzip and bzip2 tell damage as an OSError without a number.
    if not isinstance(error, OSError) or error.errno is None:
        return DataError(f"{archive} is not a readable {kind} archive: {error}.")
    return JobError(f"{archive} could not be unpacked to {target}: {error.strerror or error}.")
