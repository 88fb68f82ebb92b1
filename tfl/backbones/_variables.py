"""A network's variables as float16 arrays, the way the embedded backbones carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import keras

Floats16 = npt.NDArray[np.float16]


def weights_of(model: keras.Model) -> dict[str, Floats16]:
    """Return every variable as float16, keyed `layer/variable`, as `put_weights` takes them."""
    return {
        f"{layer.name}/{variable.name}": np.asarray(variable.numpy(), dtype=np.float16)
        for layer in model.layers
        for variable in layer.variables
    }


def put_weights(model: keras.Model, weights: dict[str, Floats16]) -> None:
    """Assign every variable of `model` from `weights`, cast to float32.

    Raises:
        ValueError: A variable has no weights or other ones than its shape, or weights are left over.
    """
    left = dict(weights)
    for layer in model.layers:
        for variable in layer.variables:
            key = f"{layer.name}/{variable.name}"
            value = left.pop(key, None)
            if value is None or value.shape != tuple(variable.shape):
                found = "nothing" if value is None else str(value.shape)
                raise ValueError(f"{key}: needs {tuple(variable.shape)}, found {found}.")
            variable.assign(value.astype(np.float32))
    if left:
        raise ValueError(f"no layer takes {', '.join(sorted(left))}.")
