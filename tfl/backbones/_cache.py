"""Weights on disk: where they lie, how they get there whole, and how an altered file is noticed.

Keras and TensorFlow Hub keep their own caches, which are honoured. What tfl adds is `digests.json` in
`TFL_CACHE` (`~/.cache/tfl` by default): the SHA-256 of everything that `tfl models fetch` and
`tfl models import` put in place, compared at every load.
"""

from __future__ import annotations

import datetime
import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tfl.core.archives import Limits, unpack_tar
from tfl.core.errors import IntegrityError, JobError, UserError
from tfl.core.files import (
    cache_dir,
    digest_tree,
    fresh_folder,
    hold_lock,
    sha256_file,
    sha256_text,
    write_atomic,
    write_bytes,
)
from tfl.core.records import Record

#: Seconds without a single byte after which a download is given up: nothing may hang.
SILENCE_S = 15.0
_CHUNK_BYTES = 1 << 20
_NETWORK_ERRORS = (OSError, http.client.HTTPException)


@dataclass(frozen=True, kw_only=True)
class CachedFile(Record):
    """One fetched or imported file or folder.

    Attributes:
        sha256: Of the file's bytes, or over the names and digests of a folder's files.
        origin: The URL it was downloaded from, or the file it was imported from.
        added: UTC time, ISO 8601.
    """

    sha256: str
    origin: str
    added: str


@dataclass(frozen=True, kw_only=True)
class CacheRecord(Record):
    """`digests.json`: absolute path -> what was put there."""

    files: dict[str, CachedFile]


def record_file() -> Path:
    """Return the path of the record of digests."""
    return cache_dir() / "digests.json"


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, or over the relative names and digests of all files of a folder."""
    if path.is_dir():
        return sha256_text(*(part for item in digest_tree(path).items() for part in item))
    return sha256_file(path)


def recorded() -> CacheRecord:
    """Read the record of digests; empty when nothing was ever fetched or imported.

    Raises:
        IntegrityError: The record is not readable JSON.
    """
    return CacheRecord.load(record_file()) if record_file().is_file() else CacheRecord(files={})


def remember(path: Path, *, origin: str) -> str:
    """Record the digest of what was just put at `path` and return it.

    Raises:
        JobError: The cache can't be written.
    """
    digest = digest_of(path)
    added = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    make_parent(record_file())
    with hold_lock(cache_dir() / "digests.lock"):
        files = {**recorded().files, _key(path): CachedFile(sha256=digest, origin=origin, added=added)}
        CacheRecord(files=files).save(record_file())
    return digest


def check(path: Path) -> str:
    """Return the digest of `path`, compared with the record where it was fetched or imported by tfl.

    Raises:
        IntegrityError: It is not what was put there.
    """
    digest = digest_of(path)
    known = recorded().files.get(_key(path))
    if known is not None and known.sha256 != digest:
        raise IntegrityError(
            f"{path} was altered since {known.added}: SHA-256 {digest[:12]}..., recorded {known.sha256[:12]}... "
            f"(from {known.origin}).",
            hint="Delete it and fetch or import it again: tfl models fetch, tfl models import.",
        )
    return digest


def _key(path: Path) -> str:
    return str(path.expanduser().resolve())


def make_parent(path: Path) -> None:
    """Make the folder that `path` goes into.

    Raises:
        JobError: It can't be made or written.
    """
    reason = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
    if reason or not os.access(path.parent, os.W_OK):
        raise JobError(
            f"The cache folder {path.parent} can't be written{': ' + reason if reason else ''}.",
            hint="Point KERAS_HOME, TFHUB_CACHE_DIR or TFL_CACHE at a folder that can be written.",
        )


def copy_file(source: Path, target: Path) -> None:
    """Copy a file to its place in a cache, atomically.

    Raises:
        JobError: The place can't be written.
    """
    make_parent(target)
    write_atomic(target, lambda temporary: _copy(source, temporary))


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder to its place in a cache, whole or not at all; links are refused.

    Raises:
        UserError: The folder holds a symbolic link.
        JobError: The place can't be written.
    """
    links = [path for path in source.rglob("*") if path.is_symlink()]
    if links:
        raise UserError(f"{links[0]} is a symbolic link; a folder to import holds files only.")
    make_parent(target)
    try:
        with fresh_folder(target) as place:
            shutil.copytree(source, place, dirs_exist_ok=True, copy_function=shutil.copyfile)
    except OSError as error:
        raise JobError(f"Could not write {target}: {error.strerror or error}.") from error


