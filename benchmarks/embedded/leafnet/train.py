"""Train `embedded:leafnet` by contrast, without labels, on pictures that are all drawn.

    python train.py DRAWN leafnet.npz [--steps 5042] [--sheet FILE.png]

DRAWN is the folder that `draw.py --per-category 150` wrote. To its drawings come pictures of networks with random
weights (`nets.py`) and of leaves cut out of both (`leaves.py`). Each picture is changed twice (`views.py`), and the two
views shall be more alike than those of 256 pictures are to each other (SimCLR, arXiv:2002.05709). Five thousand steps
took 75 minutes on one core.
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
from nets import draw_nets
from PIL import Image
from views import changed

from tfl.backbones import _leafnet
from tfl.backbones._variables import weights_of

SEED = 17
#: Pictures of random networks, of leaves, and drawings of things and of glyphs, whose categories are the last.
NETS, LEAVES, THINGS, GLYPHS = 8_000, 40_000, 16_000, 4_000
GLYPH_CATEGORIES = 96
#: Pictures of a step, and height and width of a view.
BATCH, VIEW = 256, 64
#: Divides the cosines of two views before they are compared.
TEMPERATURE = 0.2
RATE, WARM_UP, DECAY = 2e-3, 150, 0.02
#: The head that the loss looks through, and that is thrown away.
HIDDEN, COMPARED = 512, 128

Pixels = npt.NDArray[np.uint8]
Rng = np.random.Generator


def pictures(drawn: Path, rng: Rng) -> Pixels:
    """Return everything that is learned from, `(68000, 96, 96, 3)` uint8."""
    drawings, labels = np.load(drawn / "pixels.npy", mmap_mode="r"), np.load(drawn / "labels.npy")
    is_glyph = labels > labels.max() - GLYPH_CATEGORIES
    things, glyphs = (rng.permutation(np.flatnonzero(rows)) for rows in (~is_glyph, is_glyph))
    nets = draw_nets(NETS, rng)
    leaves = draw_leaves(LEAVES, rng, nets=nets, drawings=drawings[: len(things)])
    kept = np.sort(np.concatenate([things[:THINGS], glyphs[:GLYPHS]]))
    return np.concatenate([nets, leaves, drawings[kept]])


def learner() -> tuple[Any, Any]:
    """Return the network, and the network with the head: views -> vectors of length 1 to compare."""
    import keras

    network = _leafnet.build(image_size=VIEW)
    x = keras.layers.GlobalAveragePooling2D()(network.get_layer(f"stage_{len(_leafnet.STAGES)}_second_relu").output)
    x = keras.layers.Dense(HIDDEN, use_bias=False)(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=_leafnet.BATCH_NORM_MOMENTUM)(x))
    x = keras.layers.UnitNormalization(dtype="float32")(keras.layers.Dense(COMPARED)(x))
    return network, keras.Model(network.input, x)


def contrast(pixels: Pixels, steps: int, rng: Rng) -> Any:
    """Train the network, printing the loss and how often a view finds its other among all, and return it."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(SEED)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    network, model = learner()
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - WARM_UP), warmup_target=RATE, warmup_steps=WARM_UP
    )
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
        return loss, tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1, tf.int32), other), tf.float32))

    usual = np.zeros(2)
    for number in range(steps):
        batch = pixels[rng.integers(0, len(pixels), BATCH)]
        views = tf.concat([changed(batch, rng, size=VIEW) for _ in range(2)], axis=0)
        answer = np.array([float(value) for value in step(views)])
        usual = answer if number == 0 else 0.98 * usual + 0.02 * answer
        if number % 100 == 0:
            print(json.dumps({"step": number, "loss": round(usual[0], 3), "found": round(usual[1], 3)}), flush=True)
    keras.mixed_precision.set_global_policy("float32")
    return network


def train(drawn: Path, out: Path, *, steps: int, sheet: Path | None) -> dict[str, Any]:
    """Draw the rest, learn, write the weights, and return a record of the run."""
    start = time.perf_counter()
    rng = np.random.default_rng(SEED)
    pixels = pictures(drawn, rng)
    if sheet:
        some = pixels[:: len(pixels) // 200][:200].reshape(10, 20, *pixels.shape[1:])
        Image.fromarray(np.concatenate(np.concatenate(some, axis=1), axis=1)).save(sheet)
    np.savez(out, **weights_of(contrast(pixels, steps, rng)))
    return {"seed": SEED, "pictures": len(pixels), "steps": steps, "seconds": round(time.perf_counter() - start)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drawn", type=Path, help="the folder that draw.py wrote")
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=5042)
    parser.add_argument("--sheet", type=Path, help="write some of the pictures here")
    arguments = parser.parse_args()
    print(json.dumps(train(arguments.drawn, arguments.out, steps=arguments.steps, sheet=arguments.sheet)))


if __name__ == "__main__":
    main()
