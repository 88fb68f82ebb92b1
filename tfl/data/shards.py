"""Arrays larger than the memory: several memory-mapped files that are indexed as one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

#: Size of a shard. What an interruption costs is one of them, and so is what a full disk has to have free at least.
SHARD_BYTES = 1 << 30


class Shards:
    """Several arrays that are indexed along their first axis as one; only what is indexed is read.

    Args:
        shards: `(samples, ...)` each, of any length, with equal further axes and equal dtype.
    """

    def __init__(self, shards: Sequence[npt.NDArray[Any]]) -> None:
        self._shards = tuple(shards)
        self._ends = np.cumsum([len(shard) for shard in self._shards])
        self.dtype = self._shards[0].dtype
        self.shape = (int(self._ends[-1]), *self._shards[0].shape[1:])

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, index: int | np.integer[Any] | slice | npt.ArrayLike) -> npt.NDArray[Any]:
        if isinstance(index, (int, np.integer)):
            place = range(len(self))[index]
            owner = int(np.searchsorted(self._ends, place, side="right"))
            return np.asarray(self._shards[owner][place - self._begin(owner)])
        if isinstance(index, slice):
            places = np.arange(*index.indices(len(self)))
        else:
            places = np.asarray(index)
            if places.dtype == np.bool_:
                places = np.flatnonzero(places)
            places = np.where(places < 0, places + len(self), places)
            if places.size and (places.min() < 0 or places.max() >= len(self)):
                raise IndexError(f"An index is out of range for {len(self)} samples.")
        owners = np.searchsorted(self._ends, places, side="right")
        present = np.unique(owners)
        if len(present) == 1:
            return np.asarray(self._shards[present[0]][places - self._begin(present[0])])
        result = np.empty((len(places), *self.shape[1:]), dtype=self.dtype)
        for owner in present:
            mine = owners == owner
            result[mine] = self._shards[owner][places[mine] - self._begin(owner)]
        return result

    def _begin(self, owner: int) -> int:
        return int(self._ends[owner]) - len(self._shards[owner])

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        if copy is False:
            raise ValueError("Shards can't be one array without a copy.")
        return self[:].astype(dtype or self.dtype, copy=False)


def allocate(file: Path, shape: tuple[int, ...], dtype: npt.DTypeLike) -> np.memmap[Any, Any]:
    """Make a `.npy` file of this shape and map it for writing.

    Raises:
        OSError: There is no room for it.
    """
    array = np.lib.format.open_memmap(file, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):
        # Writing into a hole of a full disk would kill the process with SIGBUS; this raises ENOSPC instead.
        with file.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)
    return array


class Selected:
    """Some rows of an array, in some order, read only when they are indexed.

    Args:
        values: `(samples, ...)`.
        rows: `(chosen,)` indices into them.
    """

    def __init__(self, values: Any, rows: npt.NDArray[np.intp]) -> None:
        self._values, self._rows = values, rows
        self.dtype = values.dtype
        self.shape = (len(rows), *values.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        return np.asarray(self._values[self._rows[index]])

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return self[:].astype(dtype or self.dtype, copy=False)
