"""Pictures that small convolutional networks with random weights draw from noise: grounds, surfaces and colours.

Each network upsamples noise five times; at every size come filters of edges, all channels mixed, noise, a style per
picture, and a part of the colours (StyleGAN's generator, untrained, with oriented filters: Baradad et al., 2021,
arXiv:2106.05963). Colours are mostly light and dark, less yellow and blue, least red and green, as in photos.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

SIZE = 96
#: Times that the size doubles, from SIZE / 32.
DOUBLED = 5
CHANNELS = 24
#: Height and width of a filter, and pictures of one network.
PLACES, PER_NETWORK = 5, 16
#: One of each for a network: how far apart the directions of its filters lie, what is left of a channel under zero, and
#: how much noise comes at each size.
SPREADS, SLOPES, NOISES = (0.2, 0.8, 3.0), (0.0, 0.2, 0.5), (0.0, 0.1, 0.5)
#: Light and dark, yellow and blue, red and green, and how much there is of each.
COLOR_AXES = np.array([[1, 1, 1], [1, 0.6, -1.2], [1, -1, 0.3]]) / np.sqrt(3)
COLOR_SHARES = np.array([1.0, 0.55, 0.4])

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Rng = np.random.Generator


def draw_nets(count: int, rng: Rng) -> Pixels:
    """Draw `count` pictures, `(count, 96, 96, 3)` uint8, `PER_NETWORK` by each network."""
    networks = -(-count // PER_NETWORK)
    return np.concatenate([_colored(_drawn(rng), rng) for _ in range(networks)])[:count]


def _drawn(rng: Rng) -> Floats:
    """Run one network: `(PER_NETWORK, 96, 96, 3)`, of any range."""
    import tensorflow as tf

    side = SIZE // 2**DOUBLED
    x: Any = _normal(rng, PER_NETWORK, side, side, CHANNELS)
    style = _normal(rng, PER_NETWORK, 1, 1, CHANNELS)
    slope, fall = np.float32(rng.choice(SLOPES)), rng.uniform(0.5, 1.6)
    drawn: Any = 0.0
    for level in range(DOUBLED + 1):
        if level:
            x, drawn = (tf.image.resize(maps, (side, side), "bilinear") for maps in (x, drawn))
        x = tf.nn.depthwise_conv2d(x, edges(rng), [1, 1, 1, 1], "SAME")
        x = tf.einsum("bhwc,cd->bhwd", x, _mix(rng))
        x += _normal(rng, PER_NETWORK, side, side, 1) * _normal(rng, 1, 1, 1, CHANNELS) * np.float32(rng.choice(NOISES))
        mean, variance = tf.nn.moments(x, (1, 2), keepdims=True)
        scale = 1 + 0.6 * np.tensordot(style, _normal(rng, CHANNELS, CHANNELS), 1) / np.sqrt(CHANNELS)
        shift = 0.6 * np.tensordot(style, _normal(rng, CHANNELS, CHANNELS), 1) / np.sqrt(CHANNELS)
        shift += 0.4 * _normal(rng, 1, 1, 1, CHANNELS)
        x = (x - mean) * tf.math.rsqrt(variance + 1e-4) * scale.astype(np.float32) + shift.astype(np.float32)
        x = tf.maximum(x, slope * x)
        share = fall**-level if fall > 1 else fall ** (DOUBLED - level)
        colors = _normal(rng, CHANNELS, 3) / np.float32(np.sqrt(CHANNELS))
        drawn += tf.einsum("bhwc,cd->bhwd", x, colors) * np.float32(share)
        side *= 2
    return np.asarray(drawn.numpy())


def edges(rng: Rng) -> Floats:
    """Return a Gabor filter for each channel, `(5, 5, CHANNELS, 1)`, of length 1, about one direction."""
    y, x = np.mgrid[-(PLACES // 2) : PLACES // 2 + 1, -(PLACES // 2) : PLACES // 2 + 1]
    about, spread = rng.uniform(0, np.pi), rng.choice(SPREADS)
    filters = []
    for _ in range(CHANNELS):
        angle = about + rng.normal(0, spread)
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        width, stretch = rng.uniform(0.8, 2.2), rng.uniform(0.4, 1)
        waves = np.cos(2 * np.pi * rng.uniform(0.05, 0.45) * along + rng.uniform(0, 2 * np.pi))
        values = np.exp(-(along**2 + (across * stretch) ** 2) / (2 * width**2)) * waves
        filters.append(values / np.linalg.norm(values))
    return np.stack(filters, axis=-1)[..., None].astype(np.float32)


def _mix(rng: Rng) -> Floats:
    """Return what mixes the channels, of which each takes from few or from all."""
    kept = rng.random((CHANNELS, CHANNELS)) < rng.uniform(0.15, 1)
    return np.asarray(_normal(rng, CHANNELS, CHANNELS) * kept * 1.5 / np.sqrt(CHANNELS), dtype=np.float32)


def _colored(drawn: Floats, rng: Rng) -> Pixels:
    """Give each picture its contrast, colours and brightness, `(pictures, 96, 96, 3)` uint8."""
    one = (len(drawn), 1, 1, 1)
    values = drawn - drawn.mean(axis=(1, 2), keepdims=True)
    values /= values.std(axis=(1, 2, 3), keepdims=True) + 1e-3
    shares = np.exp(rng.normal(0, 0.4, (len(drawn), 1, 1, 3))) * COLOR_SHARES
    values = (values * shares) @ COLOR_AXES * rng.uniform(0.2, 0.7, one)
    values += rng.normal(0, 0.35, one) + rng.normal(0, 0.15, (len(drawn), 1, 1, 3))
    return np.clip(np.tanh(values) * 127.5 + 127.5, 0, 255).astype(np.uint8)


def _normal(rng: Rng, *shape: int) -> Floats:
    return rng.standard_normal(shape).astype(np.float32)
