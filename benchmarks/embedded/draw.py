"""Draw the pictures that both embedded networks learn from: `python draw.py FOLDER [--per-category 150]`.

Every picture comes from code and a seed; no photo, font or data set takes part. The same seed draws the
same pictures. `FOLDER` gets `pixels.npy` `(pictures, 96, 96, 3)` uint8, `labels.npy` `(pictures,)` int32 and
`sheet.png`, which shows one picture of each category.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import time
from pathlib import Path

import figures
import fractals
import glyphs
import numpy as np
import textures
from canvas import SIZE, Draw
from PIL import Image

SEED = 20_250


def categories() -> list[Draw]:
    """Return one function per category, always in the same order."""
    return [
        *fractals.categories(40, seed=1),
        *textures.categories(),
        *figures.outline_categories(blobs=18, seed=2),
        *figures.creature_categories(48, seed=3),
        *glyphs.categories(96, seed=4),
    ]


def _draw_category(folder: Path, label: int, per_category: int, seed: int) -> None:
    pixels = np.load(folder / "pixels.npy", mmap_mode="r+")
    drawer = categories()[label] if label not in _CACHE else _CACHE[label]
    rng = np.random.default_rng((seed, label))
    for row in range(per_category):
        pixels[label * per_category + row] = drawer(rng)


_CACHE: dict[int, Draw] = {}


def _warm() -> None:
    _CACHE.update(enumerate(categories()))


def draw_all(folder: Path, *, per_category: int, seed: int = SEED, workers: int = 1) -> None:
    """Draw `per_category` pictures of every category into `folder`; categories stand one after the other."""
    count = len(categories())
    folder.mkdir(parents=True, exist_ok=True)
    shape = (count * per_category, SIZE, SIZE, 3)
    np.lib.format.open_memmap(folder / "pixels.npy", mode="w+", dtype=np.uint8, shape=shape)
    np.save(folder / "labels.npy", np.repeat(np.arange(count, dtype=np.int32), per_category))
    with concurrent.futures.ProcessPoolExecutor(workers, initializer=_warm) as pool:
        jobs = [pool.submit(_draw_category, folder, label, per_category, seed) for label in range(count)]
        for job in jobs:
            job.result()


def sheet(folder: Path, *, columns: int = 20) -> None:
    """Write `sheet.png`: the first picture of each category."""
    pixels, labels = np.load(folder / "pixels.npy", mmap_mode="r"), np.load(folder / "labels.npy")
    first = np.unique(labels, return_index=True)[1]
    rows = -(-len(first) // columns)
    page = np.zeros((rows * SIZE, columns * SIZE, 3), dtype=np.uint8)
    for place, index in enumerate(first):
        top, left = place // columns * SIZE, place % columns * SIZE
        page[top : top + SIZE, left : left + SIZE] = pixels[index]
    Image.fromarray(page).save(folder / "sheet.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-category", type=int, default=150)
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    start = time.perf_counter()
    draw_all(arguments.folder, per_category=arguments.per_category, workers=arguments.workers)
    sheet(arguments.folder)
    count = len(categories())
    print(f"{count} categories, {count * arguments.per_category} pictures, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
