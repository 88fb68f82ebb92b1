"""What contracts of texts share: identifiers in rows of one length, cut for each batch behind its longest text."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tfl.core.errors import IntegrityError
from tfl.data.contract import Contract, Inputs, InputTensor, Integers, Rows
from tfl.data.texts import text_source

#: Rows that are looked at together.
_CHUNK = 4096


class TextContract(Contract):
    """A text becomes `(length,)` int32 identifiers, padded at the end; its input is called `ids`."""

    #: Most identifiers of a text.
    length: int
    #: What identifiers are of, such as `tokens`.
    units: ClassVar[str]

    @property
    def padding(self) -> int:
        """What rows are filled with behind a text."""
        return 0

    @property
    def width_step(self) -> int:
        """A batch is as wide as its longest text, rounded up to a multiple of this, so that few widths occur."""
        return 32

    @property
    def row_shape(self) -> tuple[int, ...]:
        """See `Contract.row_shape`."""
        return (self.length,)

    @property
    def row_dtype(self) -> np.dtype[Any]:
        """See `Contract.row_dtype`."""
        return np.dtype(np.int32)

    @property
    def input(self) -> InputTensor:
        """See `Contract.input`."""
        return InputTensor(name="ids", shape=(-1, -1), dtype="int32", meaning=self.meaning)

    @property
    def meaning(self) -> str:
        """What the identifiers are, in words."""
        return f"{self.units} of a text, at most {self.length}; {self.padding} pads"

    @property
    def summary(self) -> str:
        """See `Contract.summary`."""
        return f"{self.length} {self.units}"

    def source_of(self, argument: str) -> Path | str:
        """See `Contract.source_of`: a file, or else the text itself.

        Raises:
            NotFoundError: It looks like a file's name, and there is no such file.
        """
        return text_source(argument)

    def prepare(self, rows: Rows) -> Inputs:
        """Cut `(batch, length)` int32 behind the longest text, rounded up to a multiple of `width_step`."""
        return np.ascontiguousarray(rows[:, : self._width(rows)], dtype=np.int32)

    def prepare_alike(self, rows: Rows) -> Callable[[Rows], Inputs]:
        """See `Contract.prepare_alike`: batches are as wide as the longest text of all."""
        starts = range(0, len(rows), _CHUNK)
        width = max((self._width(np.asarray(rows[start : start + _CHUNK])) for start in starts), default=1)
        return lambda batch: np.ascontiguousarray(batch[:, :width], dtype=np.int32)

    def used_positions(self, batch: Inputs) -> Integers | None:
        """See `Contract.used_positions`; multiples of `width_step`, so that few widths occur."""
        if batch.ndim not in (2, 3):
            return None
        is_used = batch != self.padding if batch.ndim == 2 else np.any(batch != 0, axis=2)
        return np.minimum(self._rounded(is_used), batch.shape[1])

    def _width(self, rows: Rows) -> int:
        return int(self._rounded(rows != self.padding).max(initial=self.width_step))

    def _rounded(self, is_used: Any) -> Integers:
        behind = np.where(is_used, np.arange(1, is_used.shape[1] + 1), 1).max(axis=1, initial=1)
        return np.asarray(-(-behind // self.width_step) * self.width_step, dtype=np.int64)

    def drawn(self, lowest: int, highest: int, count: int, *, seed: int) -> Rows:
        """Draw rows of identifiers in [lowest, highest], filled to lengths between 1 and all."""
        generator = np.random.default_rng(seed)
        rows = generator.integers(lowest, highest + 1, (count, self.length), dtype=np.int32)
        used = generator.integers(1, self.length + 1, (count, 1))
        return np.where(np.arange(self.length) < used, rows, np.int32(self.padding))


def read_carried(folder: Path | None, name: str, sha256: str) -> bytes:
    """Read a file that a contract needs.

    Args:
        folder: Where it lies, or None where nobody said.
        name: Of the file.
        sha256: What its content must be; empty takes any.

    Raises:
        IntegrityError: It is missing or altered.
    """
    if folder is None:
        raise IntegrityError(
            f"The contract needs its file {name}, and it is not known where that lies.",
            hint="Load it with the bundle, the artefact or the backbone that it belongs to.",
        )
    path = folder / name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise IntegrityError(f"{path} can't be read: {error.strerror or error}.") from error
    found = hashlib.sha256(content).hexdigest()
    if sha256 and found != sha256:
        raise IntegrityError(f"{path} was altered: SHA-256 {found[:12]}..., recorded {sha256[:12]}...")
    return content
