"""What a contract reads of samples, once, kept as memory-mapped arrays, shard by shard."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np

from tfl.core.files import sha256_text, write_atomic
from tfl.core.progress import Progress
from tfl.data.contract import Contract, Rows
from tfl.data.manifest import Example
from tfl.data.shards import SHARD_BYTES, Shards, allocate


def open_rows(
    examples: Sequence[Example],
    root: str | Path,
    contract: Contract,
    *,
    cache_dir: Path,
    progress: Progress,
    shard_bytes: int = SHARD_BYTES,
) -> Rows:
    """Return `(samples, *contract.row_shape)`, memory-mapped, in the order of the examples.

    What fits into one shard is a `numpy.memmap`, more is a `Shards`, which is indexed alike. Shards that are
    there are used again, so that an interrupted call goes on where it stopped.

    Args:
        examples: With digests; these and the contract's `rows_key` decide the files' names, so that nothing stale is
            read.
        root: What the examples' paths are relative to.
        contract: Reads each of them.
        cache_dir: Where the files go.
        progress: Told about every sample.
        shard_bytes: Most bytes of one file.

    Raises:
        DataError: A sample can't be read.
        JobError: The disk is full.
    """
    count = max(1, shard_bytes // (math.prod(contract.row_shape) * contract.row_dtype.itemsize))
    starts = range(0, max(len(examples), 1), count)
    shards = [
        _open_shard(examples, start, min(start + count, len(examples)), Path(root), contract, cache_dir, progress)
        for start in starts
    ]
    return shards[0] if len(shards) == 1 else cast(Rows, Shards(shards))


def _open_shard(
    examples: Sequence[Example],
    start: int,
    end: int,
    root: Path,
    contract: Contract,
    cache_dir: Path,
    progress: Progress,
) -> Rows:
    key = sha256_text(*(example.sha256 or example.path for example in examples[start:end]), contract.rows_key)
    path = cache_dir / f"rows-{key[:32]}.npy"
    if not path.is_file():
        write_atomic(path, lambda file: _fill(file, examples, start, end, root, contract, progress))
    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def _fill(
    file: Path,
    examples: Sequence[Example],
    start: int,
    end: int,
    root: Path,
    contract: Contract,
    progress: Progress,
) -> None:
    array = allocate(file, (end - start, *contract.row_shape), contract.row_dtype)

    def put(index: int) -> None:
        example = examples[index]
        array[index - start] = contract.read(example.source(root), name=example.path if example.text else "")

    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for done, _ in enumerate(pool.map(put, range(start, end)), start + 1):
            progress.update(contract.reading, done=done, total=len(examples))
    finally:
        pool.shutdown(cancel_futures=True)
    array.flush()
