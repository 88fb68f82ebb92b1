"""TFLite (LiteRT): for phones, single-board computers and microcontrollers; built-in operations only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tfl.bundle import Artifact, Signature
from tfl.core.errors import UnsupportedError
from tfl.core.extras import require
from tfl.data.preprocess import Floats
from tfl.targets._base import (
    FUSED_FLOAT32,
    HALF_WEIGHTS,
    Exported,
    ExportRequest,
    OpenMode,
    Runtime,
    Target,
    Tolerance,
)
from tfl.targets._tflite_metadata import add_metadata

_MODEL = "model.tflite"
#: Operations between float32 inputs and outputs and the integers inside.
_CONVERSIONS = frozenset({"QUANTIZE", "DEQUANTIZE"})


class TfliteRuntime(Runtime):
    """A LiteRT interpreter, resized when the batch size changes; integer inputs and outputs are converted here."""

    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self._input = interpreter.get_input_details()[0]
        self._output = interpreter.get_output_details()[0]
        self._count = 0

    def predict(self, batch: Floats) -> Floats:
        """See `Runtime.predict`."""
        if len(batch) != self._count:
            self._interpreter.resize_tensor_input(self._input["index"], batch.shape)
            self._interpreter.allocate_tensors()
            self._count = len(batch)
        self._interpreter.set_tensor(self._input["index"], _quantized(batch, self._input))
        self._interpreter.invoke()
        return _dequantized(self._interpreter.get_tensor(self._output["index"]), self._output)

    def close(self) -> None:
        """See `Runtime.close`."""
        self._interpreter = None


def _quantized(values: Floats, details: dict[str, Any]) -> Any:
    dtype = details["dtype"]
    if dtype == np.float32:
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
        "int8-qat": Tolerance(
            max_difference=0.4,
            mean_difference=0.01,
            agreement=0.97,
            metric_drop=0.02,
            reason="Against the simulation of the same ranges, which rounds at other places than integer kernels: "
            "0.38 at most (a digit between two classes) and 0.004 on average where channels differ by a factor of "
            "256, 0.016 at most on drawn pictures; two swapped channels must fall outside, as the contract tests.",
        ),
    }
    unsupported: ClassVar[dict[str, str]] = {}
    calibrated = frozenset({"int8", "int8-io"})
    simulated = frozenset({"int8-qat"})
    runtime_modules = ("ai_edge_litert",)
    export_modules = ("tensorflow", "ai_edge_litert")

    def export(self, request: ExportRequest) -> Exported:
        """See `Target.export`."""
        converted = _convert(request)
        if request.precision in self.simulated:
            _require_integers(converted)
        model = add_metadata(converted, request.bundle)
        (request.out_dir / _MODEL).write_bytes(model)
        signature = request.bundle.signature
        if request.precision == "int8-io":
            signature = Signature(
                inputs=tuple(replace(tensor, dtype="int8") for tensor in signature.inputs),
                outputs=tuple(replace(tensor, dtype="int8") for tensor in signature.outputs),
            )
        return Exported(model_files=(_MODEL,), signature=signature)

    def open(self, folder: Path, artifact: Artifact, *, threads: int, mode: OpenMode = "latency") -> Runtime:
        """See `Target.open`."""
        litert = require("ai_edge_litert.interpreter", purpose="opening a TFLite artefact")
        # Left alone, LiteRT takes one thread, which is no choice of what is best.
        count = threads or _usable_processors()
        return TfliteRuntime(litert.Interpreter(model_path=str(folder / artifact.model_files[0]), num_threads=count))


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
    if request.precision in ("int8", "int8-io"):
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
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


def _samples(request: ExportRequest) -> Iterator[list[Floats]]:
    for sample in request.calibration_inputs():
        yield [sample]


TARGET = TfliteTarget()
