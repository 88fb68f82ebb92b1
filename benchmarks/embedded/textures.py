"""Textures: noise of a chosen spectrum, regular patterns, cells, and dead leaves; one recipe per category."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import numpy as np
from canvas import SIZE, Draw, Field, Pixels, Rng, as_tuple, color, colored, coordinates, finish, spectral_noise, unit
from PIL import Image, ImageDraw

_U, _V = np.fft.fftfreq(SIZE)[:, None] * SIZE, np.fft.rfftfreq(SIZE)[None, :] * SIZE


def categories() -> list[Draw]:
    """Return every texture: spectral noise, patterns, cells, dead leaves."""
    spectra = itertools.product((4.0, 8.0, 16.0, 30.0), ("all", "one"), ("smooth", "ridges", "spots"))
    draws: list[Draw] = [functools.partial(_draw_noise, cycles=c, direction=d, shape=s) for c, d, s in spectra]
    draws += [
        functools.partial(_draw_noise, cycles=slope, direction="fall", shape="smooth") for slope in (0.7, 1.3, 2.0)
    ]
    for pattern, cycles in itertools.product(_PATTERNS, (5.0, 12.0)):
        draws.append(functools.partial(_draw_pattern, pattern=pattern, cycles=cycles))
    for count, kind in itertools.product((15, 60), ("flat", "dome", "edge")):
        draws.append(functools.partial(_draw_cells, count=count, kind=kind))
    for leaf, size in itertools.product(("disc", "box", "needle", "triangle"), (0.1, 0.25)):
        draws.append(functools.partial(_draw_leaves, leaf=leaf, size=size))
    return draws


def _draw_noise(rng: Rng, *, cycles: float, direction: str, shape: str) -> Pixels:
    if direction == "fall":
        amplitude = np.maximum(np.hypot(_U, _V), 1.0) ** -cycles
    else:
        center = cycles * rng.uniform(0.8, 1.25)
        amplitude = np.exp(-0.5 * ((np.hypot(_U, _V) - center) / (0.25 * center)) ** 2)
        if direction == "one":
            angle = rng.uniform(0, np.pi)
            across = (_U * np.sin(angle) + _V * np.cos(angle)) / np.maximum(np.hypot(_U, _V), 1e-9)
            amplitude = amplitude * across**8
    field = spectral_noise(rng, amplitude)
    if shape == "ridges":
        field = unit(-np.abs(field - 0.5))
    elif shape == "spots":
        field = 1 / (1 + np.exp(-(field - rng.uniform(0.55, 0.7)) * 40))
    return colored(field, rng)


def _draw_pattern(rng: Rng, *, pattern: str, cycles: float) -> Pixels:
    x, y = coordinates(rng)
    field = _PATTERNS[pattern](x * cycles, y * cycles, rng)
    if rng.random() < 0.4:
        field = 0.75 * field + 0.25 * rng.random((12, 12)).repeat(SIZE // 12, 0).repeat(SIZE // 12, 1)
    return colored(field, rng)


def _saw(value: Field) -> Field:
    return value - np.floor(value)


def _wave(value: Field) -> Field:
    return 0.5 + 0.5 * np.sin(2 * np.pi * value)


def _bricks(x: Field, y: Field, rng: Rng) -> Field:
    row = np.floor(y * 1.6)
    return ((_saw(x + 0.5 * (row % 2)) > 0.1) & (_saw(y * 1.6) > 0.15)).astype(float)


def _dots(x: Field, y: Field, rng: Rng) -> Field:
    radius = rng.uniform(0.22, 0.38)
    return (np.hypot(_saw(x) - 0.5, _saw(y) - 0.5) < radius).astype(float)


def _scales(x: Field, y: Field, rng: Rng) -> Field:
    row = np.floor(2 * y)
    return np.hypot(_saw(x + 0.5 * (row % 2)) - 0.5, _saw(2 * y) * 0.5) * 1.4


def _spiral(x: Field, y: Field, rng: Rng) -> Field:
    return _wave(np.hypot(x, y) + rng.integers(1, 4) * np.arctan2(y, x) / (2 * np.pi))


_PATTERNS: dict[str, Callable[[Field, Field, Rng], Field]] = {
    "bars": lambda x, y, rng: (_saw(x) < rng.uniform(0.3, 0.7)).astype(float),
    "thin_lines": lambda x, y, rng: (_saw(x) < rng.uniform(0.08, 0.18)).astype(float),
    "waves": lambda x, y, rng: _wave(x),
    "saw": lambda x, y, rng: _saw(x),
    "checks": lambda x, y, rng: (np.floor(x) + np.floor(y)) % 2,
    "plaid": lambda x, y, rng: 0.5 * (_saw(x) < 0.4) + 0.5 * (_saw(y) < 0.4),
    "grid": lambda x, y, rng: ((_saw(x) < 0.15) | (_saw(y) < 0.15)).astype(float),
    "bricks": _bricks,
    "dots": _dots,
    "rings": lambda x, y, rng: _wave(np.hypot(x, y)),
    "zigzag": lambda x, y, rng: (_saw(y + np.abs(_saw(x) - 0.5)) < 0.5).astype(float),
    "curls": lambda x, y, rng: _wave(x + 0.35 * np.sin(2 * np.pi * y)),
    "scales": _scales,
    "spiral": _spiral,
    "rays": lambda x, y, rng: _wave(np.arctan2(y, x) * rng.integers(4, 12) / (2 * np.pi)),
    "eggs": lambda x, y, rng: 0.5 * _wave(x) + 0.5 * _wave(y),
}


def _draw_cells(rng: Rng, *, count: int, kind: str) -> Pixels:
    """Colour Voronoi cells: each its own colour, shaded from its middle, or the walls alone."""
    x, y = coordinates(rng, zoom=(0.9, 1.1))
    number = max(4, int(count * rng.uniform(0.7, 1.4)))
    seeds = rng.uniform(-0.55, 0.55, (number, 2)) + np.array((x.mean(), y.mean()))
    distance = np.hypot(x[..., None] - seeds[:, 0], y[..., None] - seeds[:, 1])
    if kind == "flat":
        palette = np.stack([color(rng) for _ in range(number)])
        return finish(palette[distance.argmin(-1)], rng)
    nearest = np.partition(distance, 1, axis=-1)
    if kind == "dome":
        return colored(unit(nearest[..., 0]), rng)
    return colored((nearest[..., 1] - nearest[..., 0] > rng.uniform(0.015, 0.04)).astype(float), rng)


def _draw_leaves(rng: Rng, *, leaf: str, size: float) -> Pixels:
    """Lay opaque leaves over each other until the ground is covered (dead leaves, Matheron 1968)."""
    side = 2 * SIZE
    image = Image.new("RGB", (side, side), as_tuple(color(rng)))
    pen = ImageDraw.Draw(image)
    palette = [color(rng) for _ in range(rng.integers(3, 9))]
    for _ in range(int(4.5 / size**1.5)):
        radius = side * size * np.exp(rng.normal(0, 0.5)) / 2
        middle, angle = rng.uniform(0, side, 2), rng.uniform(0, 2 * np.pi)
        points = _LEAVES[leaf] @ [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]] * radius + middle
        fill = palette[rng.integers(len(palette))] * rng.uniform(0.6, 1.2)
        pen.polygon(points.ravel().tolist(), fill=as_tuple(np.clip(fill, 0, 255)))
    return finish(np.asarray(image.reduce(2), dtype=np.float64), rng)


def _around(corners: int, *, width: float = 1.0) -> Field:
    angle = 2 * np.pi * (np.arange(corners) + 0.5) / corners
    return np.stack([np.cos(angle), width * np.sin(angle)], axis=1)


_LEAVES = {
    "disc": _around(20),
    "box": _around(4, width=0.8),
    "needle": _around(14, width=0.22) * 1.6,
    "triangle": _around(3),
}
