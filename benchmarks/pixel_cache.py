"""What an epoch after the first one pays for its pictures: a batch out of the pixel cache against a training step.

    python benchmarks/pixel_cache.py [--pictures 512] [--batch 32] [--size 224] [--rounds 5]

MobileNetV2 with random weights, whose speed is that of trained ones, learns from its block 13 up. Pictures are drawn,
stored once and then read from the memory-mapped cache in the shuffled order of an epoch. Both are timed in the same
rounds, one after the other: `read` is the batch as uint8, `ready` also normalized to float32, `step` is one call of
`train_on_batch` with such a batch. Exit status 1 when reading takes more than 2 % of a step.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from tfl.core.progress import Progress
from tfl.data.loading import read_manifest
from tfl.data.preprocess import ImagePreprocessing, normalize
from tfl.data.store import open_rows

MOST_SHARE = 0.02


def draw(folder: Path, count: int) -> None:
    """Write noise as JPEG files of two classes."""
    generator = np.random.default_rng(0)
    for index in range(count):
        place = folder / ("one", "two")[index % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((320, 240)).save(place / f"{index:05d}.jpg")


def make_model(size: int):
    import keras

    backbone = keras.applications.MobileNetV2(
        weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3)
    )
    learning = False
    for layer in backbone.layers:
        learning |= layer.name.startswith("block_13")
        layer.trainable = learning and not isinstance(layer, keras.layers.BatchNormalization)
    model = keras.Sequential([backbone, keras.layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    return model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    contract = ImagePreprocessing(height=arguments.size, width=arguments.size, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        draw(place / "data", arguments.pictures)
        manifest = read_manifest(place / "data")
        start = time.perf_counter()
        pixels = open_rows(manifest.examples, manifest.root, contract, cache_dir=place, progress=Progress())
        first_s = time.perf_counter() - start
        model = make_model(arguments.size)
        answers = np.arange(arguments.batch) % 2
        model.train_on_batch(normalize(pixels[: arguments.batch], contract), answers)
        taken: dict[str, list[float]] = {"read": [], "ready": [], "step": []}
        for number in range(arguments.rounds):
            order = np.random.default_rng(number).permutation(len(pixels))
            for begin in range(0, len(order) - arguments.batch + 1, arguments.batch):
                start = time.perf_counter()
                batch = np.asarray(pixels[np.sort(order[begin : begin + arguments.batch])])
                read = time.perf_counter()
                inputs = normalize(batch, contract)
                ready = time.perf_counter()
                taken["read"].append(read - start)
                taken["ready"].append(ready - start)
                if begin < 2 * arguments.batch:
                    model.train_on_batch(inputs, answers)
                    taken["step"].append(time.perf_counter() - ready)
    medians = {name: statistics.median(seconds) * 1000 for name, seconds in taken.items()}
    share = medians["read"] / medians["step"]
    print(f"first epoch: {len(pixels) / first_s:.0f} pictures decoded and stored per s")
    print("| batch | read ms | ready ms | step ms | read / step | ready / step |\n|---|---|---|---|---|---|")
    print(
        f"| {arguments.batch} | {medians['read']:.2f} | {medians['ready']:.1f} | {medians['step']:.0f} | "
        f"{share:.2%} | {medians['ready'] / medians['step']:.2%} |"
    )
    return int(share > MOST_SHARE)


if __name__ == "__main__":
    sys.exit(main())
