"""Glyphs: made-up signs of one to four strokes, written by an unsteady hand; no font is used."""

from __future__ import annotations

import functools

import numpy as np
from canvas import SIZE, Draw, Field, Pixels, Rng, background, color, color_far_from, finish
from PIL import Image, ImageDraw

_SIDE = 2 * SIZE
_STEPS = np.linspace(0, 1, 16)


def categories(count: int, *, seed: int) -> list[Draw]:
    """Return `count` signs, each a list of strokes that are lines, arcs or loops between places of a 4 x 5 grid."""
    rng = np.random.default_rng(seed)
    return [functools.partial(_draw_glyph, strokes=_random_sign(rng)) for _ in range(count)]


def _random_sign(rng: Rng) -> list[tuple[str, Field]]:
    strokes: list[tuple[str, Field]] = []
    pen = _place(rng)
    for _ in range(rng.integers(1, 5)):
        # A pen that is not lifted makes the joined shapes that handwriting has.
        start = pen if rng.random() < 0.6 else _place(rng)
        kind = rng.random()
        if kind < 0.2:
            radius = rng.uniform(0.12, 0.3, 2)
            strokes.append(("loop", np.array([_place(rng) * 0.6 + 0.2, radius])))
            continue
        end = _place(rng)
        while np.hypot(*(end - start)) < 0.3:
            end = _place(rng)
        middle = (start + end) / 2
        if kind < 0.7:
            across = np.array([start[1] - end[1], end[0] - start[0]])
            middle = middle + across * rng.choice([-1, 1]) * rng.uniform(0.3, 1.0)
        strokes.append(("curve", np.stack([start, middle, end])))
        pen = end
    return strokes


def _place(rng: Rng) -> Field:
    return np.array([rng.integers(0, 4) / 3, rng.integers(0, 5) / 4])


def _trace(kind: str, shape: Field, rng: Rng) -> Field:
    """Return the points of one stroke, `(points, 2)`, its control points shaken."""
    shape = shape + rng.normal(0, 0.035, shape.shape)
    if kind == "loop":
        turn = 2 * np.pi * (_STEPS * rng.uniform(0.9, 1.05) + rng.random())
        return shape[0] + np.stack([np.cos(turn), np.sin(turn)], axis=1) * np.abs(shape[1])
    t = _STEPS[:, None]
    return (1 - t) ** 2 * shape[0] + 2 * t * (1 - t) * shape[1] + t**2 * shape[2]


def _draw_glyph(rng: Rng, *, strokes: list[tuple[str, Field]]) -> Pixels:
    traces = [_trace(kind, shape, rng) for kind, shape in strokes]
    points = np.concatenate(traces)
    low, high = points.min(0), points.max(0)
    points = (points - (low + high) / 2) / max((high - low).max(), 0.2)
    angle = rng.normal(0, 0.17)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = matrix @ [[rng.uniform(0.75, 1.15), rng.normal(0, 0.2)], [0.0, 1.0]]
    side = _SIDE * rng.uniform(0.5, 0.95)
    points = points @ matrix * side + _SIDE / 2 + rng.uniform(-1, 1, 2) * (_SIDE - side) * 0.4
    mask = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(mask)
    width = side * np.exp(rng.uniform(np.log(0.03), np.log(0.16)))
    for trace in np.split(points, np.cumsum([len(trace) for trace in traces])[:-1]):
        pen.line(trace.ravel().tolist(), fill=255, width=max(2, int(width)), joint="curve")
        for x, y in (trace[0], trace[-1]):
            pen.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    return _ink(_coarsened(mask, rng), rng)


def _coarsened(mask: Image.Image, rng: Rng) -> Field:
    """Return the cover in [0, 1], half of the time as a scan of only 7 to 28 pixels would hold it."""
    if rng.random() < 0.5:
        side = int(rng.integers(7, 29))
        mask = mask.resize((side, side), Image.Resampling.BOX)
        if rng.random() < 0.5:
            levels = int(rng.integers(2, 17))
            mask = mask.point([round(round(v / 255 * levels) / levels * 255) for v in range(256)])
    resample = Image.Resampling.BILINEAR if rng.random() < 0.7 else Image.Resampling.BICUBIC
    return np.asarray(mask.resize((SIZE, SIZE), resample), dtype=np.float64) / 255


def _ink(cover: Field, rng: Rng) -> Pixels:
    kind = rng.random()
    if kind < 0.5:
        dark, light = rng.uniform(0, 70), rng.uniform(170, 255)
        paper, ink = (dark, light) if rng.random() < 0.5 else (light, dark)
        grey = paper + (ink - paper) * cover
        pixels = np.repeat(grey[..., None], 3, axis=2)
        return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    ground = np.broadcast_to(color(rng), (SIZE, SIZE, 3)) if kind < 0.75 else background(rng)
    ink_color = color_far_from(ground.mean((0, 1)), rng)
    return finish(ground * (1 - cover[..., None]) + ink_color * cover[..., None], rng)
