"""Unpacking an archive from outside: plain files and folders only, within limits, whole or not at all."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from tfl.core.errors import DataError, JobError
from tfl.core.files import fresh_folder

_MAX_FILES = 10_000
_MAX_BYTES = 8 << 30
#: Weights hardly shrink, graphs shrink about tenfold; beyond this it is a bomb.
_MAX_RATIO = 100
#: Small archives may shrink more.
_FREE_BYTES = 64 << 20


def unpack(archive: Path, target: Path, *, must_hold: str) -> None:
    """Unpack a `.tar`, `.tar.gz` or `.tgz` into `target`, which is replaced when all went well.

    Args:
        archive: The file.
        target: The folder to make; its parent exists.
        must_hold: A file that the archive must have at its top.

    Raises:
        DataError: It is no tar archive, is damaged, lacks `must_hold`, or holds a link, a device, a path that leaves
            the folder, too many files or too many bytes. Nothing is left on the disk.
        JobError: The disk is full or can't be written.
    """
    try:
        limit = min(_MAX_BYTES, max(_FREE_BYTES, archive.stat().st_size * _MAX_RATIO))
        with tarfile.open(archive, "r:*") as tar, fresh_folder(target) as place:
            _extract(tar, archive, place, limit)
            if not (place / must_hold).is_file():
                raise DataError(f"{archive} does not hold {must_hold} at its top.")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{archive} is not a readable tar archive: {error}.") from error
    except OSError as error:
        raise JobError(f"{archive} could not be unpacked to {target}: {error.strerror or error}.") from error


def _extract(tar: tarfile.TarFile, archive: Path, place: Path, limit: int) -> None:
    total, count = 0, 0
    for member in tar:
        count += 1
        total += max(member.size, 0)
        if count > _MAX_FILES or total > limit:
            raise DataError(
                f"{archive} unpacks to more than {_MAX_FILES:,} files or {limit:,} bytes; it is refused.",
                hint="If you trust it, unpack it yourself and name the folder.",
            )
        path = place.joinpath(*_safe_parts(member.name, archive))
        if member.isdir():
            path.mkdir(parents=True, exist_ok=True)
            continue
        content = tar.extractfile(member) if member.isreg() else None
        if content is None:
            raise DataError(f"{archive} holds '{member.name}', which is neither a file nor a folder; it is refused.")
        if path.exists():
            raise DataError(f"{archive} holds '{member.name}' twice; it is refused.")
        path.parent.mkdir(parents=True, exist_ok=True)
        with content, path.open("wb") as stream:
            shutil.copyfileobj(content, stream)


def _safe_parts(name: str, archive: Path) -> tuple[str, ...]:
    posix, windows = PurePosixPath(name), PureWindowsPath(name)
    unsafe = posix.is_absolute() or windows.drive or windows.root or ".." in posix.parts or "\\" in name
    if unsafe or "\0" in name:
        raise DataError(f"{archive} holds the path '{name}', which leaves the folder; it is refused.")
    return posix.parts
