"""Texts for a transformer: cut into tokens by a Hugging Face `tokenizer.json`, padded at the end.

The library `tokenizers` runs the file; neither TensorFlow nor Keras is needed, so that training, service and edge
read a text the same.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from tfl.core.errors import ConfigError, IntegrityError
from tfl.core.extras import require
from tfl.core.records import LOCAL
from tfl.data.contract import Rows
from tfl.data.text_contract import TextContract, read_carried
from tfl.data.texts import read_text

TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True, kw_only=True)
class TokenizedText(TextContract):
    """How a text becomes the model's input: `(tokens,)` int32 identifiers, special tokens included.

    Attributes:
        kind: Names the contract in a record.
        length: Most tokens of a text, special ones included; what is over it at the end is cut off.
        longest: What the network takes at most.
        vocabulary_size: Identifiers are below it; 0 in the description of a network that is not loaded.
        pad_id: Fills rows behind the text. The network leaves out every token of this identifier.
        bucket: A batch is as wide as its longest text, rounded up to a multiple of this, so that few widths occur.
        tokenizer_sha256: Of the file `tokenizer.json`; empty in the description of a network that is not loaded.
        folder: Where that file lies on this machine.
    """

    reading: ClassVar[str] = "tokenizing texts"
    units: ClassVar[str] = "tokens"

    kind: Literal["tokens"] = "tokens"
    length: int
    longest: int
    vocabulary_size: int
    pad_id: int
    bucket: int = 16
    tokenizer_sha256: str = ""
    folder: Path | None = field(default=None, compare=False, repr=False, metadata=LOCAL)

    def __post_init__(self) -> None:
        if not 2 <= self.length <= self.longest:
            raise ConfigError(
                f"length: must be in [2, {self.longest}], which is what the network takes. Received: {self.length}."
            )
        if self.pad_id < 0 or 0 < self.vocabulary_size <= self.pad_id:
            raise ConfigError(f"pad_id: must be in [0, {self.vocabulary_size}). Received: {self.pad_id}.")
        if self.bucket < 1:
            raise ConfigError(f"bucket: must be at least 1. Received: {self.bucket}.")

    @property
    def padding(self) -> int:
        """See `TextContract.padding`."""
        return self.pad_id

    @property
    def width_step(self) -> int:
        """See `TextContract.width_step`."""
        return self.bucket

    @property
    def meaning(self) -> str:
        """See `TextContract.meaning`."""
        return f"tokens of {TOKENIZER_FILE} with its special ones, at most {self.length}; {self.pad_id} pads"

    @property
    def rows_key(self) -> str:
        """See `Contract.rows_key`."""
        return f"tokens {self.tokenizer_sha256} {self.length} {self.pad_id}"

    @property
    def described(self) -> tuple[tuple[str, str], ...]:
        """See `Contract.described`."""
        return (("input", self.input.meaning), ("tokenizer SHA-256", self.tokenizer_sha256))

    def draw_rows(self, count: int, *, seed: int) -> Rows:
        """See `Contract.draw_rows`."""
        highest = max(self.vocabulary_size, 2) - 1
        rows = self.drawn(0, highest, count, seed=seed)
        # Every row begins with a token, whatever was drawn.
        rows[:, 0] = highest if self.pad_id != highest else highest - 1
        return rows

    def misread(self, rows: Rows) -> Rows:
        """See `Contract.misread`: each token is taken for the next one of the vocabulary."""
        return np.where(rows == self.pad_id, rows, (rows + 1) % max(self.vocabulary_size, 2)).astype(np.int32)

    @property
    def files(self) -> dict[str, bytes]:
        """See `Contract.files`."""
        return {TOKENIZER_FILE: read_carried(self.folder, TOKENIZER_FILE, self.tokenizer_sha256)}

    def located(self, folder: Path) -> TokenizedText:
        """Return the contract with the folder in which `tokenizer.json` lies.

        Raises:
            IntegrityError: The file is missing or altered.
        """
        read_carried(folder, TOKENIZER_FILE, self.tokenizer_sha256)
        return dataclasses.replace(self, folder=folder)

    def read(self, source: Path | str, *, name: str = "") -> Rows:
        """Tokenize one text, or the UTF-8 file of one: `(length,)` int32.

        Raises:
            DataError: The file can't be read, or is not UTF-8.
            IntegrityError: `tokenizer.json` is missing or altered.
            MissingExtraError: The package `tokenizers` is not installed.
        """
        tokenizer = open_tokenizer(self.folder, self.tokenizer_sha256, length=self.length)
        ids = tokenizer.encode(read_text(source, name=name)).ids
        row = np.full(self.length, self.pad_id, dtype=np.int32)
        row[: len(ids)] = ids
        return row


def open_tokenizer(folder: Path | None, sha256: str, *, length: int | None = None) -> Any:
    """Open `tokenizer.json` of a folder as a `tokenizers.Tokenizer` that pads nothing.

    Args:
        folder: Where it lies.
        sha256: What it must be; empty takes any.
        length: Cut longer texts so that they fit with their special tokens; None cuts none.

    Raises:
        IntegrityError: The file is missing, altered or no tokenizer.
        MissingExtraError: The package `tokenizers` is not installed.
    """
    require("tokenizers", purpose="reading texts for a transformer")
    return _opened(folder, sha256 or hashlib.sha256(read_carried(folder, TOKENIZER_FILE, "")).hexdigest(), length)


@functools.lru_cache(maxsize=16)
def _opened(folder: Path | None, sha256: str, length: int | None) -> Any:
    import tokenizers

    data = read_carried(folder, TOKENIZER_FILE, sha256)
    try:
        tokenizer = tokenizers.Tokenizer.from_str(data.decode())
    except Exception as error:
        # The library raises nothing narrower.
        raise IntegrityError(f"{TOKENIZER_FILE} in {folder} is not a tokenizer: {error}") from error
    # A file may bring its own lengths; the contract's hold.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if length is not None:
        tokenizer.enable_truncation(length)
    return tokenizer


CONTRACT = TokenizedText
