"""Fractals: attractors of random iterated function systems (Barnsley, 1988), one system per category."""

from __future__ import annotations

import numpy as np
from canvas import SIZE, Draw, Field, Pixels, Rng, background, color, color_far_from, finish

_CHAINS, _WARM_UP, _STEPS = 2500, 8, 16


def categories(count: int, *, seed: int) -> list[Draw]:
    """Return `count` systems whose attractors fill a fair share of the picture."""
    rng = np.random.default_rng(seed)
    found: list[Draw] = []
    while len(found) < count:
        maps = _random_system(rng)
        density = _render(maps, np.random.default_rng(0))[0]
        if 0.06 < (density > 0).mean() < 0.75:
            found.append(_drawer(maps))
    return found


def _random_system(rng: Rng) -> Field:
    """Return `(maps, 2, 3)` affine maps with singular values in [0.2, 0.85]."""
    maps = []
    for _ in range(rng.integers(2, 6)):
        first, second = rng.uniform(0, 2 * np.pi, 2)
        stretch = np.diag(rng.uniform(0.2, 0.85, 2) * rng.choice([-1, 1], 2))
        linear = _rotation(first) @ stretch @ _rotation(second)
        maps.append(np.column_stack([linear, rng.uniform(-1, 1, 2)]))
    return np.stack(maps)


def _rotation(angle: float) -> Field:
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def _drawer(maps: Field) -> Draw:
    def draw(rng: Rng) -> Pixels:
        density, last_map = _render(maps * rng.uniform(0.93, 1.07, maps.shape), rng)
        strength = np.clip(np.log1p(density) / np.log1p(np.percentile(density[density > 0], 80)), 0, 1)[..., None]
        paper = background(rng)
        ink = color_far_from(paper.mean((0, 1)), rng)
        if rng.random() < 0.5:
            other = color(rng)
            ink = ink + (other - ink) * last_map[..., None]
        return finish(paper * (1 - strength) + ink * strength, rng)

    return draw


def _render(maps: Field, rng: Rng) -> tuple[Field, Field]:
    """Play the chaos game: how many points fell on each pixel, and the mean number of their last map in [0, 1]."""
    weight = np.abs(np.linalg.det(maps[:, :, :2])) + 0.02
    points = rng.uniform(-1, 1, (_CHAINS, 2))
    kept, chosen = [], []
    choices = rng.choice(len(maps), (_WARM_UP + _STEPS, _CHAINS), p=weight / weight.sum())
    for step, choice in enumerate(choices):
        picked = maps[choice]
        points = np.einsum("nij,nj->ni", picked[:, :, :2], points) + picked[:, :, 2]
        if step >= _WARM_UP:
            kept.append(points)
            chosen.append(choice)
    cloud, last = np.concatenate(kept), np.concatenate(chosen) / max(len(maps) - 1, 1)
    cloud = cloud @ _rotation(rng.uniform(-0.6, 0.6))
    low, high = np.percentile(cloud, (1, 99), axis=0)
    spread = max((high - low).max(), 1e-6) * rng.uniform(1.05, 1.5)
    cloud = (cloud - (low + high) / 2) / spread + 0.5 + rng.uniform(-0.1, 0.1, 2)
    cell = np.floor(cloud * SIZE).astype(np.int64)
    inside = ((cell >= 0) & (cell < SIZE)).all(1)
    index = cell[inside, 1] * SIZE + cell[inside, 0]
    density = np.bincount(index, minlength=SIZE * SIZE).astype(float)
    mean_map = np.bincount(index, weights=last[inside], minlength=SIZE * SIZE) / np.maximum(density, 1)
    return density.reshape(SIZE, SIZE), mean_map.reshape(SIZE, SIZE)
