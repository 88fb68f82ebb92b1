"""A local copy of remote files: each whole or absent, fetched again only when it changed, and able to go on."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tfl.core.errors import DataError
from tfl.core.files import write_atomic, write_text

#: Small files are mostly waited for, not transferred.
_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file as it is listed.

    Attributes:
        size_bytes: None where it is not known before it is fetched.
        stamp: Changes when the content does (ETag, digest or time); empty where nothing of that kind is told.
    """

    size_bytes: int | None
    stamp: str


class Mirror:
    """A folder with the files below `files/`, and a note of what each was when it was fetched.

    Args:
        place: The folder; made when something is fetched.
        source: Where the files come from, for messages.
    """

    def __init__(self, place: Path, source: str) -> None:
        self._place = place
        self._source = source
        self._notes = place / "fetched.jsonl"
        self.files = place / "files"

    def sync(
        self,
        listed: Mapping[str, RemoteFile],
        fetch: Callable[[str, Path], None],
        *,
        others: str = "remove",
    ) -> None:
        """Make the local files those that are listed.

        Args:
            listed: POSIX path below `files` -> what is there.
            fetch: Writes the file of a path to a local one.
            others: `remove` or `keep` local files that are not listed.

        Raises:
            DataError: A path leads out of the folder, is both a file and a folder, or a file changed meanwhile. What
                was fetched before stays, and the next call goes on.
            JobError: The disk is full or can't be written.
        """
        _require_safe(listed, self._source)
        if others == "remove":
            self._remove_others(listed)
        known = self._known()
        wanted = {name: item for name, item in listed.items() if not self._is_current(name, item, known.get(name))}
        if not wanted:
            return
        self.files.mkdir(parents=True, exist_ok=True)
        with self._notes.open("a", encoding="utf-8") as notes, ThreadPoolExecutor(_AT_ONCE) as pool:
            futures = {pool.submit(self._fetch, name, item, fetch): name for name, item in wanted.items()}
            waiting = dict(futures)
            try:
                for future in as_completed(futures):
                    future.result()
                    # Each line is added at once, so that an interrupted fetch goes on where it was.
                    name = waiting.pop(future)
                    notes.write(_note(name, wanted[name]))
                    notes.flush()
            finally:
                pool.shutdown(cancel_futures=True)
                # What was whole when another one stopped it is not fetched again.
                whole = [name for future, name in waiting.items() if not future.cancelled() and not future.exception()]
                notes.writelines(_note(name, wanted[name]) for name in whole)
        write_text(self._notes, "".join(_note(name, item) for name, item in {**known, **wanted}.items()))

    def _fetch(self, name: str, item: RemoteFile, fetch: Callable[[str, Path], None]) -> None:
        target = self.files / name
        with contextlib.suppress(OSError):
            if target.is_dir():
                raise _both(self._source, name)

        def write(temporary: Path) -> None:
            fetch(name, temporary)
            size_bytes = temporary.stat().st_size
            if item.size_bytes is not None and size_bytes != item.size_bytes:
                raise DataError(
                    f"{self._source}: {name} was listed with {item.size_bytes:,} bytes, but {size_bytes:,} came.",
                    hint="It is being written at the moment, or the connection broke. Try again.",
                )

        write_atomic(target, write)

    def _is_current(self, name: str, item: RemoteFile, known: RemoteFile | None) -> bool:
        if known != item or not item.stamp:
            return False
        with contextlib.suppress(OSError):
            size_bytes = (self.files / name).stat().st_size
            return item.size_bytes is None or size_bytes == item.size_bytes
        return False

    def _known(self) -> dict[str, RemoteFile]:
        found: dict[str, RemoteFile] = {}
        with contextlib.suppress(FileNotFoundError):
            for line in self._notes.read_text(encoding="utf-8").splitlines():
                # The last line of an interrupted fetch may be cut off.
                with contextlib.suppress(json.JSONDecodeError, KeyError, TypeError):
                    note = json.loads(line)
                    found[note["path"]] = RemoteFile(size_bytes=note["size_bytes"], stamp=note["stamp"])
        return found

    def _remove_others(self, listed: Mapping[str, RemoteFile]) -> None:
        for path in _files_below(self.files):
            if path.relative_to(self.files).as_posix() not in listed:
                path.unlink()
                for folder in path.parents:
                    if folder == self.files or any(folder.iterdir()):
                        break
                    folder.rmdir()


def _note(name: str, item: RemoteFile) -> str:
    return json.dumps({"path": name, "size_bytes": item.size_bytes, "stamp": item.stamp}) + "\n"


def _files_below(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in names:
            yield Path(place) / name


def _require_safe(names: Mapping[str, RemoteFile], source: str) -> None:
    for name in names:
        if "\\" in name or "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
            raise DataError(
                f"{source} holds '{name}', which can't be the path of a local file; it is refused.",
                hint="Rename it there, or name a folder that does not hold it.",
            )
        folder = name.rpartition("/")[0]
        while folder:
            if folder in names:
                raise _both(source, folder)
            folder = folder.rpartition("/")[0]


def _both(source: str, name: str) -> DataError:
    return DataError(f"{source}: '{name}' is both a file and a folder.", hint="Rename one of them there.")
