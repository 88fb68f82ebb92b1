"""Pictures of leaves that are cut out of drawings: what `embedded:leafnet` learns from beside the drawings themselves.

Opaque figures of all sizes over each other have edges, occlusion and scales as photos have them (dead leaves: Matheron,
1968; as training pictures: Baradad et al., 2021). Here each leaf shows a piece of a drawing, or one colour of it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

SIZE = 96
#: Drawings that leaves are cut from.
POOL = 2500
#: A picture has from few to many leaves, as often 2 to 9 as 9 to 40.
FEWEST, MOST = 2, 40
#: Share of leaves of one colour.
PLAIN = 0.3
#: The least leaf, as a share of the largest of its picture.
LEAST = 0.06
_ANGLE = 2 * np.pi * np.arange(24) / 24

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
Rng = np.random.Generator


def draw_leaves(drawings: Pixels, count: int, rng: Rng) -> Pixels:
    """Draw `count` pictures, `(count, 96, 96, 3)` uint8, of leaves cut out of `drawings`."""
    chosen = rng.permutation(len(drawings))[:POOL]
    pool = [Image.fromarray(np.asarray(drawings[row])) for row in np.sort(chosen)]
    return np.stack([_picture(pool, rng) for _ in range(count)])


def _picture(pool: list[Image.Image], rng: Rng) -> Pixels:
    image = _piece(pool, SIZE, rng)
    leaves = int(np.exp(rng.uniform(np.log(FEWEST), np.log(MOST))))
    largest = SIZE / 2 * rng.uniform(0.3, 0.8)
    for _ in range(leaves):
        points = _outline(rng) * largest * max(LEAST, rng.random() ** 1.7)
        low = points.min(axis=0)
        width, height = np.maximum(np.ceil(points.max(axis=0) - low).astype(int), 2).tolist()
        mask = Image.new("L", (width, height), 0)
        ImageDraw.Draw(mask).polygon((points - low).ravel().tolist(), fill=255)
        leaf = _piece(pool, max(width, height), rng).crop((0, 0, width, height))
        x, y = rng.uniform(0, SIZE, 2)
        image.paste(leaf, (int(x - width / 2), int(y - height / 2)), mask)
    return np.asarray(image)


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
