"""What every drawing shares: colours, coordinates, noise and backgrounds. `SIZE` square, seeded, NumPy and Pillow."""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image

#: Height and width of every drawing, in pixels.
SIZE = 96

Rng = np.random.Generator
Field = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.uint8]
#: Draws one picture of its category, `(SIZE, SIZE, 3)` uint8, another one at each call.
Draw = Callable[[Rng], Pixels]

_ROWS, _COLUMNS = np.mgrid[0:SIZE, 0:SIZE] / (SIZE - 1) - 0.5
_FREQUENCY = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None, :]) * SIZE


def color(rng: Rng) -> Field:
    """Return one colour, `(3,)` in [0, 255]: any hue, more often muted or dark than a uniform draw would be."""
    hue, saturation, value = rng.random(), rng.beta(1.2, 1.5), rng.beta(1.5, 1.2)
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value)) * 255


def color_far_from(other: Field, rng: Rng) -> Field:
    """Return a colour that can be told from `other`: a mean difference of at least 45 levels."""
    for _ in range(20):
        candidate = color(rng)
        if np.abs(candidate - other).mean() >= 45:
            return candidate
    return 255.0 - other if np.abs(255.0 - 2 * other).mean() >= 45 else np.zeros(3)


def as_tuple(value: Field) -> tuple[int, int, int]:
    """Return a colour as Pillow takes it."""
    red, green, blue = (int(channel) for channel in value)
    return red, green, blue


def coordinates(rng: Rng, *, turn_deg: float = 180.0, zoom: tuple[float, float] = (0.75, 1.35)) -> tuple[Field, Field]:
    """Return x and y of every pixel, about [-0.5, 0.5], turned, zoomed, shifted and a little bent."""
    angle = np.deg2rad(rng.uniform(-turn_deg, turn_deg))
    scale = np.exp(rng.uniform(np.log(zoom[0]), np.log(zoom[1])))
    x = (np.cos(angle) * _COLUMNS + np.sin(angle) * _ROWS) * scale
    y = (np.cos(angle) * _ROWS - np.sin(angle) * _COLUMNS) * scale * rng.uniform(0.85, 1.18)
    bend = rng.uniform(0.0, 0.06)
    waves, phase = rng.uniform(2, 8, 2), rng.uniform(0, 2 * np.pi, 2)
    return (
        x + bend * np.sin(waves[0] * y + phase[0]) + rng.uniform(-0.5, 0.5),
        y + bend * np.sin(waves[1] * x + phase[1]) + rng.uniform(-0.5, 0.5),
    )


def unit(field: Field) -> Field:
    """Stretch a field to [0, 1] between its 1st and 99th percentile."""
    low, high = np.percentile(field, (1, 99))
    return np.clip((field - low) / max(high - low, 1e-9), 0.0, 1.0)


def noise(rng: Rng, *, slope: float) -> Field:
    """Return noise in [0, 1] whose amplitude falls as frequency to the power of `-slope`."""
    return spectral_noise(rng, np.maximum(_FREQUENCY, 1.0) ** -slope)


def spectral_noise(rng: Rng, amplitude: Field) -> Field:
    """Return Gaussian noise of a given amplitude spectrum (the half plane of `rfft2`), in [0, 1]."""
    spectrum = np.fft.rfft2(rng.standard_normal((SIZE, SIZE)))
    return unit(np.fft.irfft2(spectrum * amplitude, s=(SIZE, SIZE)))


def colored(field: Field, rng: Rng) -> Pixels:
    """Colour a field in [0, 1] with a ramp through two or three colours."""
    first = color(rng)
    second = color_far_from(first, rng)
    stops = [first, second] if rng.random() < 0.6 else [first, second, color_far_from(second, rng)]
    ramp = np.stack([np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, len(stops)), c) for c in np.transpose(stops)])
    return finish(ramp.T[(np.clip(field, 0, 1) * 255).astype(np.intp)], rng)


def background(rng: Rng) -> Field:
    """Return `(SIZE, SIZE, 3)` in [0, 255]: plain, a gradient, or noise of a random coarseness."""
    base = color(rng)
    kind = rng.random()
    if kind < 0.3:
        return np.broadcast_to(base, (SIZE, SIZE, 3)).copy()
    other = color(rng) if rng.random() < 0.5 else base * rng.uniform(0.4, 1.4)
    if kind < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        field = unit(np.cos(angle) * _COLUMNS + np.sin(angle) * _ROWS)
    else:
        field = noise(rng, slope=rng.uniform(0.5, 2.5))
    return base + (np.clip(other, 0, 255) - base) * field[..., None]


def finish(pixels: Field, rng: Rng) -> Pixels:
    """Add what a camera adds: uneven light, a little blur and grain; round to uint8."""
    pixels = pixels.astype(np.float32)
    if rng.random() < 0.4:
        light = 1 + rng.uniform(-0.5, 0.5) * _COLUMNS + rng.uniform(-0.5, 0.5) * _ROWS
        pixels = pixels * light[..., None].astype(np.float32)
    if rng.random() < 0.3:
        small = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        side = int(rng.integers(SIZE // 3, SIZE))
        pixels = np.asarray(small.resize((side, side), Image.Resampling.BILINEAR).resize((SIZE, SIZE))).astype("f4")
    if rng.random() < 0.4:
        pixels = pixels + rng.standard_normal(pixels.shape, dtype=np.float32) * rng.uniform(2, 14)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
