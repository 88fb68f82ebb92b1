"""Remote storage through fsspec: what is there, fetching it, and errors that say what is wrong."""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from tfl.core.errors import DataError
from tfl.core.extras import require, require_installed
from tfl.data.readers._mirror import RemoteFile

#: Scheme -> the package that speaks it, and where its credentials come from.
SCHEMES = {
    "s3": (
        "s3fs",
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, AWS_ENDPOINT_URL, or FSSPEC_S3_ANON=true",
    ),
    "gs": ("gcsfs", "GOOGLE_APPLICATION_CREDENTIALS, or FSSPEC_GS_TOKEN=anon"),
    "gcs": ("gcsfs", "GOOGLE_APPLICATION_CREDENTIALS, or FSSPEC_GCS_TOKEN=anon"),
    "az": ("adlfs", "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
    "abfs": ("adlfs", "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"),
    "https": ("aiohttp", "~/.netrc, or a signed address"),
    "http": ("aiohttp", "~/.netrc, or a signed address"),
}
#: Where the libraries put what is the content's own: the first that is told is used.
_STAMPS = ("ETag", "etag", "md5Hash", "Content-MD5", "generation", "LastModified", "Last-Modified", "last_modified")
#: What the libraries raise beside OSError and ValueError, looked up only when one is imported.
_LIBRARY_ERRORS = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("aiohttp", "ClientError"),
    ("azure.core.exceptions", "AzureError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("gcsfs.retry", "HttpError"),
)
_NOWHERE = logging.NullHandler()
_LOCAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})
#: They log each failure with its traceback before they raise it.
_TALKATIVE = ("gcsfs", "s3fs", "fsspec", "azure", "asyncio")
_AT_ONCE = 16
_CONNECT_S, _SILENT_S = 30, 120


