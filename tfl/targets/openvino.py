"""OpenVINO IR: the fastest way to run on Intel processors, quantized with NNCF."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tfl.bundle import Artifact, Bundle, Recipe
from tfl.core.errors import UnsupportedError
from tfl.core.extras import require
from tfl.core.telemetry import send_no_telemetry
from tfl.data.contract import Floats, Inputs
from tfl.data.preprocess import ImagePreprocessing
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
from tfl.targets._fused_graph import resampling_function
from tfl.targets._kernels import Kernels, collect_kernels
from tfl.targets._openvino_compiled import compile_surely
from tfl.targets._openvino_fusion import fuse_normalization, fuse_resampling
from tfl.targets._openvino_quantizer import OpenVinoQuantizer, attends, quantize
from tfl.targets._openvino_weights import compress_weights
from tfl.targets._quantizer import (
    HALF_RUNG,
    INTEGER_WEIGHTS,
    INTEGER_WEIGHTS_RUNG,
    TRAINED_RUNG,
    Quantizer,
    Rung,
    mixed_rung,
)

_MODEL, _WEIGHTS = "model.xml", "model.bin"
_HINTS = {"latency": "LATENCY", "throughput": "THROUGHPUT"}
_COMPILED_AT_MOST = 4
#: NNCF's default averages each sample's extremes and clips the rest: up to eight times the mean difference. Its fast
#: correction of biases let answers of a network with shortcuts jump by up to 0.9, where the accurate one has 0.2.
_INT8 = Recipe(calibration="minmax", bias_correction="accurate")
#: The accurate one makes up for errors of layers that are then put back to float, in the layers behind them. And
#: transformers, whose int8 was measured with the fast one, keep it.
_FAST_INT8 = Recipe(calibration="minmax", bias_correction="fast")
#: Padding a batch up to a compiled size pays while at most a quarter of the work is for nothing.
_SMALLEST_FILL = 0.75
#: Model API's words for the ways to resize.
_RESIZE_TYPES = {"crop": "crop", "squish": "standard", "pad": "fit_to_window_letterbox"}


def _as_tensor(batch: Inputs) -> Any:
    """Let the engine read a batch where it lies; copying it cost up to a tenth of the int8 throughput.

    A read-only batch is copied, since the engine shares no other. Handing a request the array itself does the same
    by way of checks in Python that took 30 us, a hundredth of an int8 inference of MobileNetV2.
    """
    from openvino import Tensor

    return Tensor(batch, shared_memory=bool(batch.flags.writeable))


class _StaticModel:
    """The model compiled for one batch size, with inference requests that run beside each other.

    Requests are waited for in turn, without callbacks into Python: a callback's tail needs the interpreter's
    lock, which a queue's destructor holds while it joins the thread that runs the callback.
    """

    def __init__(self, compiled: Any, *, size: int, requests: int) -> None:
        self.size = size
        self.compiled = compiled
        self._idle = deque(compiled.create_infer_request() for _ in range(requests))

    @property
    def is_busy(self) -> bool:
        """Whether every request is in flight."""
        return not self._idle

    def start(self, batch: Inputs) -> Callable[[], Floats]:
        """Start a batch on an idle request; call what is returned once, to wait for the answer."""
        count = len(batch)
        if count < self.size:
            padding = np.zeros((self.size - count, *batch.shape[1:]), dtype=batch.dtype)
            batch = np.concatenate([batch, padding])
        request = self._idle.popleft()
        shared = np.ascontiguousarray(batch)
        request.set_input_tensor(_as_tensor(shared))
        request.start_async()

        def finish() -> Floats:
            nonlocal shared
            request.wait()
            del shared
            answer = np.array(request.get_output_tensor(0).data[:count], dtype=np.float32)
            self._idle.append(request)
            return answer

        return finish


class OpenVinoRuntime(Runtime):
    """Compiles one static model per batch size, since a free batch dimension costs up to a fifth of the speed."""

    def __init__(
        self, core: Any, model: Any, *, settings: dict[str, Any], mode: OpenMode, lanes: int = 0, doubtful: bool = False
    ) -> None:
        # Whether what is compiled for several streams must be held against one; see `compile_surely`.
        self._doubtful = doubtful and (mode == "throughput" or lanes > 1)
        self._core = core
        self._model = model
        self._settings = settings
        self._mode = mode
        self._static: OrderedDict[int, _StaticModel] = OrderedDict()
        self._lanes = lanes
        self._dtype = np.dtype(model.input().get_element_type().to_dtype())
        # Lanes are called from several threads, and each size must be compiled once.
        self._lock = threading.Lock()

    def predict(self, batch: Inputs) -> Floats:
        """See `Runtime.predict`."""
        require_dtype(batch, self._dtype)
        return self._static_for(batch).start(batch)()

    def predict_stream(self, batches: Iterable[Inputs]) -> Iterator[Floats]:
        """Keep the engine's streams full and answer in order; in latency mode, one batch after the other."""
        if self._mode == "latency":
            yield from super().predict_stream(batches)
            return
        in_flight: deque[Callable[[], Floats]] = deque()
        try:
            for batch in batches:
                require_dtype(batch, self._dtype)
                static = self._static_for(batch)
                while static.is_busy:
                    yield in_flight.popleft()()
                in_flight.append(static.start(batch))
            while in_flight:
                yield in_flight.popleft()()
        finally:
            # A caller that stops early leaves requests running, and the next stream needs them idle.
            for finish in in_flight:
                finish()

    def lanes(self) -> tuple[Lane, ...]:
        """See `Runtime.lanes`; each lane has a request of its own on one of the engine's streams."""
        return tuple(self._new_lane() for _ in range(self._lanes)) if self._lanes else super().lanes()

    def _new_lane(self) -> Lane:
        requests: dict[int, Any] = {}

        def predict(batch: Inputs) -> Floats:
            require_dtype(batch, self._dtype)
            count = len(batch)
            if count not in requests:
                with self._lock:
                    requests[count] = self._static_for(batch, fill=1.0).compiled.create_infer_request()
            shared = np.ascontiguousarray(batch)
            requests[count].set_input_tensor(_as_tensor(shared))
            requests[count].start_async()
            requests[count].wait()
            return np.array(requests[count].get_output_tensor(0).data, dtype=np.float32)

        return predict

    def close(self) -> None:
        """See `Runtime.close`."""
        self._static.clear()
        self._model = None

    def _static_for(self, batch: Inputs, *, fill: float = _SMALLEST_FILL) -> _StaticModel:
        count = len(batch)
        larger = [size for size in self._static if count <= size and count >= size * fill]
        if larger:
            size = min(larger)
            self._static.move_to_end(size)
            return self._static[size]
        if len(self._static) >= _COMPILED_AT_MOST:
            self._static.popitem(last=False)
        model = self._model.clone()
        shape = model.input().get_partial_shape()
        shape[0] = count
        model.reshape(shape)
        if self._doubtful:
            compiled = compile_surely(self._core, model, batch, self._settings)
        else:
            compiled = self._core.compile_model(model, "CPU", self._settings)
        # One more than there are streams, so that none runs dry while an answer is handed over.
        requests = compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS") + 1 if self._mode == "throughput" else 1
        self._static[count] = _StaticModel(compiled, size=count, requests=requests)
        return self._static[count]


