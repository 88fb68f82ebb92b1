"""Preprocessing as built-in TFLite operations before a finished network, which stays as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl.core.extras import require
from tfl.data.preprocess import ImagePreprocessing
from tfl.targets._fused_graph import affine_of

_IDENTIFIER = b"TFL3"


class _Graph:
    """The model's tables, to which tensors and operations are added."""

    def __init__(self, model: bytes) -> None:
        self.schema = require("ai_edge_litert.schema_py_generated", purpose="fusing preprocessing")
        self.tree: Any = self.schema.ModelT.InitFromObj(self.schema.Model.GetRootAsModel(bytearray(model), 0))
        self.graph = self.tree.subgraphs[0]

    def tensor(self, name: str, kind: int, *, like: Any = None, value: npt.NDArray[Any] | None = None) -> int:
        """Add a tensor of the shape of another one, or a constant; return its index."""
        tensor = self.schema.TensorT()
        tensor.name, tensor.type, tensor.buffer = name.encode(), kind, 0
        if value is not None:
            buffer = self.schema.BufferT()
            buffer.data = list(value.tobytes())
            self.tree.buffers.append(buffer)
            tensor.shape, tensor.buffer = list(value.shape), len(self.tree.buffers) - 1
        else:
            tensor.shape, tensor.shapeSignature = list(like.shape), like.shapeSignature
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operation(self, name: str, inputs: list[int], output: int, options: Any = None) -> Any:
        """Return a built-in operation that writes one tensor."""
        kind = getattr(self.schema.BuiltinOperator, name)
        code = self.schema.OperatorCodeT()
        code.builtinCode, code.deprecatedBuiltinCode, code.version = kind, kind, 1
        self.tree.operatorCodes.append(code)
        operation = self.schema.OperatorT()
        operation.opcodeIndex = len(self.tree.operatorCodes) - 1
        operation.inputs, operation.outputs = inputs, [output]
        if options is not None:
            kind_name = type(options).__name__.removesuffix("T")
            operation.builtinOptionsType = getattr(self.schema.BuiltinOptions, kind_name)
            operation.builtinOptions = options
        return operation

    def packed(self) -> bytes:
        flatbuffers = require("flatbuffers", purpose="fusing preprocessing")
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.tree.Pack(builder), file_identifier=_IDENTIFIER)
        return bytes(builder.Output())


def fuse_normalization(model: bytes, contract: ImagePreprocessing) -> bytes:
    """Let a model take uint8 RGB under its input's name and normalize it as the contract does.

    Args:
        model: A TFLite model with one input `(batch, height, width, 3)`, float32 or quantized.
        contract: Channel order, scale, mean and std.
    """
    found = _Graph(model)
    schema, graph = found.schema, found.graph
    old = graph.inputs[0]
    tensor = graph.tensors[old]
    name = tensor.name.decode()
    tensor.name = f"{name}_normalized".encode()
    kinds = schema.TensorType
    source = found.tensor(name, kinds.UINT8, like=tensor)
    # Each constant has the picture's four dimensions: some of the kernels broadcast only so.
    factors, offsets = (
        found.tensor(f"{name}_{word}", kinds.FLOAT32, value=np.asarray(values, np.float32).reshape(1, 1, 1, 3))
        for word, values in zip(("factors", "offsets"), affine_of(contract), strict=True)
    )
    wide = found.tensor(f"{name}_wide", kinds.FLOAT32, like=tensor)
    scaled = found.tensor(f"{name}_scaled", kinds.FLOAT32, like=tensor)
    added = old if tensor.type == kinds.FLOAT32 else found.tensor(f"{name}_added", kinds.FLOAT32, like=tensor)
    operations, pixels = [], source
    if contract.channels == "bgr":
        pixels = found.tensor(f"{name}_reversed", kinds.UINT8, like=tensor)
        order = found.tensor(f"{name}_order", kinds.INT32, value=np.asarray([2, 1, 0], np.int32))
        options = schema.GatherOptionsT()
        options.axis = 3
        operations.append(found.operation("GATHER", [source, order], pixels, options))
    cast = schema.CastOptionsT()
    cast.inDataType, cast.outDataType = kinds.UINT8, kinds.FLOAT32
    operations += [
        found.operation("CAST", [pixels], wide, cast),
        found.operation("MUL", [wide, factors], scaled, schema.MulOptionsT()),
        found.operation("ADD", [scaled, offsets], added, schema.AddOptionsT()),
    ]
    if added != old:
        operations.append(found.operation("QUANTIZE", [added], old, schema.QuantizeOptionsT()))
    graph.inputs = [source]
    graph.operators = [*operations, *graph.operators]
    for signature in found.tree.signatureDefs or []:
        for item in signature.inputs:
            if item.tensorIndex == old:
                item.tensorIndex = source
    return found.packed()
