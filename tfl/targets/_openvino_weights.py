"""8-bit weights for an OpenVINO model whose activations stay float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

#: Operation -> the axes of its weights that number the output channels.
_CHANNELS: dict[str, Callable[[Any], tuple[int, ...]]] = {
    "Convolution": lambda _: (0,),
    "GroupConvolution": lambda _: (0, 1),
    "ConvolutionBackpropData": lambda _: (1,),
    "GroupConvolutionBackpropData": lambda _: (0, 2),
    "MatMul": lambda node: (0,) if node.get_attributes()["transpose_b"] else (1,),
}
#: Looks rows up in its first input, of which each has a scale of its own.
_TABLE = "Gather"
#: Levels on each side of zero, as in the weights of every integer kernel: what lies on that grid already, because it
#: was trained or stored so, comes back exactly.
_LEVELS = 127


def compress_weights(model: Any) -> Any:
    """Store the weights of an `openvino.Model` as signed integers with a float32 scale per output channel.

    Tables that rows are looked up in have a scale per row.

    Args:
        model: Altered.

    Returns:
        The model.
    """
    for node in model.get_ordered_ops():
        place = 0 if node.get_type_name() == _TABLE else 1
        channels = (0,) if place == 0 else _CHANNELS.get(node.get_type_name(), lambda _: ())(node)
        if not channels:
            continue
        source = node.input_value(place).get_node()
        # A vector that is gathered from is no table, but part of a computation with shapes.
        is_weight = source.get_type_name() == "Constant" and len(source.get_output_shape(0)) > 1
        if is_weight and source.get_output_element_type(0).is_real():
            node.input(place).replace_source_output(_compressed(source, channels))
    model.validate_nodes_and_infer_types()
    return model


def _compressed(source: Any, channels: tuple[int, ...]) -> Any:
    from openvino import Type, op, opset13

    weights = np.asarray(source.data, dtype=np.float32)
    if weights.ndim <= max(channels):
        return source.output(0)
    others = tuple(axis for axis in range(weights.ndim) if axis not in channels)
    scales = np.abs(weights).max(axis=others, keepdims=True) / np.float32(_LEVELS)
    # A channel of zeros has no range of its own.
    scales[scales == 0.0] = 1.0
    integers = np.clip(np.rint(weights / scales), -_LEVELS, _LEVELS).astype(np.int8)
    constant = op.Constant(integers)
    constant.set_friendly_name(source.get_friendly_name())
    widened = opset13.convert(constant, Type.f32)
    return opset13.multiply(widened, op.Constant(scales.astype(np.float32))).output(0)
