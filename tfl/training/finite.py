"""Where a value stopped being finite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl.training.cut import Cuttable


class NotFiniteError(ArithmeticError):
    """A loss or a weight is not finite.

    Args:
        what: Which, and where.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def all_finite(arrays: Sequence[npt.NDArray[Any]]) -> bool:
    """Say whether every value of every floating array is finite."""
    return all(bool(np.isfinite(array.astype(np.float32)).all()) for array in arrays if array.dtype.kind in "fV")


def where_not_finite(model: Any, inputs: Any) -> str:
    """Name the input, the layer's weights or the layer's output that is not finite first.

    Args:
        model: Functional.
        inputs: A batch of what goes in.
    """
    if not bool(np.isfinite(np.asarray(inputs, dtype=np.float32)).all()):
        return "the batch that goes in"
    found = _first_weights(model)
    if found:
        return f"the weights of layer '{found}'"
    layer = _first_output(model, np.asarray(inputs, dtype=np.float32))
    return f"the output of layer '{layer}'" if layer else "the loss, while every layer's output is finite"


def _first_weights(model: Any) -> str:
    for layer in getattr(model, "layers", []):
        if getattr(layer, "layers", None):
            inner = _first_weights(layer)
            if inner:
                return inner
        elif not all_finite([np.asarray(weight.value) for weight in layer.weights]):
            return str(layer.name)
    return ""


def _first_output(model: Any, inputs: npt.NDArray[Any]) -> str:
    """Name the first layer to cut at whose output is not finite, found by bisection; empty where all are."""
    network = Cuttable(model)
    ends = [*network.points, ""]

    def fails(end: str) -> bool:
        values = network.part("", end)(inputs, training=False)
        return not all_finite([np.asarray(values, dtype=np.float32)])

    if not fails(""):
        return ""
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        if fails(ends[middle]):
            high = middle
        else:
            low = middle + 1
    name = ends[high] or str(model.layers[-1].name)
    layer = model.get_layer(name)
    if not getattr(layer, "layers", None):
        return name
    before = network.part("", ends[high - 1])(inputs, training=False) if high else inputs
    return _first_output(layer, np.asarray(before, dtype=np.float32)) or name
