"""TFLite (LiteRT): for phones, single-board computers and microcontrollers; built-in operations only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tfl.bundle import Artifact, Bundle, Recipe, Signature, Tensor
from tfl.core.errors import UnsupportedError
from tfl.core.extras import require
from tfl.data.contract import Floats, Inputs
from tfl.targets._base import (
    FUSED_FLOAT32,
    HALF_WEIGHTS,
    SIMULATED_INT8,
    Exported,
    ExportRequest,
    Lane,
    OpenMode,
    Runtime,
    Target,
    Tolerance,
    require_dtype,
)
from tfl.targets._kernels import Kernels, collect_kernels
from tfl.targets._quantizer import DYNAMIC_RUNG, HALF_RUNG, INTEGER_WEIGHTS, TRAINED_RUNG, Quantizer, Rung, mixed_rung
from tfl.targets._tflite_fusion import fuse_normalization
from tfl.targets._tflite_metadata import add_metadata
from tfl.targets._tflite_quantizer import TfliteQuantizer

_MODEL = "model.tflite"
#: Operations whose second input is their weights.
_WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"})
#: Operations between float32 inputs and outputs and the integers inside.
_CONVERSIONS = frozenset({"QUANTIZE", "DEQUANTIZE"})
#: Precision -> the operations that the converter may use; a layer without such a kernel is an error.
_INTEGER_OPERATIONS = {
    "int8": "TFLITE_BUILTINS_INT8",
    "int8-io": "TFLITE_BUILTINS_INT8",
    "int16x8": "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8",
}


class TfliteRuntime(Runtime):
    """A LiteRT interpreter, resized when a batch has another shape; integer inputs and outputs are converted here."""

    def __init__(self, interpreter: Any, *, others: tuple[TfliteRuntime, ...] = ()) -> None:
        self._interpreter = interpreter
        self._others = others
        self._input = interpreter.get_input_details()[0]
        self._output = interpreter.get_output_details()[0]
        # An integer input with a scale of its own is quantized here; one without takes pixels as they are.
        plain = self._input["dtype"] in (np.uint8, np.int32) and not self._input["quantization"][0]
        self._takes = np.dtype(self._input["dtype"] if plain else np.float32)
        self._shape: tuple[int, ...] = ()

    def predict(self, batch: Inputs) -> Floats:
        """See `Runtime.predict`."""
        require_dtype(batch, self._takes)
        if batch.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input["index"], batch.shape)
            self._interpreter.allocate_tensors()
            self._shape = batch.shape
        self._interpreter.set_tensor(self._input["index"], _quantized(batch, self._input))
        self._interpreter.invoke()
        return _dequantized(self._interpreter.get_tensor(self._output["index"]), self._output)

    def lanes(self) -> tuple[Lane, ...]:
        """See `Runtime.lanes`; an interpreter takes one caller, so each lane has its own."""
        return (self.predict, *(other.predict for other in self._others))

    def close(self) -> None:
        """See `Runtime.close`."""
        for other in self._others:
            other.close()
        self._interpreter = None


def _quantized(values: Inputs, details: dict[str, Any]) -> Any:
    dtype = details["dtype"]
    if dtype == values.dtype:
        return values
    scale, zero_point = details["quantization"]
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max).astype(dtype)


def _dequantized(values: Any, details: dict[str, Any]) -> Floats:
    if details["dtype"] == np.float32:
        return np.asarray(values, dtype=np.float32)
    scale, zero_point = details["quantization"]
    widened: Floats = values.astype(np.float32)
    return (widened - np.float32(zero_point)) * np.float32(scale)


class TfliteTarget(Target):
    """One file, `model.tflite`, with standard metadata: labels and normalization."""

    summary = "TFLite (LiteRT), for phones, single-board computers and microcontrollers"
    tolerances: ClassVar = {
        "fp32": FUSED_FLOAT32,
        "fp16": HALF_WEIGHTS,
        "dynamic": Tolerance(
            max_difference=0.4,
            mean_difference=0.025,
            agreement=0.95,
            metric_drop=0.02,
            reason="256 levels per weight and, batch by batch, per activation: 0.02 at most on photos of two classes, "
            "but 0.06 to 0.08 is int8's own; two swapped channels moved the worst photo by 0.85.",
        ),
        "int8": Tolerance(
            max_difference=0.4,
            mean_difference=0.025,
            agreement=0.95,
            metric_drop=0.02,
            reason="256 levels per activation: 0.26 at most (a photo between two classes), 0.006 on average on photos "
            "with two backbones; two swapped channels moved the worst photo by 0.81.",
        ),
        "int8-io": Tolerance(
            max_difference=0.4,
            mean_difference=0.025,
            agreement=0.95,
            metric_drop=0.02,
            reason="As int8; the output's own step is 1/256.",
        ),
        "int8-qat": SIMULATED_INT8,
        "int16x8": replace(
            INTEGER_WEIGHTS,
            reason="65536 levels per activation: 0.018 at most and 0.0006 on average on photos, where the weights lie "
            "on the grid of 8 bits already. Elsewhere these round: 0.43 and 0.013, 1 decision of 153 and 0.0065 of the "
            "metric (a photo between two classes, which does not pass), as 8-bit weights with float activations do; "
            "two swapped channels moved the worst photo by 0.81.",
        ),
    }
    unsupported: ClassVar = {
        "w8": "the built-in kernels widen 8-bit weights at every inference; dynamic computes with them",
    }
    calibrated = frozenset({"int8", "int8-io", "int16x8"})
    simulated = frozenset({"int8-qat"})
    runtime_modules = ("ai_edge_litert",)
    has_lanes = True
    fusions = ("normalize",)
    unfused: ClassVar = {
        "resize": "none of its built-in operations is anti-aliased, and RESIZE_BILINEAR misses the contract's pixels "
        "by up to 96 of 255 levels on photos"
    }
    export_modules = ("tensorflow", "ai_edge_litert")
    rungs: ClassVar = (
        Rung(name="int8", precision="int8", summary="all layers int8 by the converter, ranges from extremes"),
        Rung(
            name="int8-corrected",
            precision="int8",
            summary="all layers int8, ranges from a moving average of extremes, more samples",
            recipe=Recipe(calibration="moving-average"),
            samples="all",
        ),
        mixed_rung(Recipe(calibration="minmax")),
        TRAINED_RUNG,
        DYNAMIC_RUNG,
        Rung(name="int16x8", precision="int16x8", summary="8-bit weights, 16-bit activations"),
        HALF_RUNG,
    )
    calibration_methods = TfliteQuantizer.methods
    quantizer_modules = ("ai_edge_quantizer", "ai_edge_litert")

    def export(self, request: ExportRequest) -> Exported:
        """See `Target.export`."""
        converted = _convert(request)
        if request.precision in self.simulated:
            _require_integers(converted)
        if request.fused == "normalize":
            converted = fuse_normalization(converted, request.pictures)
        exported = _save(converted, request.described, request.out_dir)
        signature = exported.signature
        if request.precision == "int8-io":
            fed = signature.inputs if request.fused != "none" else _as_int8(signature.inputs)
            signature = Signature(
                inputs=fed,
                outputs=_as_int8(signature.outputs),
            )
        return replace(exported, signature=signature)

    def quantizer(self, request: ExportRequest, *, float_dir: Path) -> Quantizer:
        """See `Target.quantizer`."""
        return TfliteQuantizer(
            (float_dir / _MODEL).read_bytes(),
            request,
            save=lambda model, folder: _save(model, request.bundle, folder),
        )

    def open(
        self, folder: Path, artifact: Artifact, *, threads: int, mode: OpenMode = "latency", lanes: int = 0
    ) -> Runtime:
        """See `Target.open`."""
        litert = require("ai_edge_litert.interpreter", purpose="opening a TFLite artefact")
        # Left alone, LiteRT takes one thread, which is no choice of what is best.
        count = max(1, (threads or _usable_processors()) // max(lanes, 1))
        path = str(folder / artifact.model_files[0])
        first, *others = (litert.Interpreter(model_path=path, num_threads=count) for _ in range(max(lanes, 1)))
        return TfliteRuntime(first, others=tuple(TfliteRuntime(other) for other in others))

    def kernels(self, folder: Path, artifact: Artifact, batch: Inputs, *, threads: int) -> Kernels:
        """See `Target.kernels`."""
        litert = require("ai_edge_litert.interpreter", purpose="opening a TFLite artefact")
        path = str(folder / artifact.model_files[0])
        # The model's own list of operations, without the nodes that a delegate puts in their place.
        reference = litert.Interpreter(
            model_path=path, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        )
        nodes = [(node["op_name"], _computes_in(node), None) for node in reference._get_ops_details()]
        flex = sorted({name for name, _, _ in nodes if name.startswith("Flex")})
        interpreter = litert.Interpreter(model_path=path, num_threads=threads or _usable_processors())
        interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], batch.shape)
        interpreter.allocate_tensors()
        delegates = sum(node["op_name"] == "DELEGATE" for node in interpreter._get_ops_details())
        note = f"XNNPACK took them over in {delegates} part(s)" if delegates else "no delegate took any of them over"
        note += f"; TensorFlow's own (Flex): {', '.join(flex)}" if flex else "; none is TensorFlow's own (Flex)"
        return collect_kernels(nodes, source="LiteRT operations: input and weight types", note=note)


def _computes_in(node: dict[str, Any]) -> str:
    """Return the type of a node's input, and of its weights beside it where that is another."""
    types: list[str] = [np.dtype(kind).name for kind in node["operand_types"] if kind is not None]
    if not types:
        return "unknown"
    if node["op_name"] in _WEIGHTED and len(types) > 1 and types[1] != types[0]:
        return f"{types[0]} x {types[1]}"
    return types[0]


