"""Train the second layer of `embedded:leafnet` by contrast, without labels.

    python train.py DRAWN leafnet.npz [--steps 700]

Each picture, a drawing or leaves cut out of drawings, is changed twice: cropped, mirrored and turned, and its colours
moved. patchnet's filters, which stay as they are, answer to both once. At each step, a window of 5 x 5 places is cut
out of the maps of each, and the two windows of a picture shall be more alike than those of 256 pictures are to each
other (SimCLR, arXiv:2002.05709). As only what stands on the maps learns, that takes minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from leaves import draw_leaves
from views import changed

from tfl.backbones import _leafnet, _patchnet
from tfl.backbones._variables import weights_of
from tfl.backbones.embedded import SOURCE

SEED = 13
LEAVES = 4000
#: Pictures of a step, and rows and columns of a window of their maps.
BATCH, WINDOW = 256, 5
#: Divides the cosines of two windows before they are compared.
TEMPERATURE = 0.15
RATE, WARM_UP, DECAY = 2e-3, 50, 1e-2
#: The head that the loss looks through, and that is thrown away.
HIDDEN, COMPARED = 512, 128
BATCH_NORM = {"momentum": 0.98, "epsilon": 1e-5}
#: Of measuring the filters' means and scaling them.
ROUNDS = 4

Floats = npt.NDArray[np.float32]
Halves = npt.NDArray[np.float16]
Rng = np.random.Generator


def maps_of(pixels: npt.NDArray[np.uint8], rng: Rng) -> Halves:
    """Return patchnet's maps of two changed views of each picture, `(2, pictures, 9, 9, 640)` float16."""
    import keras
    import tensorflow as tf

    whole = SOURCE.load("patchnet").model
    model = keras.Model(whole.input, whole.get_layer("maps").output)
    answers = tf.function(lambda images: model(images, training=False), reduce_retracing=True)
    maps = np.empty((2, len(pixels), *model.output_shape[1:]), dtype=np.float16)
    for start in range(0, len(pixels), 100):
        rows = slice(start, start + 100)
        for view in range(2):
            maps[view, rows] = answers(changed(pixels[rows], rng)).numpy()
    return maps


def learner(channels: int) -> Any:
    """Return the second layer with BatchNorm and the head: a window of maps -> features of length 1 to compare."""
    import keras

    inputs = keras.Input((WINDOW, WINDOW, channels))
    x = inputs
    for filters, places, name in ((_leafnet.MIXED, 1, "mixed"), (_leafnet.FILTERS, 3, "leaf")):
        start = keras.initializers.HeUniform(seed=SEED + places)
        x = keras.layers.Conv2D(filters, places, use_bias=False, kernel_initializer=start, name=f"{name}_conv")(x)
        x = keras.layers.BatchNormalization(name=f"{name}_bn", **BATCH_NORM)(x)
        x = keras.layers.ReLU(max_value=6.0)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(HIDDEN, use_bias=False, kernel_initializer=keras.initializers.HeUniform(seed=SEED))(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(**BATCH_NORM)(x))
    x = keras.layers.Dense(COMPARED, kernel_initializer=keras.initializers.GlorotUniform(seed=SEED))(x)
    return keras.Model(inputs, keras.layers.UnitNormalization(dtype="float32")(x))


def windows(maps: Halves, rows: npt.NDArray[np.int64], rng: Rng) -> Halves:
    """Cut a window out of the maps of the pictures of these rows, each somewhere else."""
    last = maps.shape[1] - WINDOW + 1
    top, left = rng.integers(0, last, (2, len(rows), 1)) + np.arange(WINDOW)[:, None].reshape(1, 1, -1)
    return np.asarray(maps[rows[:, None, None], top[:, :, None], left[:, None, :]])


