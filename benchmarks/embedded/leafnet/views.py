"""Two views of a picture differ by crop, mirror, turn, colours, and a little blur; all pictures of a batch at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

#: Share of a picture's area that a view shows.
LEAST_AREA = 0.2
#: Natural logarithm of the largest ratio of the sides; largest turn, in radians, and how often there is one.
RATIO, TURN, TURNED = 0.29, 0.25, 0.3
#: How far brightness, contrast and saturation move, the hue in radians, and how often there is grey or blur.
BRIGHTNESS, CONTRAST, SATURATION, HUE = 0.25, 0.3, 0.3, 0.15
GREY, BLUR = 0.08, 0.2

Floats = npt.NDArray[np.float32]
Rng = np.random.Generator


def changed(pixels: npt.NDArray[np.uint8], rng: Rng, *, size: int) -> Any:
    """Return one view of each picture, `(batch, size, size, 3)` float32 in [-1, 1], as a tensor."""
    import tensorflow as tf

    count, side = pixels.shape[:2]
    images = tf.constant(pixels.astype(np.float32) / 127.5 - 1.0)
    images = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=_crops(count, side, rng, size=size),
        output_shape=(size, size),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    light = rng.uniform(-BRIGHTNESS, BRIGHTNESS, (count, 1, 1, 1)).astype(np.float32)
    colored = tf.matmul(tf.reshape(images - mean, (count, -1, 3)), _colors(count, rng))
    images = tf.reshape(colored, images.shape) + mean + light * (mean + 1.0)
    blurred = tf.nn.avg_pool2d(images, 3, 1, "SAME")
    return tf.clip_by_value(tf.where(rng.random((count, 1, 1, 1)) < BLUR, blurred, images), -1.0, 1.0)


def _crops(count: int, side: int, rng: Rng, *, size: int) -> Floats:
    """Return what takes places of a view to places of its picture: `(count, 8)`, rows of a projective transform."""
    area, ratio = rng.uniform(LEAST_AREA, 1.0, count), np.exp(rng.uniform(-RATIO, RATIO, count))
    width, height = np.minimum(np.sqrt(area * ratio), 1.0), np.minimum(np.sqrt(area / ratio), 1.0)
    angle = rng.uniform(-TURN, TURN, count) * (rng.random(count) < TURNED)
    cos, sin, mirror = np.cos(angle), np.sin(angle), rng.choice([-1.0, 1.0], count)
    a, b, d, e = width * mirror * cos, -width * sin, height * mirror * sin, height * cos
    middle = (side - 1) / 2
    x = middle + rng.uniform(-1, 1, count) * (1 - width) * middle - (a + b) * middle
    y = middle + rng.uniform(-1, 1, count) * (1 - height) * middle - (d + e) * middle
    nothing = np.zeros(count)
    step = (side - 1) / (size - 1)
    return np.stack([a * step, b * step, x, d * step, e * step, y, nothing, nothing], axis=1).astype(np.float32)


def _colors(count: int, rng: Rng) -> Floats:
    """Return matrices that change contrast, saturation and hue of `(..., 3)`: a turn about the axis of greys."""
    grey = np.full((3, 3), 1 / 3)
    colors, across = np.eye(3) - grey, np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    hue = rng.uniform(-HUE, HUE, (count, 1, 1))
    saturation = rng.uniform(1 - SATURATION, 1 + SATURATION, (count, 1, 1)) * (rng.random((count, 1, 1)) >= GREY)
    contrast = rng.uniform(1 - CONTRAST, 1 + CONTRAST, (count, 1, 1))
    turned = np.cos(hue) * colors + np.sin(hue) * across
    return np.asarray(contrast * (grey + saturation * turned), dtype=np.float32)
