"""Texts as words of a vocabulary: lower case, a few characters replaced, split at spaces, looked up.

The rules are those of modules of TF Hub that take strings; the standard library and NumPy follow them.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from tfl.core.errors import ConfigError
from tfl.core.records import LOCAL
from tfl.data.contract import Rows
from tfl.data.text_contract import TextContract, read_carried
from tfl.data.texts import read_text

VOCABULARY_FILE = "vocabulary.txt"
#: One class of characters, once or more. Anything wider could take a record's reader forever.
_PATTERN = re.compile(r"\[\^?(?:[^\[\]\\]|\\[^\n])+\]\+?")


@dataclass(frozen=True, kw_only=True)
class WordIds(TextContract):
    """How a text becomes the model's input: `(words,)` int32, 1 for the first word of the vocabulary, 0 for none.

    Attributes:
        kind: Names the contract in a record.
        length: Most words of a text; those behind are cut off.
        vocabulary_size: Words in `vocabulary.txt`.
        lower: `ascii` folds A to Z, `unicode` every letter, `none` nothing.
        replaced: Pairs of a pattern and what takes its place, in this order: `[...]` or `[...]+` over UTF-8 bytes.
        unknown: `dropped` leaves words that are not in the vocabulary out; `kept` gives them one identifier, the last.
        bucket: A batch is as wide as its longest text, rounded up to a multiple of this.
        vocabulary_sha256: Of the file `vocabulary.txt`; empty in the description of a module that is not loaded.
        folder: Where that file lies on this machine.
    """

    reading: ClassVar[str] = "looking words up"
    units: ClassVar[str] = "words"

    kind: Literal["words"] = "words"
    length: int = 512
    vocabulary_size: int
    lower: Literal["none", "ascii", "unicode"] = "none"
    replaced: tuple[tuple[str, str], ...] = ()
    unknown: Literal["dropped", "kept"] = "dropped"
    bucket: int = 16
    vocabulary_sha256: str = ""
    folder: Path | None = field(default=None, compare=False, repr=False, metadata=LOCAL)

    def __post_init__(self) -> None:
        for name in ("length", "bucket"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: must be at least 1. Received: {getattr(self, name)}.")
        for pattern, _ in self.replaced:
            if not (pattern.isascii() and _PATTERN.fullmatch(pattern) and _compiles(pattern)):
                raise ConfigError(
                    "replaced: a pattern must be one class of ASCII characters, [...] or [...]+. "
                    f"Received: {pattern!r}."
                )

    @property
    def width_step(self) -> int:
        """See `TextContract.width_step`."""
        return self.bucket

    @property
    def meaning(self) -> str:
        """See `TextContract.meaning`."""
        return f"words of {VOCABULARY_FILE}, 1 for the first; at most {self.length}; 0 pads"

    @property
    def rows_key(self) -> str:
        """See `Contract.rows_key`."""
        return f"words {self.vocabulary_sha256} {self.length} {self.lower} {self.replaced!r} {self.unknown}"

    @property
    def highest(self) -> int:
        """The largest identifier."""
        return self.vocabulary_size + (self.unknown == "kept")

    @property
    def described(self) -> tuple[tuple[str, str], ...]:
        """See `Contract.described`."""
        folded = {"none": "as written", "ascii": "A to Z in lower case", "unicode": "in lower case"}[self.lower]
        rules = "".join(f"; {pattern} becomes '{new}'" for pattern, new in self.replaced)
        size = f"{self.vocabulary_size} known, others {self.unknown}" if self.vocabulary_size else "of the module's own"
        return (("input", f"words between spaces, {folded}{rules}; at most {self.length}"), ("values", f"words {size}"))

    @property
    def files(self) -> dict[str, bytes]:
        """See `Contract.files`."""
        return {VOCABULARY_FILE: read_carried(self.folder, VOCABULARY_FILE, self.vocabulary_sha256)}

    def draw_rows(self, count: int, *, seed: int) -> Rows:
        """See `Contract.draw_rows`."""
        return self.drawn(1, max(self.highest, 1), count, seed=seed)

    def misread(self, rows: Rows) -> Rows:
        """See `Contract.misread`: each word is taken for the one before it in the vocabulary."""
        return np.where(rows > 1, rows - 1, rows).astype(np.int32)

    def located(self, folder: Path) -> WordIds:
        """Return the contract with the folder in which `vocabulary.txt` lies.

        Raises:
            IntegrityError: The file is missing or altered.
        """
        read_carried(folder, VOCABULARY_FILE, self.vocabulary_sha256)
        return dataclasses.replace(self, folder=folder)

    def read(self, source: Path | str, *, name: str = "") -> Rows:
        """Look up the words of one text, or of the UTF-8 file of one: `(length,)` int32, padded with 0 at the end.

        Raises:
            DataError: The file can't be read, or is not UTF-8.
            IntegrityError: `vocabulary.txt` is missing or altered.
        """
        numbers = _opened(self.folder, self.vocabulary_sha256)
        unknown = self.highest if self.unknown == "kept" else 0
        found = [numbers.get(word, unknown) for word in self.words(read_text(source, name=name))]
        known = [number for number in found if number][: self.length]
        row = np.zeros(self.length, dtype=np.int32)
        row[: len(known)] = known
        return row

    def words(self, text: str) -> list[bytes]:
        """Cut a text as the contract says; words are UTF-8."""
        data = (text.lower() if self.lower == "unicode" else text).encode()
        if self.lower == "ascii":
            data = data.lower()
        for pattern, new in self.replaced:
            data = re.sub(pattern.encode(), lambda _, new=new: new.encode(), data)  # type: ignore[misc]
        return data.split()


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern.encode())
    except re.error:
        return False
    return True


@functools.lru_cache(maxsize=8)
def _opened(folder: Path | None, sha256: str) -> dict[bytes, int]:
    lines = read_carried(folder, VOCABULARY_FILE, sha256).removesuffix(b"\n").split(b"\n")
    return {word.removesuffix(b"\r"): number for number, word in enumerate(lines, start=1)}


CONTRACT = WordIds
