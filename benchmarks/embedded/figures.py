"""Figures: outlines of many kinds, and creatures put together from parts; one kind per category."""

from __future__ import annotations

import functools

import numpy as np
from canvas import SIZE, Draw, Field, Pixels, Rng, as_tuple, background, color, color_far_from, finish
from PIL import Image, ImageDraw

_SIDE = 2 * SIZE


def outline_categories(*, blobs: int, seed: int) -> list[Draw]:
    """Return figures by their outline: polygons, stars, flowers, gears, arrows, bolts and `blobs` smooth ones."""
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    outlines = [_polar(np.cos(np.pi / n) / np.cos((angle % (2 * np.pi / n)) - np.pi / n)) for n in range(3, 8)]
    outlines += [_star(n, depth) for n in (4, 5, 6, 8) for depth in (0.4, 0.7)]
    outlines += [_polar(0.7 + 0.3 * np.cos(n * angle)) for n in (3, 4, 5, 7)]
    outlines += [_polar(0.8 + 0.2 * np.sign(np.cos(n * angle))) for n in (6, 10)]
    outlines += [_polar(np.ones(120)) * [1, width] for width in (1.0, 0.5, 0.22)]
    outlines += [np.array(points, dtype=float) for points in _LETTERS]
    rng = np.random.default_rng(seed)
    for _ in range(blobs):
        size, phase = rng.normal(0, 0.28, 5) / np.arange(1, 6) ** 0.5, rng.uniform(0, 2 * np.pi, 5)
        radius = 1 + sum(size[k] * np.cos((k + 2) * angle + phase[k]) for k in range(5))
        outlines.append(_polar(np.maximum(radius, 0.15)))
    return [functools.partial(_draw_outline, outline=outline / np.abs(outline).max()) for outline in outlines]


def _polar(radius: Field) -> Field:
    angle = np.linspace(0, 2 * np.pi, len(radius), endpoint=False)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _star(points: int, depth: float) -> Field:
    return _polar(np.tile([1.0, depth], points))


_LETTERS = (
    [
        (-0.3, -1),
        (0.3, -1),
        (0.3, -0.3),
        (1, -0.3),
        (1, 0.3),
        (0.3, 0.3),
        (0.3, 1),
        (-0.3, 1),
        (-0.3, 0.3),
        (-1, 0.3),
        (-1, -0.3),
        (-0.3, -0.3),
    ],
    [(-0.8, -1), (-0.3, -1), (-0.3, 0.5), (0.8, 0.5), (0.8, 1), (-0.8, 1)],
    [(-1, -1), (1, -1), (1, -0.4), (0.25, -0.4), (0.25, 1), (-0.25, 1), (-0.25, -0.4), (-1, -0.4)],
    [(-0.9, -1), (-0.4, -1), (-0.4, 0.5), (0.4, 0.5), (0.4, -1), (0.9, -1), (0.9, 1), (-0.9, 1)],
    [(-1, -0.25), (0.2, -0.25), (0.2, -0.8), (1, 0), (0.2, 0.8), (0.2, 0.25), (-1, 0.25)],
    [(-1, -0.8), (0.2, -0.8), (0.2, 0), (1, 0), (1, 0.8), (-0.2, 0.8), (-0.2, 0), (-1, 0)],
    [(0.2, -1), (-0.7, 0.2), (-0.05, 0.2), (-0.2, 1), (0.7, -0.2), (0.05, -0.2)],
    [(-1, 0.6), (0, -0.6), (1, 0.6), (0.6, 0.8), (0, 0.1), (-0.6, 0.8)],
)


def _pose(rng: Rng, points: Field, *, low: float, high: float) -> Field:
    """Turn, shear, scale and place points of about [-1, 1] on the doubled canvas."""
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[rng.uniform(0.75, 1.2), rng.uniform(-0.25, 0.25)], [0.0, 1.0]])
    radius = _SIDE / 2 * rng.uniform(low, high)
    middle = _SIDE / 2 + rng.uniform(-1, 1, 2) * (_SIDE / 2 - 0.8 * radius) * 0.7
    placed: Field = points @ shear @ turn * radius + middle
    return placed


def _draw_outline(rng: Rng, *, outline: Field) -> Pixels:
    paper = background(rng)
    points = _pose(rng, outline + rng.normal(0, 0.015, outline.shape), low=0.35, high=0.95).ravel().tolist()
    mask = Image.new("L", (_SIDE, _SIDE))
    pen = ImageDraw.Draw(mask)
    if rng.random() < 0.25:
        pen.line([*points, *points[:4]], fill=255, width=int(rng.integers(4, 14)), joint="curve")
    else:
        pen.polygon(points, fill=255)
    cover = np.asarray(mask.reduce(2), dtype=np.float64)[..., None] / 255
    fill = color_far_from(paper.mean((0, 1)), rng)
    ink = background(rng) * 0.4 + fill * 0.6 if rng.random() < 0.4 else fill
    return finish(paper * (1 - cover) + ink * cover, rng)


