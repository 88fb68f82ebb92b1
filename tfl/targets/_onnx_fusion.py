"""Preprocessing as ONNX nodes before a finished network, which stays as it is."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfl.data.preprocess import ImagePreprocessing
from tfl.targets._fused_graph import affine_of

_PREFIX = "preprocess/"


def fuse_normalization(model: Any, contract: ImagePreprocessing) -> Any:
    """Let a model take uint8 RGB under its input's name and normalize it as the contract does.

    Args:
        model: An ONNX model with one float32 input `(batch, height, width, 3)`; altered.
        contract: Channel order, scale, mean and std.
    """
    from onnx import TensorProto, helper, numpy_helper

    source = model.graph.input[0]
    name, normalized = source.name, f"{_PREFIX}normalized"
    for node in model.graph.node:
        node.input[:] = [normalized if item == name else item for item in node.input]
    factors, offsets = (np.asarray(values, dtype=np.float32) for values in affine_of(contract))
    constants = {f"{_PREFIX}factors": factors, f"{_PREFIX}offsets": offsets}
    nodes, pixels = [], name
    if contract.channels == "bgr":
        constants[f"{_PREFIX}order"] = np.asarray([2, 1, 0], dtype=np.int64)
        pixels = f"{_PREFIX}reversed"
        nodes.append(helper.make_node("Gather", [name, f"{_PREFIX}order"], [pixels], name=pixels, axis=3))
    wide, scaled = f"{_PREFIX}wide", f"{_PREFIX}scaled"
    nodes += [
        helper.make_node("Cast", [pixels], [wide], name=wide, to=TensorProto.FLOAT),
        helper.make_node("Mul", [wide, f"{_PREFIX}factors"], [scaled], name=scaled),
        helper.make_node("Add", [scaled, f"{_PREFIX}offsets"], [normalized], name=normalized),
    ]
    source.type.tensor_type.elem_type = TensorProto.UINT8
    model.graph.initializer.extend(numpy_helper.from_array(value, key) for key, value in constants.items())
    nodes += list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def fuse_resampling(model: Any, resampling: Any) -> Any:
    """Put a model that resizes, uint8 to uint8, before one that takes uint8; the input's name stays.

    Args:
        model: By `fuse_normalization`; altered.
        resampling: An ONNX model with one input of the same name; altered.
    """
    import onnx

    name = model.graph.input[0].name
    onnx.compose.add_prefix(resampling, _PREFIX, inplace=True)
    merged = onnx.compose.merge_models(
        resampling, model, io_map=[(resampling.graph.output[0].name, name)], name=model.graph.name
    )
    source = merged.graph.input[0]
    for node in merged.graph.node:
        node.input[:] = [name if item == source.name else item for item in node.input]
    source.name = name
    for axis, word in enumerate(("batch", "rows", "columns")):
        source.type.tensor_type.shape.dim[axis].dim_param = word
    return merged
