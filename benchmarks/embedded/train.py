"""Train `embedded:sketchnet` on drawn pictures, in two stages.

    python train.py DRAWN first.npz --stage categories
    python train.py DRAWN sketchnet.npz --stage looks --start first.npz

The stage `categories` asks which of the drawings it is, and a little for a 4 x 4 thumbnail in colour. The
stage `looks` asks as much for what a picture looks like: thumbnail, colours, and edges by direction and scale, all
computed from the picture itself. Categories alone would throw that away, and photos are told apart by it.
BatchNorm's statistics are measured anew at the end, on whole pictures of the network's own size.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfl.backbones import _sketchnet
from tfl.backbones._variables import put_weights, weights_of

SEED = 11
BATCH = 64


@dataclass(frozen=True)
class Phase:
    """A stretch of training at one size; the learning rate falls linearly from `rate` to `last_rate`."""

    size: int
    epochs: float
    rate: float
    last_rate: float


@dataclass(frozen=True)
class Stage:
    """What is asked for, how heavily, and for how long.

    `thumbnail` and `looks` are the weights of these losses beside the category's, which is 1; a stage has one
    of the two. That of `looks` is the mean square error of targets standardized per batch.
    """

    phases: tuple[Phase, ...]
    thumbnail: float
    looks: float


STAGES = {
    "categories": Stage(
        (Phase(48, 2.0, 2e-3, 1.5e-3), Phase(64, 2.0, 1.5e-3, 8e-4), Phase(96, 0.7, 8e-4, 1e-5)), 2.0, 0.0
    ),
    "looks": Stage((Phase(64, 0.5, 1.5e-3, 1e-5),), 0.0, 5.0),
}
LOOKS = 48 + 64 + 3 * 24


def build(categories: int, stage: Stage, *, size: int) -> tuple[Any, Any]:
    """Return the backbone and the training model `image -> [logits, thumbnail or looks]`."""
    import keras

    backbone = _sketchnet.build(image_size=size)
    # ReLU6 features are far from zero on average: centred ones make the heads learn several times faster.
    features = keras.layers.BatchNormalization(momentum=0.98, name="features_bn")(backbone.output)
    logits = keras.layers.Dense(categories, name="category")(features)
    described = keras.layers.Dense(LOOKS if stage.looks else 48, name="described")(features)
    return backbone, keras.Model(backbone.input, [logits, described])


def thumbnail_of(images: Any, size: int) -> Any:
    """Return the colours of 4 x 4 places, `(batch, 48)` in [-1, 1]."""
    import tensorflow as tf

    return tf.reshape(tf.nn.avg_pool2d(images, size // 4, size // 4, "VALID"), (-1, 48))


def looks_of(images: Any, size: int) -> Any:
    """Describe images in [-1, 1]: `(batch, LOOKS)`, each column standardized over the batch.

    A 4 x 4 thumbnail (48), a soft histogram of 4 x 4 x 4 colours (64), and at three scales the strength of
    edges in six directions in each quarter of the picture (72).
    """
    import tensorflow as tf

    small = tf.nn.avg_pool2d(images, 2, 2, "VALID")
    bins = tf.nn.softmax(-8.0 * tf.abs(small[..., None] - tf.linspace(-0.75, 0.75, 4)), axis=-1)
    joint = tf.einsum("bhwi,bhwj,bhwk->bijk", bins[..., 0, :], bins[..., 1, :], bins[..., 2, :])
    parts = [thumbnail_of(images, size), tf.sqrt(tf.reshape(joint, (-1, 64)) / float((size // 2) ** 2))]
    grey = tf.reduce_mean(images, axis=-1, keepdims=True)
    turns = np.arange(6, dtype=np.float32) * np.float32(np.pi / 6)
    for _ in range(3):
        across = grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]
        down = grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]
        along = across * np.cos(turns) + down * np.sin(turns)
        # The strength of an edge times the fourth power of its cosine, without the trigonometry of each pixel.
        edges = tf.square(tf.square(along)) / (across**2 + down**2 + 1e-6) ** 1.5
        height = edges.shape[1] // 2
        pooled = tf.nn.avg_pool2d(edges, height, height, "VALID")[:, :2, :2]
        parts.append(tf.sqrt(tf.reshape(pooled, (-1, 24))))
        grey = tf.nn.avg_pool2d(grey, 2, 2, "VALID")
    looks = tf.concat(parts, axis=1)
    mean, variance = tf.nn.moments(looks, axes=[0])
    return (looks - mean) / tf.sqrt(variance + 1e-4)


def augmented(pixels: Any, size: int) -> Any:
    """Crop, zoom, dim, tint and grey a batch `(batch, 96, 96, 3)` uint8 -> `(batch, size, size, 3)` in [-1, 1].

    Nothing is mirrored or turned: a mirrored glyph is another glyph, and the drawings turn themselves.
    """
    import tensorflow as tf

    count = tf.shape(pixels)[0]
    scale = tf.random.uniform((count, 1), 0.7, 1.0)
    top_left = tf.random.uniform((count, 2)) * (1.0 - scale)
    boxes = tf.concat([top_left, top_left + scale], axis=1)
    images = tf.cast(pixels, tf.float32) / 255.0
    images = tf.image.crop_and_resize(images, boxes, tf.range(count), (size, size))
    shape = (count, 1, 1, 1)
    contrast = tf.random.uniform(shape, 0.6, 1.3)
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    images = (images - mean) * contrast + mean + tf.random.uniform(shape, -0.2, 0.2)
    images = images * tf.random.uniform((count, 1, 1, 3), 0.8, 1.2)
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = tf.where(tf.random.uniform(shape) < 0.15, tf.broadcast_to(grey, tf.shape(images)), images)
    return tf.clip_by_value(images, 0.0, 1.0) * 2.0 - 1.0


def make_step(model: Any, optimizer: Any, stage: Stage, *, size: int) -> Any:
    """Return the compiled training step: `(pixels, labels) -> (loss, accuracy)`."""
    import keras
    import tensorflow as tf

    weight = stage.looks or stage.thumbnail
    category_loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)

    @tf.function(reduce_retracing=True)
    def step(pixels: Any, labels: Any) -> Any:
        images = augmented(pixels, size)
        wanted = looks_of(images, size) if stage.looks else thumbnail_of(images, size)
        with tf.GradientTape() as tape:
            logits, described = model(images, training=True)
            loss = category_loss(tf.one_hot(labels, logits.shape[-1]), logits)
            loss += weight * tf.reduce_mean(tf.square(wanted - described))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        right = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, -1, tf.int32), labels), tf.float32))
        return loss, right

    return step


def run_phase(model: Any, stage: Stage, phase: Phase, data: tuple[Any, Any], rng: np.random.Generator) -> float:
    """Train for one phase and return the accuracy over its last tenth."""
    import keras
    import tensorflow as tf

    pixels, labels = data
    steps = int(len(labels) * phase.epochs) // BATCH
    schedule = keras.optimizers.schedules.PolynomialDecay(phase.rate, steps, end_learning_rate=phase.last_rate)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=1e-4, clipnorm=5.0)
    optimizer.build(model.trainable_variables)
    step = make_step(model, optimizer, stage, size=phase.size)
    rounds = int(np.ceil(phase.epochs)) + 1
    order = np.concatenate([rng.permutation(len(labels)) for _ in range(rounds)])
    history, start = [], time.perf_counter()
    for number in range(steps):
        rows = np.sort(order[number * BATCH : (number + 1) * BATCH])
        loss, right = step(tf.constant(pixels[rows]), tf.constant(labels[rows]))
        history.append((float(loss), float(right)))
        if number % 50 == 49:
            mean = np.mean(history[-50:], axis=0)
            rate = (number + 1) * BATCH / (time.perf_counter() - start)
            print(
                f"{phase.size} px, step {number + 1}/{steps}: loss {mean[0]:.3f}, accuracy {mean[1]:.3f}, {rate:.0f}/s"
            )
    return float(np.mean(history[-max(1, steps // 10) :], axis=0)[1])


def measure_statistics(backbone: Any, pixels: Any, rng: np.random.Generator, *, batches: int = 150) -> None:
    """Run whole, unaugmented pictures in training mode, so that BatchNorm's statistics are those of plain input."""
    import tensorflow as tf

    forward = tf.function(lambda images: backbone(images, training=True))
    for _ in range(batches):
        rows = np.sort(rng.choice(len(pixels), BATCH, replace=False))
        forward(tf.constant(pixels[rows].astype(np.float32) / 127.5 - 1.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drawn", type=Path, help="the folder that draw.py wrote")
    parser.add_argument("out", type=Path)
    parser.add_argument("--stage", choices=sorted(STAGES), default="categories")
    parser.add_argument("--start", type=Path, help="weights to start from")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    keys = ("threads", "seed", "start")
    train(arguments.drawn, arguments.out, STAGES[arguments.stage], **{key: getattr(arguments, key) for key in keys})


def train(drawn: Path, out: Path, stage: Stage, *, threads: int, seed: int, start: Path | None) -> None:
    """Train through the phases of a stage, write the weights after each, and a record of the run beside them."""
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    pixels = np.load(drawn / "pixels.npy", mmap_mode="r")
    labels = np.load(drawn / "labels.npy")
    begin = time.perf_counter()
    previous: Any = None
    record: dict[str, Any] = {"seed": seed, "pictures": len(labels), "categories": int(labels.max()) + 1}
    for phase in stage.phases:
        backbone, model = build(record["categories"], stage, size=phase.size)
        if previous is not None:
            model.set_weights(previous)
        elif start is not None:
            with np.load(start, allow_pickle=False) as arrays:
                put_weights(backbone, dict(arrays))
        record[f"accuracy_{phase.size}px"] = run_phase(model, stage, phase, (pixels, labels), rng)
        previous = model.get_weights()
        np.savez(out, **weights_of(backbone))
    final = _sketchnet.build()
    final.set_weights(backbone.get_weights())
    measure_statistics(final, pixels, rng)
    np.savez(out, **weights_of(final))
    record["seconds"] = round(time.perf_counter() - begin)
    out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record))


if __name__ == "__main__":
    main()