def creature_categories(count: int, *, seed: int) -> list[Draw]:
    """Return `count` body plans: how many segments, limbs, wings, feelers and bands, and how long each is."""
    rng = np.random.default_rng(seed)
    return [functools.partial(_draw_creature, plan=_random_plan(rng)) for _ in range(count)]


def _random_plan(rng: Rng) -> dict[str, Field]:
    segments = int(rng.integers(1, 5))
    return {
        "lengths": rng.uniform(0.25, 1.0, segments),
        "widths": rng.uniform(0.12, 0.6, segments),
        "limbs": rng.integers(0, 5, 1),
        "limb_length": rng.uniform(0.35, 1.0, 1),
        "limb_bend": rng.uniform(-0.6, 0.6, 1),
        "wings": rng.integers(0, 3, 1),
        "wing_shape": rng.uniform([0.4, 0.12, 0.2], [1.0, 0.4, 1.3]),
        "feelers": rng.integers(0, 2, 1) * rng.uniform(0.2, 0.7, 1),
        "bands": rng.integers(0, 2, 1) * rng.integers(2, 6, 1),
        "tail": rng.integers(0, 2, 1) * rng.uniform(0.3, 0.9, 1),
    }


def _draw_creature(rng: Rng, *, plan: dict[str, Field]) -> Pixels:
    """Draw the plan along the x axis, each part a polygon or a line, then pose all of it."""
    paper = background(rng)
    skin = color_far_from(paper.mean((0, 1)), rng)
    other = color(rng)
    lengths = plan["lengths"] * rng.uniform(0.85, 1.15, len(plan["lengths"]))
    ends = np.concatenate([[0], np.cumsum(lengths)])
    ends = 1.2 * (ends / ends[-1] - 0.5)
    parts: list[tuple[str, Field, Field]] = []
    for limb in range(int(plan["limbs"][0])):
        root = 0.7 * (limb / max(plan["limbs"][0] - 1, 1) - 0.5) if plan["limbs"][0] > 1 else 0.0
        for side in (-1, 1):
            lean = 0.5 * root + plan["limb_bend"][0] + rng.normal(0, 0.12)
            reach = plan["limb_length"][0] * rng.uniform(0.8, 1.1)
            knee = [root + 0.4 * lean * reach, side * 0.5 * reach]
            parts.append(("line", np.array([[root, 0], knee, [root + lean * reach, side * reach]]), skin * 0.8))
    if plan["feelers"][0] > 0:
        for side in (-1, 1):
            tip = [ends[-1] + plan["feelers"][0], side * 0.35 + rng.normal(0, 0.05)]
            parts.append(("line", np.array([[ends[-1] - 0.05, 0], tip]), skin * 0.8))
    if plan["tail"][0] > 0:
        tip = [ends[0] - plan["tail"][0], rng.normal(0, 0.2)]
        parts.append(("line", np.array([[ends[0] + 0.05, 0], tip]), skin * 0.8))
    wing, thick, sweep = plan["wing_shape"]
    for number in range(int(plan["wings"][0])):
        for side in (-1, 1):
            angle = side * (np.pi / 2 + sweep * 0.5 + 0.45 * number + rng.normal(0, 0.1))
            leaf = _polar(np.ones(24)) * [wing / 2, thick / 2] + [wing / 2, 0]
            turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            parts.append(("face", leaf @ turn, other * 0.5 + 0.5 * paper[48, 48]))
    for number, width in enumerate(plan["widths"] * rng.uniform(0.85, 1.15, len(lengths))):
        half = (ends[number + 1] - ends[number]) / 2
        middle = (ends[number + 1] + ends[number]) / 2
        parts.append(("face", _polar(np.ones(28)) * [half * 1.08, width / 2] + [middle, 0], skin))
        for band in range(int(plan["bands"][0]) if number == 0 else 0):
            x = middle + half * (2 * (band + 1) / (plan["bands"][0] + 1) - 1)
            tall = 0.9 * width / 2 * np.sqrt(max(1 - ((x - middle) / half) ** 2, 0))
            parts.append(("line", np.array([[x, -tall], [x, tall]]), other))
    return _paint(paper, parts, rng)


def _paint(paper: Field, parts: list[tuple[str, Field, Field]], rng: Rng) -> Pixels:
    image = Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8)).resize((_SIDE, _SIDE))
    pen = ImageDraw.Draw(image)
    sizes = [len(points) for _, points, _ in parts]
    posed = np.split(
        _pose(rng, np.concatenate([points for _, points, _ in parts]), low=0.4, high=0.9), np.cumsum(sizes)
    )
    width = int(rng.integers(3, 9))
    for (kind, _, paint), points in zip(parts, posed, strict=False):
        fill = as_tuple(np.clip(paint, 0, 255))
        if kind == "line":
            pen.line(points.ravel().tolist(), fill=fill, width=width, joint="curve")
        else:
            pen.polygon(points.ravel().tolist(), fill=fill)
    return finish(np.asarray(image.reduce(2), dtype=np.float64), rng)
