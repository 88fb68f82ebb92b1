"""Fine-tune an embedded network, the same one from random weights, and MobileNetV1 0.25.

    python finetune.py DATA [--network leafnet] [--on "photos, val"] [--mobilenet FILE.h5] [--size 96 --size 224]
        [--rate 3e-4] [--epochs 15] [--seeds 2] [--json FILE]

All layers learn (BatchNorm's statistics stay), from a head of zeros on standardized features, with Adam; what is
learned from is cropped, dimmed and, but for digits and spectrograms, mirrored. The epochs are fixed beforehand, and the
held-out pictures of the first cut (see `data.py`) are scored once, at the end.
"""

from __future__ import annotations

import argparse
import functools
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from data import Pictures, read_all
from probe import NETWORKS, Score, mobilenet, score_of

from tfl.backbones.embedded import SOURCE

BATCH = 16
#: Learning rates of the backbone and of the head.
RATES = {"trained": 3e-4, "random": 1e-3}
#: Mirrored, these mean something else.
ONE_WAY = ("spoken digits", "digits")


def with_head(backbone: Any, images: Any, *, classes: int) -> Any:
    """Return the backbone with a head of zeros on features that are standardized by these images."""
    import keras

    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    usual = keras.layers.Normalization(axis=-1)
    usual.adapt(backbone.predict(images, verbose=0, batch_size=50))
    logits = keras.layers.Dense(classes, kernel_initializer="zeros")(usual(backbone.output))
    return keras.Model(backbone.input, logits)


def augmented(images: Any, seed: int, *, mirrored: bool) -> Any:
    import keras

    layers = [
        keras.layers.RandomFlip("horizontal", seed=seed),
        keras.layers.RandomZoom((-0.25, 0.0), seed=seed + 1),
        keras.layers.RandomTranslation(0.08, 0.08, seed=seed + 2),
    ]
    for layer in layers[0 if mirrored else 1 :]:
        images = layer(images, training=True)
    shape = (len(images), 1, 1, 1)
    return np.clip(np.asarray(images) * np.random.default_rng(seed).uniform(0.8, 1.2, shape), -1, 1).astype(np.float32)


def right_after(backbone: Any, data: Pictures, *, rate: float, epochs: int, seed: int) -> int:
    """Fine-tune on the first cut's rows and count how many of its others are right."""
    import keras

    learn, score = data.cuts[0]
    images = data.pixels.astype(np.float32) / 127.5 - 1.0
    model = with_head(backbone, images[learn], classes=int(data.labels.max()) + 1)
    steps = epochs * -(-len(learn) // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(rate, steps)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss=loss)
    for epoch in range(epochs):
        views = augmented(images[learn], 1000 * seed + epoch, mirrored=data.name not in ONE_WAY)
        model.fit(views, data.labels[learn], batch_size=BATCH, epochs=1, verbose=0)
    return int((model.predict(images[score], verbose=0).argmax(axis=1) == data.labels[score]).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--network", default="patchnet", choices=NETWORKS)
    parser.add_argument("--on", default="photos, val", help="name of a data set")
    parser.add_argument("--mobilenet", type=Path)
    parser.add_argument("--size", type=int, action="append", help="of MobileNetV1; 96 and 224 where none is named")
    parser.add_argument("--rate", type=float, default=RATES["trained"], help="of networks that are trained already")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    import keras

    own = arguments.network
    networks: dict[tuple[str, int], tuple[str, Callable[[], Any]]] = {
        (own, 96): ("trained", lambda: SOURCE.load(own).model),
        (f"{own}, random weights", 96): ("random", NETWORKS[own].build),
    }
    for size in arguments.size or (96, 224) if arguments.mobilenet else ():
        networks[(f"MobileNetV1 0.25, {size} px", size)] = (
            "trained",
            functools.partial(mobilenet, arguments.mobilenet, size=size),
        )
    scores: list[Score] = []
    for (name, size), (start, make) in networks.items():
        data = next(part for part in read_all(arguments.data, size=size) if part.name == arguments.on)
        for seed in range(arguments.seeds):
            keras.utils.set_random_seed(seed)
            rate = arguments.rate if start == "trained" else RATES[start]
            right = right_after(make(), data, rate=rate, epochs=arguments.epochs, seed=seed)
            score = score_of(data.name, f"{name}, seed {seed}", right=right, total=len(data.cuts[0][1]))
            scores.append(score)
            print(f"{score.features:36s} {score.accuracy:.3f}  [{score.low:.3f}, {score.high:.3f}]", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(score) for score in scores], indent=1) + "\n")


if __name__ == "__main__":
    main()