class OpenVinoTarget(Target):
    """IR files `model.xml` and `model.bin`."""

    summary = "OpenVINO IR, for Intel processors and OpenVINO Model Server"
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
            "with two backbones; two swapped channels moved the worst photo by 0.86.",
        ),
        "int8-qat": SIMULATED_INT8,
    }
    unsupported: ClassVar = {
        "int8-io": "the IR keeps float32 inputs, and its runtime converts them as fast as the host could",
        "dynamic": "quantized activations need ranges from calibration on a processor; int8 has them",
        "int16x8": "the engine has no integer kernels for 16-bit activations",
    }
    calibrated = frozenset({"int8"})
    simulated = frozenset({"int8-qat"})
    runtime_modules = ("openvino",)
    has_lanes = True
    fusions = ("normalize", "resize")
    export_modules = ("openvino",)
    precision_modules: ClassVar = {"int8": ("nncf",)}
    rungs: ClassVar = (
        Rung(name="int8", precision="int8", summary="all layers int8, ranges from extremes"),
        Rung(
            name="int8-corrected",
            precision="int8",
            summary="all layers int8, ranges from averaged extremes, more samples, accurate bias correction",
            recipe=Recipe(calibration="mean-minmax", bias_correction="accurate"),
            samples="all",
        ),
        mixed_rung(_FAST_INT8),
        TRAINED_RUNG,
        INTEGER_WEIGHTS_RUNG,
        HALF_RUNG,
    )
    calibration_methods = OpenVinoQuantizer.methods
    quantizer_modules = ("openvino", "nncf")

    def export(self, request: ExportRequest) -> Exported:
        """See `Target.export`."""
        send_no_telemetry()
        import openvino

        try:
            # A Path crashes the converter; the name must be a str.
            model = openvino.convert_model(str(request.saved_model_dir))
        except (openvino.OpConversionFailure, openvino.OpValidationFailure, RuntimeError) as error:
            raise UnsupportedError(f"OpenVINO can't hold this model: {error}") from error
        model.input().get_tensor().set_names({request.input_name})
        model.output().get_tensor().set_names({request.output_name})
        if request.precision == "int8":
            recipe = _FAST_INT8 if attends(model) else _INT8
            model = quantize(model, list(request.calibration_inputs()), recipe=recipe, compress_weights=True)
        elif request.precision == "w8":
            model = compress_weights(model)
        elif request.precision in self.simulated:
            _require_fake_quantization(model)
        if request.fused != "none":
            model = fuse_normalization(model, request.pictures)
        if request.fused == "resize":
            function, spec = resampling_function(request.pictures, name=request.input_name)
            model = fuse_resampling(model, openvino.convert_model(function.get_concrete_function(spec)))
        return _save(model, request.described, request.out_dir, halve=request.precision == "fp16")

    def quantizer(self, request: ExportRequest, *, float_dir: Path) -> Quantizer:
        """See `Target.quantizer`."""
        send_no_telemetry()
        import openvino

        model = openvino.Core().read_model(str(float_dir / _MODEL))
        return OpenVinoQuantizer(
            model, request, save=lambda finished, folder: _save(finished, request.bundle, folder, halve=False)
        )

    def open(
        self, folder: Path, artifact: Artifact, *, threads: int, mode: OpenMode = "latency", lanes: int = 0
    ) -> Runtime:
        """See `Target.open`."""
        send_no_telemetry()
        openvino = require("openvino", purpose="opening an OpenVINO artefact")
        core = openvino.Core()
        settings = self._settings(core, artifact, threads=threads, mode=mode)
        if lanes:
            settings["NUM_STREAMS"] = lanes
        model = core.read_model(str(folder / artifact.model_files[0]))
        doubtful = artifact.precision == "w8"
        return OpenVinoRuntime(core, model, settings=settings, mode=mode, lanes=lanes, doubtful=doubtful)

    def _settings(self, core: Any, artifact: Artifact, *, threads: int, mode: OpenMode) -> dict[str, Any]:
        settings: dict[str, Any] = {"PERFORMANCE_HINT": _HINTS[mode]}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads
        # Newer processors would silently compute in bfloat16, and a float32 figure would not be one.
        half = artifact.precision == "fp16" and "FP16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        settings["INFERENCE_PRECISION_HINT"] = "f16" if half else "f32"
        return settings

    def kernels(self, folder: Path, artifact: Artifact, batch: Inputs, *, threads: int) -> Kernels:
        """See `Target.kernels`."""
        send_no_telemetry()
        openvino = require("openvino", purpose="opening an OpenVINO artefact")
        core = openvino.Core()
        model = core.read_model(str(folder / artifact.model_files[0]))
        model.reshape(list(batch.shape))
        settings = self._settings(core, artifact, threads=threads, mode="latency") | {"PERF_COUNT": True}
        compiled = core.compile_model(model, "CPU", settings)
        request = compiled.create_infer_request()
        request.infer({0: batch})
        nodes = []
        for node in compiled.get_runtime_model().get_ops():
            told = {key: str(getattr(value, "value", value)) for key, value in node.get_rt_info().items()}
            # Constants, and what was fused away, took no time; the engine says so in words.
            if told["execTimeMcs"].isdigit():
                nodes.append((told["layerType"], told["runtimePrecision"], int(told["execTimeMcs"]) / 1e3))
        return collect_kernels(nodes, source="OpenVINO runtime model: runtimePrecision, execTimeMcs")


