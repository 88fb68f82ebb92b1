"""A picture on disk that a notebook shows."""

from __future__ import annotations

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Picture:
    """A PNG; the last expression of a notebook's cell shows it."""

    path: Path

    def _repr_png_(self) -> bytes:
        return self.path.read_bytes()
