"""Texts as bags of hashed n-grams of words and characters: no vocabulary, no language, the standard library alone.

Hashing of features: Weinberger et al., 2009, arXiv:0902.2206. N-grams of characters of words in `<` and `>`: Bojanowski
et al., 2017, arXiv:1607.04606.
"""

from __future__ import annotations

import functools
import unicodedata
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from tfl.core.errors import ConfigError
from tfl.data.contract import Rows
from tfl.data.text_contract import TextContract
from tfl.data.texts import read_text

#: Rises when the same text gives other identifiers than before.
_VERSION = 1
#: What follows is not looked at; a row holds far less, and a single line of a broken file may have millions.
MOST_CHARACTERS = 100_000
#: Longer runs without a space are hashed each time: they hardly come again, and would crowd out words that do.
_LONGEST_KEPT = 32
_KEPT_WORDS = 1 << 15
#: First words of the Unicode names of characters that are written without spaces between words.
_SPACELESS = frozenset({"CJK", "HIRAGANA", "KATAKANA"})


@dataclass(frozen=True, kw_only=True)
class HashedText(TextContract):
    """How a text becomes the model's input: `(n-grams,)` int32, each n-gram once, in no order that matters.

    NFKC and case folding; then letters, marks and digits that stand together are a word, and every punctuation mark,
    symbol, emoji, Han character and kana is one by itself. The n-grams are those of words, and those of characters in
    each word between `<` and `>`. An n-gram's identifier is `1 + CRC-32 of its UTF-8 bytes % buckets`; n-grams of
    words begin with a space each word. A text without words has the identifier of the empty n-gram.

    Of a text with more than `length` n-grams, words go first, then pairs of words and so on, then characters. Of those
    kinds that don't fit whole, the smallest identifiers stay, so that it is the same n-grams in every long text.

    Attributes:
        kind: Names the contract in a record.
        buckets: Number of identifiers beside 0, which pads.
        length: Most n-grams of a text.
        word_ngrams: Words of the longest n-gram of words.
        shortest: Characters of the shortest n-gram of characters, `<` and `>` counted.
        longest: Characters of the longest one; 0 for none at all.
    """

    reading: ClassVar[str] = "hashing n-grams"
    units: ClassVar[str] = "n-grams"

    kind: Literal["hashed_text"] = "hashed_text"
    buckets: int = 1 << 15
    length: int = 512
    word_ngrams: int = 2
    shortest: int = 3
    longest: int = 5

    def __post_init__(self) -> None:
        for name in ("buckets", "length", "word_ngrams", "shortest"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}: must be at least 1. Received: {getattr(self, name)}.")
        if self.buckets > 2**31 - 2:
            raise ConfigError(f"buckets: must be at most {2**31 - 2}, to fit into int32. Received: {self.buckets}.")
        if self.longest and self.longest < self.shortest:
            raise ConfigError(f"longest: must be 0 or at least shortest ({self.shortest}). Received: {self.longest}.")

    @property
    def meaning(self) -> str:
        """See `TextContract.meaning`."""
        return f"hashed n-grams of a text, 1 to {self.buckets}, each once; 0 pads"

    @property
    def rows_key(self) -> str:
        """See `Contract.rows_key`; the tables of Unicode say what is a letter."""
        size = f"{self.buckets} {self.length} {self.word_ngrams} {self.shortest} {self.longest}"
        return f"hashed_text {_VERSION} {size} {unicodedata.unidata_version}"

    @property
    def described(self) -> tuple[tuple[str, str], ...]:
        """See `Contract.described`."""
        of_words = " and ".join(str(count) for count in range(1, self.word_ngrams + 1))
        characters = f"; of {self.shortest} to {self.longest} characters in each word" if self.longest else ""
        return (
            ("input", f"n-grams of {of_words} words{characters}; at most {self.length} of a text"),
            ("values", f"CRC-32, {self.buckets} buckets"),
        )

    def draw_rows(self, count: int, *, seed: int) -> Rows:
        """See `Contract.draw_rows`."""
        return self.drawn(1, self.buckets, count, seed=seed)

    def misread(self, rows: Rows) -> Rows:
        """See `Contract.misread`: counted from 0, as if nothing padded."""
        return np.where(rows > 1, rows - 1, rows).astype(np.int32)

    def read(self, source: str | Path, *, name: str = "") -> Rows:
        """Hash one text, or the UTF-8 file of one: `(length,)` int32, padded with 0 at the end.

        Raises:
            DataError: The file can't be read or is not UTF-8, or the source is neither a text nor a path.
        """
        ids = self._fitting(words_of(read_text(source, name=name)))
        row = np.zeros(self.length, dtype=np.int32)
        row[: len(ids)] = ids
        return row

    def _fitting(self, words: list[str]) -> list[int]:
        """Return the identifiers of a text, each once, at most `length` of them."""
        if not words:
            return [1 + zlib.crc32(b"") % self.buckets]
        found: dict[int, None] = {}
        for ids in self._by_kind(words):
            left = self.length - len(found)
            new = dict.fromkeys(ids)
            if len(new) > left:
                new = dict.fromkeys(sorted(new.keys() - found.keys())[:left])
            found |= new
        return list(found)

    def _by_kind(self, words: list[str]) -> Iterable[list[int]]:
        """Yield the identifiers of single words, of pairs and so on, and last of characters."""
        buckets = self.buckets
        hashed = [_hashed(word, buckets, self.shortest, self.longest) for word in words]
        parts = [part for part, _, _ in hashed]
        sums = [total for _, total, _ in hashed]
        yield [1 + total % buckets for total in sums]
        for count in range(2, self.word_ngrams + 1):
            # The CRC of a longer run goes on from that of the shorter one.
            sums = [zlib.crc32(part, total) for total, part in zip(sums, parts[count - 1 :], strict=False)]
            yield [1 + total % buckets for total in sums]
        yield [number for _, _, numbers in hashed for number in numbers]


