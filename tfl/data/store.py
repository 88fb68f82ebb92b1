"""Decoded pictures, resized once by the contract and kept as memory-mapped arrays, shard by shard."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import PIL

from tfl.core.files import sha256_text, write_atomic
from tfl.core.progress import Progress
from tfl.data.manifest import Example
from tfl.data.preprocess import ImagePreprocessing, Pixels, load_pixels
from tfl.data.shards import Shards, allocate

#: Size of a shard. What an interruption costs is one of them, and so is what a full disk has to have free at least.
SHARD_BYTES = 1 << 30


def open_pixels(
    examples: Sequence[Example],
    root: str | Path,
    contract: ImagePreprocessing,
    *,
    cache_dir: Path,
    progress: Progress,
    shard_bytes: int = SHARD_BYTES,
) -> Pixels:
    """Return `(samples, height, width, 3)` uint8 RGB, memory-mapped, in the order of the examples.

    What fits into one shard is a `numpy.memmap`, more is a `Shards`, which is indexed alike. Shards that are
    there are used again, so that an interrupted call goes on where it stopped.

    Args:
        examples: With digests; contents, contract and Pillow's version decide the files' names, so that nothing
            stale is read.
        root: What the examples' paths are relative to.
        contract: Only size, resize method, interpolation and `jpeg_draft` matter here.
        cache_dir: Where the files go.
        progress: Told about every picture.
        shard_bytes: Most bytes of one file.

    Raises:
        DataError: A picture can't be decoded.
        JobError: The disk is full.
    """
    count = max(1, shard_bytes // (contract.height * contract.width * 3))
    starts = range(0, max(len(examples), 1), count)
    shards = [
        _open_shard(examples, start, min(start + count, len(examples)), Path(root), contract, cache_dir, progress)
        for start in starts
    ]
    return shards[0] if len(shards) == 1 else cast(Pixels, Shards(shards))


def _open_shard(
    examples: Sequence[Example],
    start: int,
    end: int,
    root: Path,
    contract: ImagePreprocessing,
    cache_dir: Path,
    progress: Progress,
) -> Pixels:
    key = sha256_text(
        *(example.sha256 or example.path for example in examples[start:end]),
        f"{contract.height}x{contract.width} {contract.resize} {contract.interpolation} {PIL.__version__}"
        f"{' jpeg_draft' if contract.jpeg_draft else ''}",
    )
    path = cache_dir / f"pixels-{key[:32]}.npy"
    if not path.is_file():
        write_atomic(path, lambda file: _fill(file, examples, start, end, root, contract, progress))
    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def _fill(
    file: Path,
    examples: Sequence[Example],
    start: int,
    end: int,
    root: Path,
    contract: ImagePreprocessing,
    progress: Progress,
) -> None:
    shape = (end - start, contract.height, contract.width, 3)
    array = allocate(file, shape, np.uint8)

    def put(index: int) -> None:
        array[index - start] = load_pixels(root / examples[index].path, contract)

    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for done, _ in enumerate(pool.map(put, range(start, end)), start + 1):
            progress.update("decoding and resizing", done=done, total=len(examples))
    finally:
        pool.shutdown(cancel_futures=True)
    array.flush()
