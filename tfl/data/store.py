"""Decoded pictures, resized once by the contract and kept as a memory-mapped array."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL

from tfl.core.files import sha256_text, write_atomic
from tfl.core.progress import Progress
from tfl.data.manifest import Example
from tfl.data.preprocess import ImagePreprocessing, Pixels, load_pixels


def open_pixels(
    examples: Sequence[Example],
    root: str | Path,
    contract: ImagePreprocessing,
    *,
    cache_dir: Path,
    progress: Progress,
) -> Pixels:
    """Return `(samples, height, width, 3)` uint8 RGB, memory-mapped, in the order of the examples.

    Args:
        examples: With digests; contents, contract and Pillow's version decide the file's name, so that nothing
            stale is read.
        root: What the examples' paths are relative to.
        contract: Only size, resize method, interpolation and `jpeg_draft` matter here.
        cache_dir: Where the file goes.
        progress: Told about every picture.

    Raises:
        DataError: A picture can't be decoded.
        JobError: The disk is full.
    """
    key = sha256_text(
        *(example.sha256 or example.path for example in examples),
        f"{contract.height}x{contract.width} {contract.resize} {contract.interpolation} {PIL.__version__}"
        f"{' jpeg_draft' if contract.jpeg_draft else ''}",
    )
    path = cache_dir / f"pixels-{key[:32]}.npy"
    shape = (len(examples), contract.height, contract.width, 3)
    if not path.is_file():
        write_atomic(path, lambda file: _fill(file, examples, Path(root), contract, shape, progress))
    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def _fill(
    file: Path,
    examples: Sequence[Example],
    root: Path,
    contract: ImagePreprocessing,
    shape: tuple[int, int, int, int],
    progress: Progress,
) -> None:
    array = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=shape)
    if hasattr(os, "posix_fallocate"):
        # Writing into a hole of a full disk would kill the process with SIGBUS; this raises ENOSPC instead.
        with file.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)

    def put(index: int) -> None:
        array[index] = load_pixels(root / examples[index].path, contract)

    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        for done, _ in enumerate(pool.map(put, range(len(examples))), 1):
            progress.update("decoding and resizing", done=done, total=len(examples))
    finally:
        pool.shutdown(cancel_futures=True)
    array.flush()
