"""Files that are whole or absent: atomic writes, digests, and folders that are claimed, never trampled."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from tfl.core.errors import IntegrityError, JobError, OutputExistsError, UserError

IfExists = Literal["refuse", "resume", "overwrite"]
_CHUNK_BYTES = 1 << 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_atomic(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file beside `path`, sync it, then rename it into place.

    A crash, a full disk or an interrupt leaves either the old file or the new one.

    Raises:
        JobError: The disk is full or the folder can't be written; the temporary file is removed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The suffix is kept because several libraries choose the format from it.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tmp-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            write(temporary)
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> JobError:
    return JobError(
        f"Could not write {path}: {error.strerror or error}.",
        hint="Free some disk space or choose another --out, then go on with --resume.",
    )


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes atomically."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(data)

    write_atomic(path, write)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    write_bytes(path, text.encode())


def write_json(path: Path, data: Any) -> None:
    """Write JSON (indented, UTF-8, no NaN) atomically."""
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        IntegrityError: The file is missing, can't be read, or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise IntegrityError(f"{path} is missing.") from error
    except OSError as error:
        raise IntegrityError(f"{path} can't be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise IntegrityError(f"{path} is not readable JSON: {error}.") from error


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_text(*parts: str) -> str:
    """Return the SHA-256 of the parts, each ended by a NUL so that boundaries count."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def digest_tree(folder: Path, *, leave_out: frozenset[str] = frozenset()) -> dict[str, str]:
    """Map each file below `folder` (POSIX path, sorted) to its SHA-256, leaving out top-level names."""
    digests: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and relative.parts[0] not in leave_out:
            digests[relative.as_posix()] = sha256_file(path)
    return digests


def check_digests(folder: Path, expected: Mapping[str, str]) -> None:
    """Compare the files of `folder` with the digests on record.

    Raises:
        IntegrityError: Names every file that is missing or altered.
    """
    problems = []
    for name, digest in expected.items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            problems.append(f"{name}: the path leaves the folder")
        elif not path.is_file():
            problems.append(f"{name}: missing")
        elif sha256_file(path) != digest:
            problems.append(f"{name}: altered (SHA-256 {sha256_file(path)[:12]}..., recorded {digest[:12]}...)")
    if problems:
        raise IntegrityError(
            f"{folder} is not what its record says: {'; '.join(problems)}.",
            hint="Copy the folder again from where it was made, or export again.",
        )


def tree_size_bytes(folder: Path, *, names: tuple[str, ...] | None = None) -> int:
    """Return the size of all files below `folder`, or of the named ones alone."""
    paths = (folder / name for name in names) if names is not None else folder.rglob("*")
    return sum(path.stat().st_size for path in paths if path.is_file())


def claim_folder(folder: Path, *, if_exists: IfExists, marker: str) -> None:
    """Make `folder` ready for output.

    Args:
        folder: The output folder.
        if_exists: `refuse` an existing folder that is not empty, `resume` in it, or `overwrite` it.
        marker: A file name that only a folder of this kind holds; without it nothing is overwritten.

    Raises:
        OutputExistsError: The folder has content and `if_exists` is `refuse`, or it is not one of ours.
        UserError: The folder can't be made or written.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise OutputExistsError(f"{folder} exists and is a file.", hint="Choose another --out.")
        if folder.is_dir() and any(folder.iterdir()):
            _require_own(folder, if_exists=if_exists, marker=marker)
            if if_exists == "overwrite":
                shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"The output folder {folder} can't be written: {error.strerror or error}.",
            hint="Choose another --out, or change the folder's permissions.",
        ) from error


def _require_own(folder: Path, *, if_exists: IfExists, marker: str) -> None:
    if if_exists == "refuse":
        raise OutputExistsError(
            f"The output folder {folder} exists already.",
            hint="Add --resume to go on in it, --overwrite to replace it, or choose another --out.",
        )
    if not (folder / marker).exists():
        raise OutputExistsError(
            f"{folder} is not empty and holds no {marker}, so it was not made by tfl; it is left alone.",
            hint="Choose another --out.",
        )


def cache_dir() -> Path:
    """Return tfl's own cache: `TFL_CACHE`, or `~/.cache/tfl`."""
    return Path(os.environ.get("TFL_CACHE") or Path.home() / ".cache" / "tfl").expanduser()


@contextlib.contextmanager
def hold_lock(file: Path, *, wait: bool = True) -> Iterator[bool]:
    """Hold a lock file against other processes, where the system has such locks; yield whether it could be had.

    Args:
        file: Made when it is not there; never removed here.
        wait: Until another process lets go of it.
    """
    try:
        import fcntl
    except ImportError:
        yield True
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


@contextlib.contextmanager
def fresh_folder(target: Path) -> Iterator[Path]:
    """Yield an empty temporary folder that replaces `target` when the block ends without an error.

    Raises:
        JobError: The disk is full, or the folder can't be made.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".tmp-{target.name}-"))
    except OSError as error:
        raise _not_written(target, error) from error
    try:
        yield temporary
        temporary.chmod(0o755)
        if target.exists():
            shutil.rmtree(target)
        temporary.replace(target)
    except OSError as error:
        # Other errors of the block are not about writing here, and say what they are about.
        if error.errno in _FULL:
            raise _not_written(target, error) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
