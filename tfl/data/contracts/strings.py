"""Texts as they are, for a network that cuts them itself: TensorFlow alone has a type and operations for that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from tfl.core.errors import ConfigError
from tfl.data.contract import Contract, Inputs, InputTensor, Rows
from tfl.data.texts import read_text, text_source

#: Of a byte, in UTF-8: those that begin no character.
_FIRST_CONTINUATION, _LAST_CONTINUATION = 0x80, 0xBF


@dataclass(frozen=True, kw_only=True)
class Strings(Contract):
    """How a text becomes the model's input: its UTF-8 bytes, unchanged, kept as `(length,)` uint8 and fed as a string.

    Attributes:
        kind: Names the contract in a record.
        length: Most bytes of a text; what is over it is cut off at the end of a character.
    """

    reading: ClassVar[str] = "reading texts"

    kind: Literal["strings"] = "strings"
    length: int = 8192

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ConfigError(f"length: must be at least 1. Received: {self.length}.")

    @property
    def row_shape(self) -> tuple[int, ...]:
        """See `Contract.row_shape`."""
        return (self.length,)

    @property
    def row_dtype(self) -> np.dtype[Any]:
        """See `Contract.row_dtype`."""
        return np.dtype(np.uint8)

    @property
    def rows_key(self) -> str:
        """See `Contract.rows_key`."""
        return f"strings {self.length}"

    @property
    def input(self) -> InputTensor:
        """See `Contract.input`."""
        meaning = f"texts as they are, in UTF-8, at most {self.length:,} bytes each"
        return InputTensor(name="texts", shape=(-1,), dtype="string", meaning=meaning)

    @property
    def summary(self) -> str:
        """See `Contract.summary`."""
        return "texts as they are"

    @property
    def described(self) -> tuple[tuple[str, str], ...]:
        """See `Contract.described`."""
        return (("input", self.input.meaning), ("values", "the network cuts texts itself, so it runs in TensorFlow"))

    def draw_rows(self, count: int, *, seed: int) -> Rows:
        """See `Contract.draw_rows`: words of small letters, up to 32 of them."""
        generator = np.random.default_rng(seed)
        rows = np.zeros((count, self.length), dtype=np.uint8)
        letters = list("abcdefghijklmnopqrstuvwxyz")
        for row in rows:
            words = ["".join(generator.choice(letters, size)) for size in generator.integers(1, 9, 32)]
            text = " ".join(words[: generator.integers(1, 33)]).encode()[: self.length]
            row[: len(text)] = np.frombuffer(text, np.uint8)
        return rows

    def misread(self, rows: Rows) -> Rows:
        """See `Contract.misread`: other letters of ASCII, and other characters beyond it."""
        letters = ((rows | 0x20) >= ord("a")) & ((rows | 0x20) <= ord("z")) & (rows < _FIRST_CONTINUATION)
        beyond = (rows >= _FIRST_CONTINUATION) & (rows <= _LAST_CONTINUATION)
        # The last bit of such a byte may be any, so that what comes out is UTF-8 again.
        return np.where(letters | beyond, rows ^ 1, rows).astype(np.uint8)

    def source_of(self, argument: str) -> Path | str:
        """See `Contract.source_of`: a file, or else the text itself.

        Raises:
            NotFoundError: It looks like a file's name, and there is no such file.
        """
        return text_source(argument)

    def read(self, source: Path | str, *, name: str = "") -> Rows:
        """Take one text, or the UTF-8 file of one: `(length,)` uint8, filled with 0.

        Raises:
            DataError: The file can't be read, or is not UTF-8.
        """
        data = read_text(source, name=name).encode()[: self.length].decode(errors="ignore").encode()
        row = np.zeros(self.length, dtype=np.uint8)
        row[: len(data)] = np.frombuffer(data, np.uint8)
        return row

    def prepare(self, rows: Rows) -> Inputs:
        """Turn `(batch, length)` uint8 into `(batch,)` of bytes."""
        batch = np.empty(len(rows), dtype=object)
        batch[:] = [np.ascontiguousarray(row).tobytes().rstrip(b"\0") for row in rows]
        return batch


CONTRACT = Strings
