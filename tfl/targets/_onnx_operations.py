"""TensorFlow's operations that tf2onnx has no rule for, written with those of ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np


def _write_erfc(graph: Any, node: Any, name: str, _arguments: list[Any]) -> None:
    """Write `1 - erf(x)` for TensorFlow's `Erfc`, which its exact GELU is made of: ConvNeXt has one in each block."""
    shape, dtype = node.output_shapes[0], node.output_dtypes[0]
    graph.remove_node(name)
    error = graph.make_node("Erf", [node.input[0]], shapes=[shape], dtypes=[dtype])
    one = graph.make_const(f"{name}__one", np.ones(1, dtype=np.float32))
    graph.make_node(
        "Sub", [one.output[0], error.output[0]], name=name, outputs=node.output, shapes=[shape], dtypes=[dtype]
    )


#: Operation -> how to write it, and no further arguments, as tf2onnx takes `custom_op_handlers`.
HANDLERS: Mapping[str, tuple[Callable[..., None], list[Any]]] = MappingProxyType({"Erfc": (_write_erfc, [])})
