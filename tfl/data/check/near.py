"""Pictures that are nearly the same: another size, compression or brightness, or the next shot of one thing.

A perceptual hash (DCT, 64 bits, of imagehash) finds candidates, a small grey version confirms them. Measured on
398 photos of insects, 364 of blood and 592 of magnetic tiles: copies at JPEG quality 40, at half the size or 15 %
brighter are at most 7 bits away and correlate above 0.985 in 99 of 100 cases; a crop of 4 % is found in few. No
pair of insects and one of blood was accused; 286 tiles were, which show the same tile under another light.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tfl.core.extras import require
from tfl.data._links import linked

#: Smaller pictures have less detail than the hash looks at, and different ones come out alike.
LEAST_SIDE = 64
_SMALL_SIDE = 64
_GREY_SIDE = 16
#: Standard deviation of grey levels under which a picture is a plain surface, alike with every other.
_LEAST_CONTRAST = 4.0
_MOST_BITS = 7
_LEAST_CORRELATION = 0.985
#: With 8 bands of 8 bits, hashes up to 7 bits apart share one; above this many pictures, 4 bands of 16 bits (3 apart).
_EXHAUSTIVE = 100_000
_MOST_IN_BUCKET = 4000


@dataclass(frozen=True)
class Look:
    """What a picture looks like: its 64-bit hash and its grey levels, 16 x 16 bytes."""

    hash: int
    grey: bytes


def look_of(image: Image.Image) -> Look | None:
    """Describe a decoded RGB picture, or return None where it is too small or too plain to be told apart.

    Raises:
        MissingExtraError: imagehash is not installed.
    """
    if min(image.size) < LEAST_SIDE:
        return None
    imagehash = require("imagehash", purpose="finding near duplicates")
    small = image.resize((_SMALL_SIDE, _SMALL_SIDE), Image.Resampling.BOX)
    grey = small.convert("L").resize((_GREY_SIDE, _GREY_SIDE), Image.Resampling.BOX)
    if np.asarray(grey).std() < _LEAST_CONTRAST:
        return None
    return Look(int(str(imagehash.phash(small)), 16), grey.tobytes())


def near_groups(looks: Sequence[Look]) -> list[tuple[int, ...]]:
    """Gather pictures that are nearly the same, and what links them.

    Args:
        looks: One per picture.

    Returns:
        Indices of each group of two and more, sorted. Up to 100,000 pictures, hashes at most 7 bits apart are
        compared, above that at most 3 apart; of more than 4,000 that share a band, only those near in order. A
        group is what pairs link, so that its ends may be less alike than its neighbours.
    """
    if len(looks) < 2:
        return []
    hashes = np.array([look.hash for look in looks], dtype=np.uint64)
    greys = np.frombuffer(b"".join(look.grey for look in looks), dtype=np.uint8).reshape(len(looks), -1)
    return [group for group in linked(len(looks), _alike(hashes, greys)) if len(group) > 1]


def _alike(hashes: NDArray[np.uint64], greys: NDArray[np.uint8]) -> Iterator[tuple[int, int]]:
    """Yield the candidates that the grey versions confirm."""
    for one, other in _candidates(hashes):
        confirmed = _correlation(greys[one], greys[other]) >= _LEAST_CORRELATION
        yield from zip(one[confirmed].tolist(), other[confirmed].tolist(), strict=True)


def _candidates(hashes: NDArray[np.uint64]) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield index pairs of hashes that share a band of bits and are few bits apart."""
    bands = 8 if len(hashes) <= _EXHAUSTIVE else 4
    width = 64 // bands
    for band in range(bands):
        keys = (hashes >> np.uint64(band * width)) & np.uint64((1 << width) - 1)
        order = np.argsort(keys, kind="stable")
        for bucket in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1):
            for start in range(0, len(bucket), _MOST_IN_BUCKET):
                part = bucket[start : start + _MOST_IN_BUCKET]
                distance = np.bitwise_count(hashes[part][:, None] ^ hashes[part][None, :])
                left, right = np.nonzero(np.triu(distance <= _MOST_BITS, k=1))
                if len(left):
                    yield part[left], part[right]


def _correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return Pearson's correlation of each pair of rows."""
    return np.asarray((_standardized(one) * _standardized(other)).mean(axis=1), dtype=np.float32)


def _standardized(rows: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = rows.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    return np.asarray(values / np.maximum(values.std(axis=1, keepdims=True), 1e-6), dtype=np.float32)
