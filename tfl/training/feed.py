"""Batches for training: the order of an epoch follows from seed, stage and epoch alone, as a resumed run needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tfl.data.contract import Contract, Floats, Inputs, Rows
from tfl.training.mix import Mix

Labels = npt.NDArray[np.int32]
Prepare = Callable[[Any, int, int], Inputs]


def make_feed(
    samples: Floats | Rows,
    labels: Labels | Floats,
    *,
    batch_size: int,
    prepare: Prepare | None = None,
    mix: Mix | None = None,
    class_count: int | None = None,
    class_weights: Floats | None = None,
    sampling: Literal["natural", "balanced"] = "natural",
    shuffle_seed: int | None = None,
    views: int = 1,
    label_smoothing: float = 0.0,
) -> Any:
    """Build a `keras.utils.PyDataset`; `go_to(epoch)` sets the order, `seed_of(epoch)` seeds what else is random.

    Batches are `(inputs, labels)`, with sample weights as a third where there are class weights. Labels are
    `(batch,)` int32 for a sparse loss, or, with `class_count`, `(batch, classes)` float32 rows that sum to 1 for a
    categorical one. Weights of a mixed row are those of its classes in its shares, so that the loss is the mix of the
    two weighted losses.

    Args:
        samples: `(samples, ...)`, may be memory-mapped.
        labels: `(samples,)` int32 class indices, or `(samples, classes)` float32 rows.
        batch_size: Samples per batch; the last one may be smaller.
        prepare: `(batch, epoch, batch index) -> inputs`, such as normalization and augmentation.
        mix: See `make_mixer`; needs `class_count`.
        class_count: Number of classes, to give rows; None gives the labels as they are.
        class_weights: `(classes,)` float32.
        sampling: `natural` takes every sample once an epoch; `balanced` takes as many of each class, see
            `balanced_order`.
        shuffle_seed: Shuffle every epoch from this seed, or keep the order; `balanced` needs it.
        views: `samples` and rows of `labels` hold so many views of each sample, view after view; an epoch takes one
            of each, drawn anew. Needs `shuffle_seed` where it is above 1.
        label_smoothing: Share of each label that is given to all classes evenly; needs `class_count`.
    """
    import keras

    count = len(labels) // views
    classes: npt.NDArray[Any] = (labels.argmax(axis=1) if labels.ndim == 2 else labels)[:count]

    class Feed(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(workers=1, use_multiprocessing=False)
            self.go_to(0)

        def seed_of(self, epoch: int) -> int:
            return int(np.random.SeedSequence([shuffle_seed or 0, epoch]).generate_state(1)[0] % 2**31)

        def go_to(self, epoch: int) -> None:
            self.epoch = epoch
            if shuffle_seed is None:
                self.order = np.arange(count)
                return
            generator = np.random.default_rng([shuffle_seed, epoch])
            if sampling == "balanced":
                self.order = balanced_order(classes, generator)
            else:
                self.order = generator.permutation(count)
            if views > 1:
                self.order = self.order + count * generator.integers(0, views, len(self.order))

        def __len__(self) -> int:
            return -(-count // batch_size)

        def __getitem__(self, index: int) -> tuple[Any, ...]:
            chosen = self.order[index * batch_size : (index + 1) * batch_size]
            # Sorted reads keep a memory-mapped file sequential; the order inside a batch does not matter.
            chosen = np.sort(chosen)
            batch = samples[chosen]
            inputs: Any = batch if prepare is None else prepare(batch, self.epoch, index)
            if inputs.dtype == object:
                # Keras knows no objects of NumPy, but strings of its backend.
                inputs = keras.ops.convert_to_tensor(inputs, dtype="string")
            if class_count is None:
                weights = None if class_weights is None else class_weights[classes[chosen % count]]
                return (inputs, labels[chosen]) if weights is None else (inputs, labels[chosen], weights)
            rows = one_hot(labels[chosen], class_count)
            if class_weights is not None:
                rows = rows * class_weights
            if mix is not None:
                inputs, rows = mix(inputs, rows, self.epoch, index)
            if label_smoothing:
                shares = rows.sum(axis=1, keepdims=True)
                rows = rows * (1 - label_smoothing) + shares * label_smoothing / class_count
            if class_weights is None:
                return inputs, rows
            weights = rows.sum(axis=1)
            return inputs, rows / weights[:, None], weights

    return Feed()


def batches_ahead(feed: Any, indices: range) -> Iterator[tuple[Any, ...]]:
    """Yield some batches of a feed, the next one being prepared meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(feed.__getitem__, index) for index in indices[:1])
        for index in indices[1:]:
            waiting.append(pool.submit(feed.__getitem__, index))
            yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def one_hot(labels: Labels | Floats, class_count: int) -> Floats:
    """Turn `(samples,)` class indices into `(samples, classes)` float32 rows; rows stay as they are."""
    if labels.ndim == 2:
        return np.asarray(labels, dtype=np.float32)
    return np.eye(class_count, dtype=np.float32)[labels]


def balanced_order(classes: npt.NDArray[np.integer[Any]], generator: np.random.Generator) -> npt.NDArray[np.intp]:
    """Draw an epoch of as many samples of each class: indices `(samples,)` in random order.

    The epoch is as long as a natural one. Samples of a class are repeated evenly, all of them once before any comes
    twice; of a class larger than its share every epoch takes others.

    Args:
        classes: `(samples,)` class indices.
        generator: Of the epoch.
    """
    present = generator.permutation(np.unique(classes))
    shares = np.full(len(present), len(classes) // len(present))
    shares[: len(classes) % len(present)] += 1
    drawn = []
    for label, share in zip(present, shares, strict=True):
        members = np.flatnonzero(classes == label)
        rounds = [generator.permutation(members) for _ in range(-(-int(share) // len(members)))]
        drawn.append(np.concatenate(rounds)[:share])
    return generator.permutation(np.concatenate(drawn))


def preparer(contract: Contract) -> Prepare:
    """Return a `prepare` that only does what the contract says, for validation and features."""
    return lambda batch, epoch, index: contract.prepare(batch)


def uniform_preparer(contract: Contract, rows: Rows) -> Prepare:
    """Return a `prepare` whose batches of some rows all have the shape that those together have."""
    prepare = contract.prepare_alike(rows)
    return lambda batch, epoch, index: prepare(batch)


def balanced_weights(labels: Labels, class_count: int) -> Floats:
    """Weigh every class by `samples / (classes * count)`, so that each weighs the same: `(classes,)` float32.

    The formula is scikit-learn's `class_weight="balanced"` (King and Zeng, 2001). Classes without samples don't count.
    """
    counts = np.bincount(labels, minlength=class_count)
    present = int((counts > 0).sum())
    return np.asarray(len(labels) / (present * np.maximum(counts, 1)), dtype=np.float32)
