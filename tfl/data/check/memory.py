"""What earlier checks saw of a folder, so that a file that has not changed is never read again.

One SQLite file per folder below tfl's cache. A file counts as unchanged while its size, its time of change and its
inode are those of the time when it was read, as in Git's index and make; `--fresh` reads everything again.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import struct
import time
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import PIL

from tfl.core.extras import version_of
from tfl.core.files import cache_dir, sha256_text
from tfl.data.check.near import Look
from tfl.data.check.pictures import Abilities, PictureSeen
from tfl.data.check.quality import Quality

logger = logging.getLogger(__name__)

#: Counted up whenever the rules about single files change.
_RULES_VERSION = 1
#: A file changed less than this before it was read could change again within the clock's resolution, unseen.
_SETTLED_NS = 2_000_000_000
_COMMIT_EVERY_S = 2.0
_QUALITY = struct.Struct("<5d")
_TABLE = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER, changed_ns INTEGER, inode INTEGER,
    digest TEXT, faults TEXT, side INTEGER, hash TEXT, grey BLOB, quality BLOB
) WITHOUT ROWID
"""


class CheckMemory:
    """What was seen of the files below one folder; does nothing where the cache can't be written."""

    def __init__(self, connection: sqlite3.Connection | None) -> None:
        self._connection = connection
        self._committed_s = time.monotonic()

    def recall(self, path: str, state: os.stat_result | None) -> PictureSeen | None:
        """Return what was seen of a file, or None when it is new or has changed.

        Args:
            path: Below the folder.
            state: Of the file now; None where it can't be had.
        """
        if self._connection is None or state is None:
            return None
        found = self._connection.execute(
            "SELECT digest, faults, side, hash, grey, quality FROM files"
            " WHERE path = ? AND size = ? AND changed_ns = ? AND inode = ?",
            (path, state.st_size, state.st_mtime_ns, state.st_ino),
        ).fetchone()
        if found is None:
            return None
        digest, faults, side, hashed, grey, quality = found
        return PictureSeen(
            digest=digest,
            faults=tuple((rule, message) for rule, message in json.loads(faults)),
            side=side,
            look=Look(int(hashed, 16), grey) if hashed else None,
            quality=Quality(*_QUALITY.unpack(quality)) if quality else None,
        )

    def remember(self, path: str, state: os.stat_result | None, seen: PictureSeen) -> None:
        """Keep what was seen of a file.

        Args:
            path: Below the folder.
            state: Of the file before it was read; None where it can't be had.
            seen: What it turned out to be.
        """
        if self._connection is None or state is None or not seen.digest:
            return
        if time.time_ns() - state.st_mtime_ns < _SETTLED_NS:
            return
        with self._forgiving():
            self._connection.execute(
                "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    path,
                    state.st_size,
                    state.st_mtime_ns,
                    state.st_ino,
                    seen.digest,
                    json.dumps(seen.faults),
                    seen.side,
                    f"{seen.look.hash:x}" if seen.look else "",
                    seen.look.grey if seen.look else None,
                    _QUALITY.pack(*astuple(seen.quality)) if seen.quality else None,
                ),
            )
            if time.monotonic() - self._committed_s > _COMMIT_EVERY_S:
                self._connection.commit()
                self._committed_s = time.monotonic()

    def close(self) -> None:
        """Write what is not written yet."""
        if self._connection is not None:
            with self._forgiving():
                self._connection.commit()
            if self._connection is not None:
                self._connection.close()

    @contextlib.contextmanager
    def _forgiving(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            logger.warning("what the check saw can't be kept: %s", error)
            if self._connection is not None:
                self._connection.close()
            self._connection = None


def memory_file(root: Path) -> Path:
    """Return the file that keeps what was seen below a folder."""
    return cache_dir() / "check" / f"{sha256_text(str(root))[:32]}.sqlite"


@contextlib.contextmanager
def open_memory(root: Path, abilities: Abilities, *, fresh: bool) -> Iterator[CheckMemory]:
    """Open what is known of a folder; it is written again and again while the block runs, and at its end.

    Args:
        root: The data's folder.
        abilities: Other ones make what is known useless.
        fresh: Forget what is known.
    """
    memory = CheckMemory(_connect(memory_file(root), _version(abilities), fresh=fresh))
    try:
        yield memory
    finally:
        memory.close()


def _version(abilities: Abilities) -> str:
    parts = [str(_RULES_VERSION), PIL.__version__]
    parts += [version_of("imagehash") or "" if abilities.near else ""]
    parts += [version_of("cleanvision") or "" if abilities.quality else ""]
    return " ".join(parts)


def _connect(file: Path, version: str, *, fresh: bool) -> sqlite3.Connection | None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(file, timeout=1.0)
        try:
            return _prepared(connection, version, fresh=fresh)
        except sqlite3.DatabaseError as error:
            connection.close()
            if "malformed" not in str(error) and "not a database" not in str(error):
                raise
            file.unlink()
            return _prepared(sqlite3.connect(file, timeout=1.0), version, fresh=fresh)
    except (OSError, sqlite3.Error) as error:
        logger.warning("what earlier checks saw can't be used: %s: %s", file, error)
        return None


def _prepared(connection: sqlite3.Connection, version: str, *, fresh: bool) -> sqlite3.Connection:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE IF NOT EXISTS meta (version TEXT)")
    connection.execute(_TABLE)
    if fresh or connection.execute("SELECT version FROM meta").fetchone() != (version,):
        connection.execute("DELETE FROM files")
        connection.execute("DELETE FROM meta")
        connection.execute("INSERT INTO meta VALUES (?)", (version,))
    connection.commit()
    return connection
