"""How long a backbone takes for one picture on this machine, measured in a process of its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfl.backbones import SOURCES, parse_spec
from tfl.bench.measured_here import remember_backbone
from tfl.core.child import call_in_child
from tfl.core.extras import is_installed, require
from tfl.core.records import Record
from tfl.core.telemetry import send_no_telemetry
from tfl.data.contract import Inputs

_WARM_UP = 5
_LEAST_RUNS = 30
_LEAST_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class BackboneSpeed(Record):
    """What was measured.

    Attributes:
        engine: What ran it, with its version.
        latency_ms: Median of `runs` inferences of one picture, float32, tensor in, features out, after a warm-up.
        runs: How many were timed.
        size_bytes: Of the weights in float32.
        package: What the engine is installed as.
        input: What it took.
    """

    engine: str
    latency_ms: float
    runs: int
    size_bytes: int
    package: str = ""
    input: str = ""


def measure_backbone(spec: str, *, image_size: int | None = None) -> BackboneSpeed:
    """Measure a backbone in a fresh process, in OpenVINO where that is installed, else in Keras, and remember it.

    Args:
        spec: `source:name`.
        image_size: Height and width in pixels, or None for the backbone's own.

    Raises:
        TflError: The backbone can't be loaded.
        ChildError: The engine crashed.
    """
    arguments = {"spec": spec, "image_size": image_size}
    speed = BackboneSpeed.from_dict(call_in_child("tfl.bench.backbone_latency:measure_here", arguments))
    remember_backbone(
        spec, input=speed.input, target=speed.package, latency_ms_p50=speed.latency_ms, size_bytes=speed.size_bytes
    )
    return speed


def measure_here(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Measure in this process; the child's side of `measure_backbone`."""
    source, name = parse_spec(arguments["spec"])
    backbone = SOURCES.get(source).load(name, image_size=arguments["image_size"])
    contract = backbone.info.preprocessing
    sample = contract.prepare(contract.draw_rows(1, seed=0))
    # OpenVINO has no strings.
    converts = is_installed("openvino") and contract.input.dtype != "string"
    package = "openvino" if converts else "keras"
    engine, call = _openvino_call(backbone.model, sample.shape) if converts else _keras_call(backbone.model)
    for _ in range(_WARM_UP):
        call(sample)
    timings_ms: list[float] = []
    end_s = time.perf_counter() + _LEAST_SECONDS
    while len(timings_ms) < _LEAST_RUNS or time.perf_counter() < end_s:
        start_s = time.perf_counter()
        call(sample)
        timings_ms.append((time.perf_counter() - start_s) * 1e3)
    return BackboneSpeed(
        engine=engine,
        latency_ms=float(np.median(timings_ms)),
        runs=len(timings_ms),
        size_bytes=4 * int(backbone.model.count_params()),
        package=package,
        input=contract.summary,
    ).to_dict()


def _openvino_call(model: Any, shape: tuple[int, ...]) -> tuple[str, Callable[[Inputs], Any]]:
    send_no_telemetry()
    openvino = require("openvino", purpose="measuring with OpenVINO")
    with tempfile.TemporaryDirectory(prefix="tfl-backbone-") as folder:
        place = Path(folder) / "saved"
        model.export(str(place), format="tf_saved_model", verbose=False)
        converted = openvino.convert_model(str(place))
    converted.reshape(list(shape))
    # Float32 is what is compared; newer processors would silently compute in bfloat16.
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(converted, "CPU", settings).create_infer_request()
    return f"OpenVINO {openvino.__version__.partition('-')[0]}", lambda sample: request.infer({0: sample})


def _keras_call(model: Any) -> tuple[str, Callable[[Inputs], Any]]:
    keras = require("keras", purpose="measuring with Keras")
    return f"Keras {keras.__version__}", model.predict_on_batch