def bring_in(file: Path, place: Path, *, must_hold: str, limits: Limits) -> None:
    """Put a folder, or an archive of one, that was carried here by hand to its place in a cache.

    Args:
        file: The folder, or a `.tar.gz`.
        place: Where it goes.
        must_hold: A file that it must have.
        limits: Of an archive.

    Raises:
        UserError: It is neither, holds a link, or is an archive that is refused.
        JobError: The place can't be written.
    """
    if (file / must_hold).is_file():
        copy_folder(file, place)
    elif file.is_file():
        make_parent(place)
        unpack_tar(file, place, limits=limits, must_hold=must_hold)
    else:
        raise UserError(f"{file} is neither a .tar.gz nor a folder with {must_hold}.")


def keep_file(kind: str, name: str, data: bytes) -> Path:
    """Put a file that was made of a backbone into the cache, in a folder named after its SHA-256.

    Args:
        kind: Folder of the cache.
        name: Of the file.
        data: Its content.

    Returns:
        The folder that holds it.

    Raises:
        JobError: It can't be written.
    """
    place = cache_dir() / kind / hashlib.sha256(data).hexdigest()
    if not (place / name).is_file():
        make_parent(place / name)
        write_bytes(place / name, data)
    return place


def download(url: str, target: Path, *, checksum: str, advice: str) -> None:
    """Download to a temporary file beside `target`, check it, and rename it into place.

    Args:
        url: What to download.
        target: Where it goes.
        checksum: Its published MD5 or SHA-256 in hex, or empty where none is published.
        advice: What to do by hand when it fails: the exact file and its exact place.

    Raises:
        JobError: There is no network, the server refused, the file is not the published one, or the disk is full.
    """
    with _ask(url, advice) as response:
        # Only once the server answers: a cache that is merely read must never be touched.
        make_parent(target)

        def fill(temporary: Path) -> None:
            with temporary.open("wb") as stream:
                _receive(url, response, stream, advice)
            if not matches_checksum(temporary, checksum):
                raise JobError(f"What {url} sent is not the published file (checksum).", hint=advice)

        write_atomic(target, fill)


def _ask(url: str, advice: str) -> http.client.HTTPResponse:
    try:
        # An opener of its own: the shared one keeps the proxies of whoever in this process opened first.
        response = urllib.request.build_opener().open(url, timeout=SILENCE_S)
    except _NETWORK_ERRORS as error:
        raise _unreachable(url, error, advice) from error
    if not isinstance(response, http.client.HTTPResponse):
        raise JobError(f"{url} is not an address to download from.", hint=advice)
    return response


def _receive(url: str, response: http.client.HTTPResponse, stream: BinaryIO, advice: str) -> None:
    received = 0
    while True:
        try:
            chunk = response.read(_CHUNK_BYTES)
        except _NETWORK_ERRORS as error:
            raise _unreachable(url, error, advice) from error
        if not chunk:
            break
        received += stream.write(chunk)
    expected = response.headers.get("Content-Length")
    if expected is not None and expected.isdigit() and int(expected) != received:
        raise JobError(f"{url} broke off after {received:,} of {int(expected):,} bytes.", hint=advice)


def _unreachable(url: str, error: Exception, advice: str) -> JobError:
    # A refused connection hides its reason inside; an answer such as 404 is told best by itself.
    inner = error if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", error)
    reason = str(inner) or type(error).__name__
    return JobError(f"{url} can't be downloaded: {reason}.", hint=advice)


def matches_checksum(path: Path, checksum: str) -> bool:
    """Say whether a file has a published MD5 or SHA-256; an empty checksum is always matched."""
    if not checksum:
        return True
    if len(checksum) == 64:
        return sha256_file(path) == checksum
    # Keras publishes MD5 for its older files: it tells a broken download, not a forger.
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == checksum
