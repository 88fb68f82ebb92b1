"""Decode and resize side by side with `keras.utils.image_dataset_from_directory`, same files, same threads.

    python benchmarks/decode.py [--photos 24] [--small 400] [--rounds 5] [--threads 2] [--size 224]

The files are made first: fractal scenes with sensor noise, as JPEG of 7 and of 12 million pixels like a phone's,
and of 320 x 240 pixels. Rounds alternate between the two sides, and the order inside a round alternates too; the
table gives medians and the range of the paired ratios. Keras runs with `crop_to_aspect_ratio=True`, the same crop
that the contract makes. Exit status 1 when a ratio is under its aim.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from tfl.data.preprocess import ImagePreprocessing

#: Name -> (width, height, least ratio).
SETS = {"7 Mpx": (3072, 2304, 3.0), "12 Mpx": (4032, 3024, 3.0), "0.08 Mpx": (320, 240, 0.8)}


def fractal(width: int, height: int, generator: np.random.Generator) -> Image.Image:
    """Draw 1/f noise, whose spectrum is that of natural scenes, in colour, with noise of a sensor on it."""
    scene = np.zeros((height, width, 3), dtype=np.float32)
    side, weight = 2, 1.0
    while side < max(width, height):
        layer = generator.normal(size=(side * 3 // 4 + 1, side + 1, 3)) * 45 + 128
        small = Image.fromarray(np.clip(layer, 0, 255).astype(np.uint8))
        large = small.resize((width, height), Image.Resampling.BICUBIC)
        scene += weight * (np.asarray(large, dtype=np.float32) - 128)
        side, weight = side * 2, weight * 0.6
    scene += 128 + generator.normal(scale=4.0, size=(height, width, 1)).astype(np.float32)
    return Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8))


def make_files(folder: Path, width: int, height: int, count: int, seed: int) -> list[Path]:
    """Write JPEG files of one class; scenes after the fourth are flips and shifts of the first four."""
    generator = np.random.default_rng(seed)
    place = folder / "scenes"
    place.mkdir(parents=True)
    scenes = [np.asarray(fractal(width, height, generator)) for _ in range(4)]
    files = []
    for index in range(count):
        shifted = np.roll(scenes[index % 4], int(generator.integers(width)), axis=1)
        file = place / f"{index:04d}.jpg"
        Image.fromarray(shifted).save(file, quality=90)
        files.append(file)
    return files


def tfl_seconds(files: list[Path], contract: ImagePreprocessing, threads: int) -> float:
    """Time all files with `load_pixels` in a pool of threads, as the store does."""
    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda file: contract.read(file), files):
            pass
    return time.perf_counter() - start


def keras_seconds(folder: Path, size: int, threads: int) -> float:
    """Time one pass over `image_dataset_from_directory`; building the dataset is not counted."""
    import keras
    import tensorflow as tf

    data = keras.utils.image_dataset_from_directory(
        folder, image_size=(size, size), batch_size=8, shuffle=False, crop_to_aspect_ratio=True, verbose=False
    )
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    data = data.with_options(options)
    start = time.perf_counter()
    for _ in data:
        pass
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--small", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--size", type=int, default=224)
    arguments = parser.parse_args()
    size, threads = arguments.size, arguments.threads
    draft = ImagePreprocessing(height=size, width=size, jpeg_draft=True)
    full = ImagePreprocessing(height=size, width=size)
    print(
        "| files | keras img/s | tfl img/s | tfl without draft img/s | ratio (range) | aim |\n|---|---|---|---|---|---|"
    )
    missed = False
    for name, (width, height, aim) in SETS.items():
        with tempfile.TemporaryDirectory() as temporary:
            count = arguments.small if width < 1000 else arguments.photos
            files = make_files(Path(temporary), width, height, count, seed=0)
            runs = {
                "keras": partial(keras_seconds, Path(temporary), size, threads),
                "tfl": partial(tfl_seconds, files, draft, threads),
                "full": partial(tfl_seconds, files, full, threads),
            }
            for run in runs.values():
                run()
            taken: dict[str, list[float]] = {side: [] for side in runs}
            for number in range(arguments.rounds):
                for side in sorted(runs, reverse=bool(number % 2)):
                    taken[side].append(runs[side]())
        ratios = [theirs / ours for theirs, ours in zip(taken["keras"], taken["tfl"], strict=True)]
        rates = {side: count / statistics.median(seconds) for side, seconds in taken.items()}
        ratio = statistics.median(ratios)
        missed |= ratio < aim
        print(
            f"| {count} x {name} | {rates['keras']:.1f} | {rates['tfl']:.1f} | {rates['full']:.1f} | "
            f"{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {aim} |",
            flush=True,
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
