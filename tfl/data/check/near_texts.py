"""Texts that are nearly the same: a word added or changed, another ending, a copy with a greeting before it.

MinHash (Broder, "On the resemblance and containment of documents", 1997; of datasketch) of runs of five letters finds
candidates, their exact Jaccard similarity confirms them. Runs of letters work for short texts, for misspellings and
for scripts without spaces, and see the order of words. Measured on the 13,083 questions of banking77, of which all
pairs were compared: at 0.85 and above there are 141 pairs, which say the same in the same words but for one or two
('has my top up has been cancelled', 'my top up has been cancelled'); from 0.8 on there are others, in which the one
word that differs tells the class ('... top up was reverted', '... top up was canceled').
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tfl.core.extras import require
from tfl.data._links import Links

#: Letters of a run, and the share of runs that two texts have in common of all that they have.
RUN = 5
LEAST_SIMILARITY = 0.85
#: 16 bands of 8 hashes: of pairs at 0.85, 99.4 % share a band, of those at 0.6 a quarter (1 - (1 - s^8)^16).
_BANDS, _ROWS = 16, 8
#: Shorter texts have too few runs: one letter changes half of them.
LEAST_LETTERS = 15
#: What follows is not compared.
_MOST_LETTERS = 20_000
#: Of what shares a band, each is compared with so many before it; equal ones are linked through others.
_COMPARED = 8
#: The share of equal hashes estimates the similarity with a standard deviation of 0.03 at 0.85; three below that, a
#: pair is given up without comparing its runs. Texts made after one form have very many such pairs.
_LEAST_ESTIMATE = 0.76
_CHUNK = 1 << 16
#: Sets of runs that are kept for the next pair.
_KEPT = 10_000
_PRIME = 0x01000193


def near_text_groups(texts: Sequence[str]) -> list[tuple[int, ...]]:
    """Gather texts that are nearly the same, and what links them.

    Args:
        texts: As `plain_text` leaves them, each once.

    Returns:
        Indices of each group of two and more, sorted. A group is what pairs link, so that its ends may be less alike
        than its neighbours.

    Raises:
        MissingExtraError: datasketch is not installed.
    """
    chosen = [index for index, text in enumerate(texts) if len(text) >= LEAST_LETTERS]
    if len(chosen) < 2:
        return []
    links = Links(len(texts))
    runs = functools.lru_cache(_KEPT)(lambda index: _runs(texts[index]))
    for one, other in _candidates(_signatures([texts[index] for index in chosen])):
        left, right = chosen[one], chosen[other]
        if not links.are_linked(left, right) and _jaccard(runs(left), runs(right)) >= LEAST_SIMILARITY:
            links.link(left, right)
    return [group for group in links.groups() if len(group) > 1]


def similarity(one: str, other: str) -> float:
    """Return the Jaccard similarity of two texts' runs of five letters, in [0, 1]."""
    return _jaccard(_runs(one), _runs(other))


def _jaccard(runs: set[str], others: set[str]) -> float:
    low, high = sorted((len(runs), len(others)))
    if low < high * LEAST_SIMILARITY:
        return low / high
    common = len(runs & others)
    return common / (low + high - common)


def _runs(text: str) -> set[str]:
    text = text[:_MOST_LETTERS]
    return {text[start : start + RUN] for start in range(max(1, len(text) - RUN + 1))}


def _hashed_runs(text: str) -> list[int]:
    """Return a 32-bit hash (FNV-1a, letter by letter) of each run; the same in every process."""
    letters = np.frombuffer(text[:_MOST_LETTERS].encode("utf-32-le", "replace"), dtype=np.uint32)
    hashes = np.full(len(letters) - RUN + 1, 0x811C9DC5, dtype=np.uint32)
    for place in range(RUN):
        hashes = (hashes ^ letters[place : len(letters) - RUN + 1 + place]) * np.uint32(_PRIME)
    return hashes.tolist()


def _signatures(texts: Sequence[str]) -> NDArray[np.uint32]:
    """Return the MinHash of each text: `(texts, 128)`."""
    minhash = require("datasketch", purpose="finding texts that are nearly the same").MinHash
    made = minhash.generator(
        map(_hashed_runs, texts), num_perm=_BANDS * _ROWS, seed=1, hashfunc=_as_it_is, scheme="affine32"
    )
    rows = np.empty((len(texts), _BANDS * _ROWS), dtype=np.uint32)
    for row, item in zip(rows, made, strict=True):
        row[:] = item.hashvalues
    return rows


def _as_it_is(value: int) -> int:
    return value


def _candidates(rows: NDArray[np.uint32]) -> Iterator[tuple[int, int]]:
    """Yield index pairs that share a band of hashes and most hashes in all, each once, in order.

    Of many that share a band, each is paired with some before it and with the first.
    """
    found = [pairs for band in range(_BANDS) for pairs in _pairs_of(rows[:, band * _ROWS : (band + 1) * _ROWS])]
    pairs = np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)
    for start in range(0, len(pairs), _CHUNK):
        one, other = np.divmod(pairs[start : start + _CHUNK], len(rows))
        alike = (rows[one] == rows[other]).mean(axis=1) >= _LEAST_ESTIMATE
        yield from zip(one[alike].tolist(), other[alike].tolist(), strict=True)


def _pairs_of(band: NDArray[np.uint32]) -> Iterator[NDArray[np.int64]]:
    """Yield pairs of rows that are equal in a band, as one number each: `lower * rows + higher`."""
    keys = np.ascontiguousarray(band).view(f"V{4 * _ROWS}").ravel()
    order = np.argsort(keys, kind="stable").astype(np.int64)
    keys = keys[order]
    begins = np.concatenate(([True], keys[1:] != keys[:-1]))
    bucket = np.cumsum(begins)
    first = order[np.flatnonzero(begins)][bucket - 1]
    yield (first * len(order) + order)[first != order]
    for step in range(1, min(_COMPARED, len(order) - 1) + 1):
        same = bucket[step:] == bucket[:-step]
        yield order[:-step][same] * len(order) + order[step:][same]
