"""Pictures of leaves that are cut out of other pictures: most of what `embedded:leafnet` learns from.

Opaque figures of all sizes over each other have edges, occlusion and scales as photos have them (dead leaves: Matheron,
1968; as training pictures: Baradad et al., 2021). Here each leaf shows a piece of a drawing or of a picture of
`nets.py`, or one colour of it, shaded, some with a shadow below; some pictures repeat few shapes, some few pieces.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

SIZE = 96
#: Pictures that leaves are cut from, of each kind, until so many pictures of leaves are made.
POOL, PER_POOL = 1500, 2000
#: A picture has from one to many leaves, as often 1 to 6 as 6 to 40.
MOST = 40
#: How often the ground is out of focus, a picture has few shapes or pieces, and a leaf a shadow.
BLURRED, FEW_SHAPES, FEW_PIECES, SHADOWED = 0.4, 0.3, 0.5, 0.3
#: Share of leaves of one colour.
PLAIN = 0.3
#: The least leaf, as a share of the largest of its picture.
LEAST = 0.06
_ANGLE = 2 * np.pi * np.arange(24) / 24

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
Rng = np.random.Generator


def draw_leaves(count: int, rng: Rng, *, nets: Pixels, drawings: Pixels) -> Pixels:
    """Draw `count` pictures, `(count, 96, 96, 3)` uint8, of leaves cut out of what networks drew and of drawings."""
    made: list[Pixels] = []
    while len(made) < count:
        pool = [
            Image.fromarray(np.asarray(pictures[row]))
            for pictures in (nets, drawings)
            for row in rng.integers(0, len(pictures), POOL)
        ]
        made += [_picture(pool, rng) for _ in range(min(PER_POOL, count - len(made)))]
    return np.stack(made)


def _picture(pool: list[Image.Image], rng: Rng) -> Pixels:
    image = _shaded(_piece(pool, SIZE, rng), rng)
    if rng.random() < BLURRED:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3)))
    leaves, largest = int(np.exp(rng.uniform(0, np.log(MOST)))), SIZE / 2 * rng.uniform(0.25, 0.9)
    pieces = [pool[rng.integers(len(pool))] for _ in range(4)] if rng.random() < FEW_PIECES else pool
    shapes = [_outline(rng) for _ in range(3)] if rng.random() < FEW_SHAPES else []
    for _ in range(leaves):
        outline = shapes[rng.integers(3)] if shapes else _outline(rng)
        _lay(image, outline * largest * max(LEAST, rng.random() ** 1.7), pieces, rng)
    return np.asarray(image)


def _lay(image: Image.Image, points: Points, pieces: list[Image.Image], rng: Rng) -> None:
    """Lay a leaf of this outline somewhere on the picture."""
    low = points.min(axis=0)
    width, height = np.maximum(np.ceil(points.max(axis=0) - low).astype(int), 2).tolist()
    mask = Image.new("L", (width, height), 0)
    ImageDraw.Draw(mask).polygon((points - low).ravel().tolist(), fill=255)
    leaf = _shaded(_piece(pieces, max(width, height), rng).crop((0, 0, width, height)), rng)
    x, y = rng.uniform(0, SIZE, 2)
    left, top = int(x - width / 2), int(y - height / 2)
    if rng.random() < SHADOWED:
        away = int(rng.integers(1, 5))
        image.paste((0, 0, 0), (left + away, top + away), mask.point(lambda value: value // 2))
    image.paste(leaf, (left, top), mask)


def _shaded(image: Image.Image, rng: Rng) -> Image.Image:
    """Let light fall from one side, and half of the time fade towards the rim."""
    values = np.asarray(image).astype(np.float32)
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in values.shape[:2])
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + rng.uniform(0, 0.5) * (np.cos(angle) * x + np.sin(angle) * y[:, None])
    if rng.random() < 0.5:
        light *= 1 - rng.uniform(0, 0.5) * np.clip(x**2 + y[:, None] ** 2, 0, 1)
    return Image.fromarray(np.clip(values * light[..., None], 0, 255).astype(np.uint8))


def _piece(pool: list[Image.Image], side: int, rng: Rng) -> Image.Image:
    """Return a square piece of a drawing, turned or mirrored, or one of its colours."""
    drawing = pool[rng.integers(len(pool))]
    if rng.random() < PLAIN:
        column, row = rng.integers(0, SIZE, 2).tolist()
        return Image.fromarray(np.broadcast_to(np.asarray(drawing)[row, column], (side, side, 3)).copy())
    edge = rng.uniform(0.25, 1.0) * SIZE
    left, top = rng.uniform(0, SIZE - edge, 2)
    piece = drawing.resize((side, side), Image.Resampling.BILINEAR, box=(left, top, left + edge, top + edge))
    turns = list(Image.Transpose)
    return piece.transpose(turns[rng.integers(len(turns))])


def _outline(rng: Rng) -> Points:
    """Return an ellipse, a smooth blob, a polygon or a star of about radius 1, stretched and turned."""
    kind = rng.integers(4)
    if kind == 0:
        radius = np.ones(len(_ANGLE))
    elif kind == 1:
        waves = [
            rng.normal(0, 0.28) / k**0.5 * np.cos((k + 1) * _ANGLE + rng.uniform(0, 2 * np.pi)) for k in range(1, 6)
        ]
        radius = np.maximum(1 + np.sum(waves, axis=0), 0.15)
    elif kind == 2:
        radius = rng.uniform(0.8, 1.2, rng.integers(3, 8))
    else:
        radius = np.tile([1.0, rng.uniform(0.3, 0.8)], rng.integers(3, 9))
    angle = 2 * np.pi * np.arange(len(radius)) / len(radius)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle) * np.exp(-abs(rng.normal(0, 0.5)))], axis=1)
    turn = rng.uniform(0, 2 * np.pi)
    return points @ [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
