"""Models of Kaggle: where its own library keeps them, and what they are downloaded from."""

from __future__ import annotations

import os
from pathlib import Path

_ADDRESS = "https://www.kaggle.com/api/v1/models/{handle}/download"


def kaggle_address(handle: str) -> str:
    """Return where the archive of `owner/model/framework/variation/version` is downloaded from."""
    return _ADDRESS.format(handle=handle)


def kaggle_place(handle: str, *, holds: str) -> Path:
    """Return the folder of the cache that a handle has or would have.

    Args:
        handle: Of a model; one without a version stands for the highest that is cached.
        holds: A file that every cached version has.
    """
    home = Path(os.environ.get("KAGGLEHUB_CACHE") or Path.home() / ".cache" / "kagglehub").expanduser() / "models"
    folder = home / handle
    if folder.name.isdigit() or not folder.is_dir():
        return folder
    versions = [path for path in folder.iterdir() if path.name.isdigit() and (path / holds).is_file()]
    return max(versions, key=lambda path: int(path.name), default=folder)
