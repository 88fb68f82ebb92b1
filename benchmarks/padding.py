"""What padding costs the frozen part of a transformer: batches as wide as the longest text of all, against their own.

    python benchmarks/padding.py FOLDER TABLE [--column text] [--texts 1000] [--rounds 3]

FOLDER is what `keras_hub:` loads, such as a Hugging Face folder of MiniLM; TABLE a CSV of texts. Both sides run the
same network on the same rows in the same order on the engine that a training takes, 32 at a time, in the same rounds;
the figure is the median ratio of wall times, and the largest difference of a feature.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path

import numpy as np

from tfl.backbones import SOURCES
from tfl.core.progress import Progress
from tfl.training.engines import open_engine, without_padding

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("table", type=Path)
    parser.add_argument("--column", default="text")
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    backbone = SOURCES.get("keras_hub").load(asked.folder)
    contract = backbone.info.preprocessing
    with asked.table.open(encoding="utf-8", newline="") as file:
        texts = [row[asked.column] for row in csv.DictReader(file)]
    texts = [texts[index] for index in np.random.default_rng(0).permutation(len(texts))[: asked.texts]]
    rows = np.stack([contract.read(text) for text in texts])
    ids = contract.prepare_alike(rows)(rows)
    lengths = (ids != contract.padding).sum(axis=1)
    alike = open_engine(
        *(backbone.model, len(texts)),
        policy="float32",
        batch_size=BATCH,
        sample=ids[:1],
        key=(backbone.digest, "padding"),
        progress=Progress(),
    )
    sides = {"alike": alike, "own": without_padding(alike, contract)}
    times: dict[str, list[float]] = {name: [] for name in sides}
    features: dict[str, np.ndarray] = {}
    for _ in range(asked.rounds):
        for name, engine in sides.items():
            start = time.perf_counter()
            features[name] = np.concatenate([engine.run(ids[at : at + BATCH]) for at in range(0, len(ids), BATCH)])
            times[name].append(time.perf_counter() - start)
    ratio = statistics.median(slow / fast for slow, fast in zip(times["alike"], times["own"], strict=True))
    difference = float(np.abs(features["alike"] - features["own"]).max())
    print(f"{alike.name}: {len(texts)} texts of {lengths.mean():.0f} tokens, the longest {lengths.max()}")
    wide, own = (statistics.median(times[name]) for name in sides)
    print(f"as wide as the longest {wide:.2f} s, own width {own:.2f} s")
    print(f"own width is {ratio:.2f} times as fast; largest difference of a feature {difference:.2g}")


if __name__ == "__main__":
    main()