def _save(model: Any, bundle: Bundle, out_dir: Path, *, halve: bool) -> Exported:
    import openvino

    for key, value in model_info(bundle).items():
        model.set_rt_info(value, ["model_info", key])
    model.set_rt_info(json.dumps(bundle.preprocessing.to_dict()), ["tfl", "preprocessing"])
    model.set_rt_info(json.dumps(bundle.labels), ["tfl", "labels"])
    openvino.save_model(model, str(out_dir / _MODEL), compress_to_fp16=halve)
    return Exported(model_files=(_MODEL, _WEIGHTS), signature=bundle.signature)


def _require_fake_quantization(model: Any) -> None:
    if not any(operation.get_type_name() == "FakeQuantize" for operation in model.get_ops()):
        raise UnsupportedError(
            "The network holds no fake quantization, so the plug-in would compute it in float32.",
            hint="Train it with quantization simulated: tfl compress RUN --method qat",
        )


def model_info(bundle: Bundle) -> dict[str, str]:
    """Say the contract in the words of OpenVINO's Model API and DL Streamer, which read it from the IR.

    Their frames are BGR; their own resizing is not anti-aliased, so answers can differ a little from tfl's.
    """
    labels = {
        "model_type": "Classification",
        # Labels are separated by blanks there.
        "labels": " ".join("_".join(label.split()) for label in bundle.labels),
        "multilabel": "False",
        "output_raw_scores": "True",
    }
    if not isinstance(bundle.preprocessing, ImagePreprocessing):
        # It has words for pictures only.
        return labels
    contract = bundle.preprocessing.left_to_caller
    means = [mean / contract.scale for mean in contract.mean]
    scales = [std / contract.scale for std in contract.std]
    return {
        **labels,
        "resize_type": _RESIZE_TYPES[contract.resize],
        "pad_value": "0",
        "reverse_input_channels": str(contract.channels == "rgb"),
        "mean_values": " ".join(f"{value:.8g}" for value in means),
        "scale_values": " ".join(f"{value:.8g}" for value in scales),
    }


TARGET = OpenVinoTarget()
