"""What is frozen is computed once: the backbone's features, plain and augmented, for the head to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tfl.core.files import sha256_text, write_atomic
from tfl.core.progress import Progress
from tfl.data.preprocess import Floats, Pixels
from tfl.training.feed import Prepare


def frozen_features(
    backbone: Any,
    pixels: Pixels,
    *,
    prepare: Prepare,
    views: int,
    batch_size: int,
    cache_dir: Path,
    key: tuple[str, ...],
    progress: Progress,
) -> Floats:
    """Compute the features of each view of each sample, or read them where an interrupted run left them.

    Args:
        backbone: `(batch, height, width, 3)` -> `(batch, features)`.
        pixels: `(samples, height, width, 3)` uint8.
        prepare: Normalizes and augments; the view is its epoch.
        views: How many times over the samples.
        batch_size: Samples per batch.
        cache_dir: Where the file goes.
        key: Everything that the features depend on.
        progress: Told after every batch.

    Returns:
        `(views * samples, features)` float32, view after view.
    """
    path = cache_dir / f"features-{sha256_text(*key, str(views), str(len(pixels)))[:32]}.npy"
    if path.is_file():
        return np.asarray(np.load(path, allow_pickle=False), dtype=np.float32)
    parts = []
    total = views * len(pixels)
    for view in range(views):
        for index, start in enumerate(range(0, len(pixels), batch_size)):
            batch = prepare(pixels[start : start + batch_size], view, index)
            parts.append(np.asarray(_padded(backbone, batch, batch_size), dtype=np.float32))
            progress.update(
                "frozen features", done=view * len(pixels) + min(start + batch_size, len(pixels)), total=total
            )
    features = np.concatenate(parts)
    write_atomic(path, lambda file: np.save(file, features, allow_pickle=False))
    return features


def _padded(backbone: Any, batch: Floats, batch_size: int) -> Any:
    """Run a batch at one fixed size, because another size is another compiled graph."""
    missing = batch_size - len(batch)
    if missing:
        batch = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), dtype=np.float32)])
    return backbone.predict_on_batch(batch)[: batch_size - missing]