def contrast(maps: Halves, steps: int, rng: Rng) -> Any:
    """Train the second layer, printing the loss on the way, and return it."""
    import keras
    import tensorflow as tf

    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    model = learner(maps.shape[-1])
    schedule = keras.optimizers.schedules.CosineDecay(0.0, steps, warmup_target=RATE, warmup_steps=WARM_UP)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=DECAY)
    same = tf.eye(2 * BATCH) * 1e9
    other = tf.roll(tf.range(2 * BATCH), BATCH, axis=0)

    @tf.function
    def step(views: Any) -> Any:
        with tf.GradientTape() as tape:
            found = model(views, training=True)
            logits = tf.matmul(found, found, transpose_b=True) / TEMPERATURE - same
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(other, logits))
        weights = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return loss

    usual = 0.0
    for number in range(steps):
        rows = rng.integers(0, maps.shape[1], BATCH)
        views = np.concatenate([windows(maps[view], rows, rng) for view in range(2)])
        loss = float(step(views))
        usual = loss if number == 0 else 0.98 * usual + 0.02 * loss
        if number % 100 == 0:
            print(json.dumps({"step": number, "loss": round(usual, 3)}), flush=True)
    keras.mixed_precision.set_global_policy("float32")
    return model


def folded(model: Any, name: str) -> list[Floats]:
    """Return kernel and bias of a convolution with its BatchNorm folded in."""
    norm = model.get_layer(f"{name}_bn")
    gamma, beta, mean, variance = (np.asarray(weights, dtype=np.float32) for weights in norm.get_weights())
    factor = gamma / np.sqrt(variance + norm.epsilon)
    (kernel,) = model.get_layer(f"{name}_conv").get_weights()
    return [np.asarray(kernel * factor, dtype=np.float32), beta - mean * factor]


def level(model: Any, pixels: npt.NDArray[np.uint8]) -> None:
    """Scale each filter of the second layer to the mean that patchnet's filters have, over these pictures."""
    import keras

    regions, layer = keras.Model(model.input, model.get_layer("leaf_regions").output), model.get_layer("leaf_conv")
    images = pixels.astype(np.float32) / 127.5 - 1.0
    for _ in range(ROUNDS):
        means = regions.predict(images, verbose=0, batch_size=50).mean(axis=(0, 1, 2))
        factor = _patchnet.USUAL_MEAN / np.maximum(means, 1e-3)
        layer.set_weights([weights * factor for weights in layer.get_weights()])


def assembled(second: Any) -> Any:
    """Return the whole network: patchnet's and sketchnet's weights as they are in the package, and the second layer."""
    model = _leafnet.build()
    for name in ("patchnet", "sketchnet"):
        for layer in SOURCE.load(name).model.layers:
            # The gains of patchnet are fewer than the whole network's, and are by formula in both.
            if layer.weights and not layer.name.endswith("_gain"):
                model.get_layer(layer.name).set_weights(layer.get_weights())
    if second is not None:
        for name in ("mixed", "leaf"):
            model.get_layer(f"{name}_conv").set_weights(folded(second, name))
    return model


def train(drawn: Path, out: Path, *, steps: int) -> dict[str, Any]:
    """Draw leaves, learn the second layer, write the weights, and return a record of the run."""
    start = time.perf_counter()
    rng = np.random.default_rng(SEED)
    drawings = np.load(drawn / "pixels.npy", mmap_mode="r")
    pixels = np.concatenate([draw_leaves(drawings, LEAVES, rng), drawings])
    model = assembled(contrast(maps_of(pixels, rng), steps, rng) if steps else None)
    level(model, drawings[::7])
    np.savez(out, **weights_of(model))
    return {"seed": SEED, "pictures": len(pixels), "steps": steps, "seconds": round(time.perf_counter() - start)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drawn", type=Path, help="the folder that draw.py wrote")
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=700, help="0: leave the second layer random, to compare")
    arguments = parser.parse_args()
    print(json.dumps(train(arguments.drawn, arguments.out, steps=arguments.steps)))


if __name__ == "__main__":
    main()