def words_of(text: str) -> list[str]:
    """Cut a text into folded words; see `HashedText`."""
    text = text[:MOST_CHARACTERS]
    if text.isascii():
        folded = text.lower()
    else:
        # Folding can undo the composition: https://www.unicode.org/reports/tr44/#NFKC_Casefold
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return folded.translate(_SPACING).split()


class _Spacing(dict[int, str]):
    """What each character is replaced by, so that words are what stands between spaces; filled as characters come."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Cf" or unicodedata.name(character, "").startswith("VARIATION SELECTOR"):
            # Joiners, marks of direction and soft hyphens are not seen.
            spaced = ""
        elif category[0] in "LMN":
            alone = unicodedata.name(character, "").partition(" ")[0] in _SPACELESS
            spaced = f" {character} " if alone else character
        elif category[0] in "PS" or category in ("Co", "Cn"):
            spaced = f" {character} "
        else:
            spaced = " "
        self[code] = spaced
        return spaced


_SPACING = _Spacing()


def _hashed(word: str, buckets: int, shortest: int, longest: int) -> tuple[bytes, int, tuple[int, ...]]:
    """Return a word's bytes behind a space, their CRC-32, and the identifiers of its n-grams of characters."""
    compute = _hashed_kept if len(word) <= _LONGEST_KEPT else _hashed_anew
    return compute(word, buckets, shortest, longest)


def _hashed_anew(word: str, buckets: int, shortest: int, longest: int) -> tuple[bytes, int, tuple[int, ...]]:
    part = f" {word}".encode()
    framed = f"<{word}>"
    pieces = (
        framed[start : start + count]
        for count in range(shortest, longest + 1)
        for start in range(len(framed) - count + 1)
    )
    return part, zlib.crc32(part), tuple(dict.fromkeys(1 + zlib.crc32(piece.encode()) % buckets for piece in pieces))


_hashed_kept = functools.lru_cache(maxsize=_KEPT_WORDS)(_hashed_anew)

CONTRACT = HashedText
