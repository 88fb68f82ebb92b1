"""Batches for training: the order of an epoch follows from seed, stage and epoch alone, as a resumed run needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl.data.preprocess import Floats, ImagePreprocessing, Pixels, normalize

Labels = npt.NDArray[np.int32]
Prepare = Callable[[Any, int, int], Floats]


def make_feed(
    samples: Floats | Pixels,
    labels: Labels,
    *,
    batch_size: int,
    prepare: Prepare | None = None,
    weights: Floats | None = None,
    shuffle_seed: int | None = None,
) -> Any:
    """Build a `keras.utils.PyDataset`; `go_to(epoch)` sets the order, `seed_of(epoch)` seeds what else is random.

    Args:
        samples: `(samples, ...)`, may be memory-mapped.
        labels: `(samples,)` int32 class indices.
        batch_size: Samples per batch; the last one may be smaller.
        prepare: `(batch, epoch, batch index) -> inputs`, such as normalization and augmentation.
        weights: `(samples,)` float32 sample weights.
        shuffle_seed: Shuffle every epoch from this seed, or keep the order.
    """
    import keras

    class Feed(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(workers=1, use_multiprocessing=False)
            self.go_to(0)

        def seed_of(self, epoch: int) -> int:
            return int(np.random.SeedSequence([shuffle_seed or 0, epoch]).generate_state(1)[0] % 2**31)

        def go_to(self, epoch: int) -> None:
            self.epoch = epoch
            if shuffle_seed is None:
                self.order = np.arange(len(labels))
            else:
                self.order = np.random.default_rng([shuffle_seed, epoch]).permutation(len(labels))

        def __len__(self) -> int:
            return -(-len(labels) // batch_size)

        def __getitem__(self, index: int) -> tuple[Any, ...]:
            chosen = self.order[index * batch_size : (index + 1) * batch_size]
            # Sorted reads keep a memory-mapped file sequential; the order inside a batch does not matter.
            chosen = np.sort(chosen)
            batch = samples[chosen]
            inputs = batch if prepare is None else prepare(batch, self.epoch, index)
            if weights is None:
                return inputs, labels[chosen]
            return inputs, labels[chosen], weights[chosen]

    return Feed()


def normalizer(contract: ImagePreprocessing) -> Prepare:
    """Return a `prepare` that only normalizes, for validation and features."""
    return lambda batch, epoch, index: normalize(batch, contract)


def balanced_weights(labels: Labels) -> Floats:
    """Weigh every sample by `samples / (classes * count of its class)`, so that each class weighs the same.

    The formula is scikit-learn's `class_weight="balanced"` (King and Zeng, 2001).
    """
    counts = np.bincount(labels)
    present = int((counts > 0).sum())
    per_class = len(labels) / (present * np.maximum(counts, 1))
    return np.asarray(per_class[labels], dtype=np.float32)
