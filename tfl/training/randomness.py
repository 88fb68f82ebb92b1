"""What is drawn at random inside an epoch: seeded at its beginning, read and set again where a run goes on."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from tfl.training.network import leaves_of


def seed_epoch(model: Any, seed: int) -> None:
    """Seed the global generators, so that an epoch draws the same numbers in a resumed run.

    Keras' own layers draw from generators that are variables of the model. Others may draw from TensorFlow's global
    one, which can be seeded only by emptying TensorFlow's cache of kernels: all graphs are optimized anew then, half a
    second for the tail of MobileNetV2, twice an epoch. So it is seeded only where there are such layers.

    Args:
        model: That trains.
        seed: At least 0, below 2**32.
    """
    import keras

    if all(type(leaf).__module__.startswith("keras.") for leaf in leaves_of(model)):
        random.seed(seed)
        np.random.seed(seed)
    else:
        keras.utils.set_random_seed(seed)


def read_random_state() -> list[Any]:
    """Read the states of Python's and NumPy's global generators, as JSON takes them."""
    version, numbers, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return [
        [version, list(numbers), gauss],
        [str(name), [int(key) for key in keys], int(position), int(has_gauss), float(cached)],
    ]


def set_random_state(state: list[Any]) -> None:
    """Set what `read_random_state` read."""
    (version, numbers, gauss), (name, keys, position, has_gauss, cached) = state
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state((name, np.asarray(keys, dtype=np.uint32), position, has_gauss, cached))