def _as_int8(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    # Identifiers of tokens are whole numbers of their own.
    return tuple(replace(tensor, dtype="int8") if tensor.dtype == "float32" else tensor for tensor in tensors)


def _save(model: bytes, bundle: Bundle, out_dir: Path) -> Exported:
    (out_dir / _MODEL).write_bytes(add_metadata(model, bundle))
    return Exported(model_files=(_MODEL,), signature=bundle.signature)


def _usable_processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _convert(request: ExportRequest) -> bytes:
    import tensorflow as tf
    from tensorflow.lite.python.convert_phase import ConverterError

    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(request.saved_model_dir), signature_keys=["serving_default"]
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if request.precision != "fp32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if request.precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if request.precision in _INTEGER_OPERATIONS:
        converter.target_spec.supported_ops = [getattr(tf.lite.OpsSet, _INTEGER_OPERATIONS[request.precision])]
        converter.representative_dataset = lambda: _samples(request)
    if request.precision == "int8-io":
        converter.inference_input_type = converter.inference_output_type = tf.int8
    try:
        return bytes(converter.convert())
    except (ConverterError, RuntimeError, ValueError) as error:
        raise UnsupportedError(
            f"TFLite's built-in operations can't hold this model in precision '{request.precision}': {error}"
        ) from error


def _require_integers(model: bytes) -> None:
    """Refuse a model that computes anything in float32: a tensor without a range stays so, and nobody would notice.

    Raises:
        UnsupportedError: Names the operations.
    """
    litert = require("ai_edge_litert.interpreter", purpose="looking into a TFLite model")
    # With its default delegates the interpreter shows these in the place of operations.
    plain = litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = litert.Interpreter(model_content=model, experimental_op_resolver_type=plain)
    dtypes = {tensor["index"]: tensor["dtype"] for tensor in interpreter.get_tensor_details()}
    names = [
        operation["op_name"]
        for operation in interpreter._get_ops_details()
        if operation["op_name"] not in _CONVERSIONS and any(dtypes.get(at) == np.float32 for at in operation["outputs"])
    ]
    if names:
        counted = ", ".join(f"{name} ({names.count(name)})" for name in sorted(set(names)))
        raise UnsupportedError(
            f"The network's simulation leaves operations in float32: {counted}.",
            hint="Quantize it after training instead: tfl export RUN --target tflite --precision int8",
        )


def _samples(request: ExportRequest) -> Iterator[list[Inputs]]:
    for sample in request.calibration_inputs():
        yield [sample]


TARGET = TfliteTarget()
