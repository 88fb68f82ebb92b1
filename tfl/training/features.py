"""What is frozen is computed once: the backbone's features, plain and augmented, for the head to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tfl.core.files import sha256_text, write_atomic
from tfl.core.progress import Progress
from tfl.data.preprocess import Floats


def frozen_features(
    backbone: Any,
    feed: Any,
    *,
    views: int,
    batch_size: int,
    cache_dir: Path,
    key: tuple[str, ...],
    progress: Progress,
) -> tuple[Floats, Any]:
    """Compute the features of each view of each sample, or read them where an interrupted run left them.

    A view is an epoch of the feed, so that it is augmented, cropped and mixed as an epoch of training would be; of a
    feed that mixes, labels are rows of shares, and the head learns from those.

    Args:
        backbone: `(batch, height, width, 3)` -> `(batch, features)`.
        feed: Of pixels, without weights, see `make_feed`; its order is kept.
        views: How many times over the samples.
        batch_size: Of the feed.
        cache_dir: Where the file goes.
        key: Everything that the features depend on.
        progress: Told after every batch.

    Returns:
        `(views * samples, features)` float32, view after view, and their labels, as the feed gives them.
    """
    path = cache_dir / f"features-{sha256_text(*key, str(views), str(len(feed)))[:32]}.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["features"], arrays["labels"]
    parts, labels = [], []
    total = views * len(feed)
    for view in range(views):
        feed.go_to(view)
        for index in range(len(feed)):
            inputs, answers = feed[index]
            parts.append(np.asarray(_padded(backbone, inputs, batch_size), dtype=np.float32))
            labels.append(answers)
            progress.update("frozen features", done=view * len(feed) + index + 1, total=total)
    features, answers = np.concatenate(parts), np.concatenate(labels)
    write_atomic(path, lambda file: np.savez(file, allow_pickle=False, features=features, labels=answers))
    return features, answers


def _padded(backbone: Any, batch: Floats, batch_size: int) -> Any:
    """Run a batch at one fixed size, because another size is another compiled graph."""
    missing = batch_size - len(batch)
    if missing:
        batch = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), dtype=np.float32)])
    return backbone.predict_on_batch(batch)[: batch_size - missing]
