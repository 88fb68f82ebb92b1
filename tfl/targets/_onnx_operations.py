"""What tf2onnx needs help with: operations it has no rule for, and numbers that its optimizer stumbles over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tfl.core.errors import UnsupportedError

#: Domains whose operations ONNX itself defines; a node that tf2onnx leaves as it was is in the first of them.
_STANDARD_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
#: TensorFlow's names for a sum of two.
_SUMS = ("Add", "AddV2")


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


def lift_scalars(graph: Any, _nodes: list[Any]) -> list[Any]:
    """Give the numbers that are added to a tensor one dimension, which changes nothing of the sum.

    tf2onnx tries to merge what is added after a convolution into it and takes the largest of its sizes. A number has
    none, which ends all of its work on transpositions: MobileNetV3Small with its hard sigmoids kept 104 instead of 1.

    Args:
        graph: Of tf2onnx; changed.
        _nodes: Its nodes, as tf2onnx hands them to a rewriter.

    Returns:
        The nodes afterwards.
    """
    for node in [node for node in graph.get_nodes() if node.type in _SUMS and node.output_shapes[0]]:
        for index, source in enumerate(node.inputs):
            if source.is_const() and source.get_tensor_value(as_list=False).ndim == 0:
                name = f"{node.name}__number_{index}"
                lifted = graph.make_const(name, source.get_tensor_value(as_list=False).reshape(1))
                graph.replace_input(node, node.input[index], lifted.output[0], index)
    return list(graph.get_nodes())


def require_onnx_operations(model: Any) -> None:
    """Refuse a model with operations that ONNX does not have; tf2onnx logs them and leaves them in the graph.

    Raises:
        UnsupportedError: Names them.
    """
    import onnx

    opset = next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))
    unknown = Counter(
        node.op_type
        for node in _nodes(model.graph)
        if node.domain in _STANDARD_DOMAINS and not _is_known(onnx.defs, node, opset)
    )
    if unknown:
        counted = ", ".join(f"{name} ({count})" for name, count in sorted(unknown.items()))
        raise UnsupportedError(
            f"tf2onnx has no ONNX operations for these of the network's graph: {counted}.",
            hint="Another target may have them: tfl export RUN --target NAME",
        )


def _is_known(defs: Any, node: Any, opset: int) -> bool:
    if node.domain == "ai.onnx.ml":
        return bool(defs.has(node.op_type, domain=node.domain))
    return bool(defs.has(node.op_type, max_inclusive_version=opset, domain=""))


def _nodes(graph: Any) -> Iterator[Any]:
    """Yield a graph's nodes, and those of the branches and loops inside of them."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)