class Store:
    """The storage that an address lies in.

    Args:
        address: With one of `SCHEMES`.

    Raises:
        MissingExtraError: The package for the scheme is not installed.
        DataError: The address is malformed, or holds a password.
    """

    def __init__(self, address: str) -> None:
        self._parts = urlsplit(address)
        self._scheme = self._parts.scheme.casefold()
        #: The address without what may be a signature.
        self.shown = urlunsplit(self._parts._replace(query="", fragment=""))
        module, self._credentials = SCHEMES[self._scheme]
        if self._parts.password is not None:
            raise DataError(
                f"The address of {self._parts.hostname} holds a password, which would be saved with the run.",
                hint=f"Leave it out of the address; credentials are taken from {self._credentials}.",
            )
        if not self._parts.netloc:
            raise DataError(f"'{address}' names no bucket or host.", hint=f"As in {self._scheme}://NAME/photos.")
        purpose = f"reading {self._scheme}:// data"
        fsspec = require("fsspec", purpose=purpose)
        for name in _TALKATIVE:
            # Python prints what no handler takes; a handler of the caller's still gets it.
            logging.getLogger(name).addHandler(_NOWHERE)
        require_installed(module, purpose=purpose)
        # Nothing may be remembered: the next call is there to find what has changed.
        options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
        if self.is_http:
            aiohttp = require("aiohttp", purpose=purpose)
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENT_S)
            options["client_kwargs"] = {"timeout": timeout, "trust_env": True}
        with self._errors_told():
            self._files, self._path = fsspec.core.url_to_fs(address, **options)

    @property
    def is_http(self) -> bool:
        """Whether it is a web server, which lists no folders."""
        return self._scheme in ("http", "https")

    @property
    def name(self) -> str:
        """The last part of the address's path; empty for a bucket or a host alone."""
        last = self._parts.path.rstrip("/").rpartition("/")[2]
        return unquote(last) if self.is_http else last

    def list_folder(self, folder: str = "") -> dict[str, RemoteFile]:
        """List all files below a folder, by their paths below the address's own.

        Args:
            folder: `""` for the address itself, `..` for the folder that it lies in.

        Raises:
            DataError: There is no such bucket, no permission, or no network.
        """
        base = self._base(folder)
        with self._errors_told():
            self._files.invalidate_cache()
            found = self._files.find(base, detail=True)
        prefix = f"{base.strip('/')}/"
        return {
            name.lstrip("/").removeprefix(prefix): _described(info)
            for name, info in found.items()
            # Keys that end so stand for folders that were made by hand.
            if name.strip("/") != base.strip("/") and not name.endswith("/") and info.get("type") == "file"
        }

    def look_up(self, names: Iterable[str]) -> dict[str, RemoteFile]:
        """Describe files that lie beside the address; those that are not there are left out.

        Raises:
            DataError: No permission, or no network.
        """

        def describe(name: str) -> tuple[str, RemoteFile | None]:
            try:
                return name, _described(self._files.info(self._beside(name)))
            except FileNotFoundError as error:
                # The web's file system tells every failure so, and keeps the true one.
                if error.__cause__ is None or getattr(error.__cause__, "status", 0) in (404, 410):
                    return name, None
                raise

        with ThreadPoolExecutor(_AT_ONCE) as pool, self._errors_told():
            return {name: found for name, found in pool.map(describe, names) if found is not None}

    def fetch(self, name: str, target: Path) -> None:
        """Write a file that lies beside the address to a local one."""
        self._get(self._beside(name), target)

    def fetch_below(self, name: str, target: Path) -> None:
        """Write a file that lies below the address to a local one."""
        self._get(f"{self._path.rstrip('/')}/{name}", target)

    def describe(self) -> RemoteFile:
        """Describe the file that the address is.

        Raises:
            DataError: There is none, no permission, or no network.
        """
        with self._errors_told():
            self._files.invalidate_cache()
            return _described(self._files.info(self._path))

    def _get(self, path: str, target: Path) -> None:
        with self._errors_told():
            self._files.get_file(path, str(target))

    def _base(self, folder: str) -> str:
        path = str(self._path).rstrip("/")
        return path.rpartition("/")[0] if folder == ".." else path

    def _beside(self, name: str) -> str:
        if not self.is_http:
            return f"{self._base('..')}/{name}"
        parts = self._parts
        if name == self.name:
            return str(self._path)
        return urlunsplit(parts._replace(path=f"{parts.path.rpartition('/')[0]}/{quote(name)}", fragment=""))

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
        try:
            yield
        except _errors() as error:
            if isinstance(error, OSError) and error.errno in _LOCAL:
                raise
            raise self._told(error) from error

    def _told(self, error: BaseException) -> DataError:
        cause = error.__cause__ if isinstance(error, FileNotFoundError) and self.is_http else error
        cause = cause or error
        status = getattr(cause, "status", None) or getattr(cause, "code", None)
        kind = type(cause).__name__
        # Some tell pages of what else they have tried.
        reason = str(cause).strip().partition("\n")[0].rstrip(".:") or kind
        where = f"They are taken from {self._credentials}."
        if isinstance(cause, PermissionError) or status in (401, 403) or "Credential" in kind:
            return DataError(
                f"{self.shown}: no permission to read it: {reason}.", hint=f"Check the credentials. {where}"
            )
        if isinstance(cause, FileNotFoundError) or status in (404, 410):
            return DataError(
                f"{self.shown} does not exist: {reason}.", hint="Check the names of the bucket and the path."
            )
        if isinstance(cause, ValueError):
            return DataError(f"{self.shown} can't be read: {reason}.", hint=f"Credentials: {where}")
        return DataError(
            f"{self.shown} can't be reached: {reason} ({kind}).",
            hint="Check the network, the proxy and the endpoint. What was fetched is kept, and the next try goes on.",
        )


def _described(info: dict[str, Any]) -> RemoteFile:
    size = info.get("size")
    stamp = next((str(info[name]) for name in _STAMPS if info.get(name)), "")
    return RemoteFile(size_bytes=int(size) if size is not None else None, stamp=stamp)


def _errors() -> tuple[type[BaseException], ...]:
    found = (getattr(sys.modules.get(module), name, None) for module, name in _LIBRARY_ERRORS)
    return (OSError, ValueError, *(item for item in found if item is not None))
