"""ONNX: runs everywhere, quantized by ONNX Runtime's own quantizer, which its integer kernels are made for."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tfl.bundle import Artifact, Bundle, Recipe
from tfl.core.errors import UnsupportedError
from tfl.core.extras import require
from tfl.data.contract import Floats, Inputs
from tfl.targets._base import (
    FUSED_FLOAT32,
    HALF_WEIGHTS,
    Exported,
    ExportRequest,
    Lane,
    OpenMode,
    Runtime,
    Target,
    Tolerance,
    require_dtype,
)
from tfl.targets._fused_graph import resampling_function
from tfl.targets._inlining import inlinable_saved_model
from tfl.targets._kernels import Kernels, collect_kernels
from tfl.targets._onnx_fusion import fuse_normalization, fuse_resampling
from tfl.targets._onnx_operations import HANDLERS, lift_scalars, require_onnx_operations
from tfl.targets._onnx_quantizer import OnnxQuantizer, prepare, quantize, quantize_products, shrink_weights
from tfl.targets._quantizer import (
    DYNAMIC_RUNG,
    HALF_RUNG,
    INTEGER_WEIGHTS,
    INTEGER_WEIGHTS_RUNG,
    Quantizer,
    Rung,
    mixed_rung,
)

_MODEL = "model.onnx"
_OPSET = 17
#: What ONNX Runtime calls the types of inputs.
_DTYPES: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(int32)": np.dtype(np.int32),
}


class OnnxRuntime(Runtime):
    """An `onnxruntime.InferenceSession` on the processor."""

    def __init__(self, session: Any, *, input_name: str, output_name: str, lanes: int = 0) -> None:
        self._session = session
        self._input_name = input_name
        self._dtype = _DTYPES[session.get_inputs()[0].type]
        self._output_name = output_name
        self._lanes = lanes

    def predict(self, batch: Inputs) -> Floats:
        """See `Runtime.predict`."""
        require_dtype(batch, self._dtype)
        answer = self._session.run([self._output_name], {self._input_name: batch})[0]
        return np.asarray(answer, dtype=np.float32)

    def lanes(self) -> tuple[Lane, ...]:
        """See `Runtime.lanes`; a session may be run from several threads at once."""
        return (self.predict,) * max(self._lanes, 1)

    def close(self) -> None:
        """See `Runtime.close`."""
        self._session = None


class OnnxTarget(Target):
    """One file, `model.onnx`, with a free batch dimension and the Keras input order."""

    summary = "ONNX, for ONNX Runtime on any system"
    tolerances: ClassVar = {
        "fp32": FUSED_FLOAT32,
        "fp16": HALF_WEIGHTS,
        "w8": INTEGER_WEIGHTS,
        "int8": Tolerance(
            max_difference=0.4,
            mean_difference=0.025,
            agreement=0.95,
            metric_drop=0.02,
            reason="256 levels per activation: 0.26 at most (a photo between two classes), 0.006 on average on photos "
            "with two backbones; two swapped channels moved the worst photo by 0.83.",
        ),
        "dynamic": Tolerance(
            max_difference=0.4,
            mean_difference=0.025,
            agreement=0.95,
            metric_drop=0.02,
            reason="256 levels per weight and, batch by batch, per activation, as in TFLite's: 0.4 points of accuracy "
            "on intents with a transformer; n-grams read one identifier further fall outside. Ranges are taken over "
            "the whole batch, so that the others in it move an answer: 0.095 at most with all-MiniLM-L6-v2.",
            batch_difference=0.15,
        ),
    }
    unsupported: ClassVar = {
        "int8-io": "ONNX Runtime quantizes a float input inside the graph at no cost",
        "int8-qat": "ONNX holds no fake quantization; its own quantizer takes the float model of the same training",
        "int16x8": "ONNX Runtime's processor kernels for 16-bit activations compute in float32",
    }
    calibrated = frozenset({"int8"})
    runtime_modules = ("onnxruntime",)
    has_lanes = True
    fusions = ("normalize", "resize")
    export_modules = ("tensorflow", "tf2onnx", "onnx", "onnxruntime")
    rungs: ClassVar = (
        Rung(name="int8", precision="int8", summary="all layers int8, ranges from extremes"),
        Rung(
            name="int8-corrected",
            precision="int8",
            summary="all layers int8, ranges from the 99.999 % point, more samples",
            recipe=Recipe(calibration="percentile"),
            samples="all",
        ),
        mixed_rung(Recipe(calibration="minmax")),
        DYNAMIC_RUNG,
        INTEGER_WEIGHTS_RUNG,
        HALF_RUNG,
    )
    calibration_methods = OnnxQuantizer.methods
    quantizer_modules = ("onnx", "onnxruntime")

    def export(self, request: ExportRequest) -> Exported:
        """See `Target.export`."""
        import onnx

        shared = request.shared_dir / _MODEL
        if not shared.is_file():
            onnx.save_model(_convert(request), str(shared))
        model = onnx.load_model(str(shared))
        if request.precision == "fp16":
            model = _halve(model)
        elif request.precision == "int8":
            samples = list(request.calibration_inputs())
            model = quantize(prepare(model), samples, input_name=request.input_name, method="minmax")
        elif request.precision == "w8":
            model = shrink_weights(prepare(model))
        elif request.precision == "dynamic":
            model = quantize_products(prepare(model), request.out_dir)
        if request.fused != "none":
            model = fuse_normalization(model, request.pictures)
        if request.fused == "resize":
            model = fuse_resampling(model, _resampling(request))
        return _save(model, request.described, request.out_dir)

    def quantizer(self, request: ExportRequest, *, float_dir: Path) -> Quantizer:
        """See `Target.quantizer`."""
        import onnx

        model = onnx.load_model(str(float_dir / _MODEL))
        return OnnxQuantizer(model, request, save=lambda finished, folder: _save(finished, request.bundle, folder))

    def open(
        self, folder: Path, artifact: Artifact, *, threads: int, mode: OpenMode = "latency", lanes: int = 0
    ) -> Runtime:
        """See `Target.open`."""
        onnxruntime = require("onnxruntime", purpose="opening an ONNX artefact")
        options = onnxruntime.SessionOptions()
        # Every lane's caller computes, too, so the threads are shared out among them.
        options.intra_op_num_threads = max(1, threads // lanes) if threads and lanes else (1 if lanes > 1 else threads)
        session = onnxruntime.InferenceSession(
            str(folder / artifact.model_files[0]), options, providers=["CPUExecutionProvider"]
        )
        signature = artifact.signature
        return OnnxRuntime(
            session, input_name=signature.inputs[0].name, output_name=signature.outputs[0].name, lanes=lanes
        )

    def kernels(self, folder: Path, artifact: Artifact, batch: Inputs, *, threads: int) -> Kernels:
        """See `Target.kernels`."""
        onnxruntime = require("onnxruntime", purpose="opening an ONNX artefact")
        with tempfile.TemporaryDirectory(prefix="tfl-onnx-profile-") as scratch:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(scratch) / "profile")
            session = onnxruntime.InferenceSession(
                str(folder / artifact.model_files[0]), options, providers=["CPUExecutionProvider"]
            )
            session.run(None, {artifact.signature.inputs[0].name: batch})
            events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        nodes = [
            (event["args"]["op_name"], _widest_input(event["args"]["input_type_shape"]), event["dur"] / 1e3)
            for event in events
            if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")
        ]
        return collect_kernels(nodes, source="ONNX Runtime profile: op_name, type of the largest input, dur")


def _widest_input(inputs: list[dict[str, list[int]]]) -> str:
    """Return the type of the largest input; scales and zero points beside it say nothing about the arithmetic."""
    elements: Counter[str] = Counter()
    for item in inputs:
        for name, shape in item.items():
            elements[name] = max(elements[name], int(np.prod(shape)) if shape else 1)
    return elements.most_common(1)[0][0] if elements else "unknown"


def _save(model: Any, bundle: Bundle, out_dir: Path) -> Exported:
    import onnx

    properties = {
        "task": bundle.task,
        "labels": json.dumps(bundle.labels),
        "preprocessing": json.dumps(bundle.preprocessing.to_dict()),
    }
    onnx.helper.set_model_props(model, properties)
    model.producer_name = "tfl"
    onnx.checker.check_model(model)
    onnx.save_model(model, str(out_dir / _MODEL))
    return Exported(model_files=(_MODEL,), signature=bundle.signature)


def _convert(request: ExportRequest) -> Any:
    """Convert the SavedModel's serving signature to an ONNX model with the signature's names."""
    import tensorflow as tf
    import tf2onnx

    folder = inlinable_saved_model(request.saved_model_dir, request.shared_dir / "inlinable")
    loaded = tf.saved_model.load(str(folder))
    serve = loaded.signatures["serving_default"]
    source, result = request.bundle.signature.inputs[0], request.bundle.signature.outputs[0]
    spec = tf.TensorSpec([None if size < 0 else size for size in source.shape], source.dtype, name=source.name)

    def answer(batch: Any) -> dict[str, Any]:
        return {result.name: serve(**{source.name: batch})[result.name]}

    function = tf.function(answer, input_signature=[spec], autograph=False)
    try:
        model, _ = tf2onnx.convert.from_function(
            function,
            input_signature=[spec],
            opset=_OPSET,
            custom_op_handlers=dict(HANDLERS),
            custom_rewriter=[lift_scalars],
        )
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise UnsupportedError(f"tf2onnx can't convert this model: {error}") from error
    require_onnx_operations(model)
    _hold_constants(model, function.get_concrete_function())
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return model


def _hold_constants(model: Any, concrete: Any) -> None:
    """Put tensors that the function holds beside its variables into the model, where tf2onnx leaves inputs for them.

    A `Normalization` of Keras, as EfficientNet begins with, holds its mean and standard deviation so.
    """
    import tensorflow as tf
    from onnx import numpy_helper

    held = {inside.name: value for value, inside in concrete.graph.captures if value.dtype != tf.resource}
    for fed in [value for value in model.graph.input if value.name in held]:
        model.graph.initializer.append(numpy_helper.from_array(held[fed.name].numpy(), fed.name))
        model.graph.input.remove(fed)


def _resampling(request: ExportRequest) -> Any:
    """Convert the contract's resampling to an ONNX model of its own, uint8 to uint8."""
    import tf2onnx

    function, spec = resampling_function(request.pictures, name=request.input_name)
    model, _ = tf2onnx.convert.from_function(function, input_signature=[spec], opset=_OPSET)
    return model


def _halve(model: Any) -> Any:
    """Store the weights in half precision and widen them when the session starts, which folds them to constants.

    Half-precision arithmetic on a processor ran MobileNetV2 1.7 times slower than float32, with the same differences.
    """
    from onnx import TensorProto, helper, numpy_helper

    widened = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or np.abs(values).max(initial=0.0) > np.finfo(np.float16).max:
            continue
        name, half = weight.name, f"{weight.name}_fp16"
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), half))
        widened.append(helper.make_node("Cast", [half], [name], name=f"{name}_widen", to=TensorProto.FLOAT))
    nodes = [*widened, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


TARGET = OnnxTarget()
