"""The other sides of `harness_checks.py`, each run in a process of its own: engines called directly, and LoadGen."""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.held_out import HeldOut
from tfl.bundle import Artifact
from tfl.targets import Runtime, open_artifact

WARM_UP = 30
INPUTS = 64
Figures = dict[str, float]


def pictures(folder: Path, samples: HeldOut) -> Any:
    """The first held-out pictures as single inputs, the same that tfl goes round."""
    inputs = Artifact.open(folder).preprocessing.load_uniform(samples.sources[:INPUTS])
    return [np.ascontiguousarray(inputs[index : index + 1]) for index in range(len(inputs))]


def timed(call: Callable[[Any], object], inputs: list[Any], seconds: float) -> Figures:
    """The plainest loop: warm up, then time each call."""
    cycle = itertools.cycle(inputs)
    for _ in range(WARM_UP):
        call(next(cycle))
    timings = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        item = next(cycle)
        start = time.perf_counter()
        call(item)
        timings.append((time.perf_counter() - start) * 1e3)
    p50, p90 = np.percentile(timings, [50, 90])
    return {"p50_ms": float(p50), "p90_ms": float(p90), "per_s": len(timings) / (sum(timings) / 1e3)}


def litert_call(folder: Path, first: Any) -> Callable[[Any], Any]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(folder / "model.tflite"), num_threads=len(os.sched_getaffinity(0)))
    place, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    interpreter.resize_tensor_input(place, first.shape)
    interpreter.allocate_tensors()

    def call(item: Any) -> Any:
        interpreter.set_tensor(place, item)
        interpreter.invoke()
        return interpreter.get_tensor(result)

    return call


def onnx_call(folder: Path, first: Any) -> Callable[[Any], Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda item: session.run(None, {name: item})


def openvino_call(folder: Path, first: Any) -> Callable[[Any], Any]:
    import openvino

    core = openvino.Core()
    model = core.read_model(str(folder / "model.xml"))
    model.reshape(list(first.shape))
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    return lambda item: request.infer({0: item}, share_inputs=True)


CALLS = {"tflite": litert_call, "onnx": onnx_call, "openvino": openvino_call}


def directly(folder: Path, inputs: list[Any], seconds: float) -> Figures:
    return timed(CALLS[Artifact.open(folder).target](folder, inputs[0]), inputs, seconds)


def in_turns(folder: Path, inputs: list[Any], seconds: float) -> Figures:
    """Tfl's runtime and the engine itself, a few inferences each in turn, in this process."""
    _, runtime = open_artifact(folder)
    sides = {"tfl": runtime.predict, "other": CALLS[Artifact.open(folder).target](folder, inputs[0])}
    timings: dict[str, list[float]] = {name: [] for name in sides}
    for call in sides.values():
        for item in inputs[:WARM_UP]:
            call(item)
    end = time.perf_counter() + 2 * seconds
    for number in itertools.count():
        if time.perf_counter() >= end:
            break
        for name in sides if number % 2 == 0 else reversed(sides):
            for index in range(10):
                item = inputs[(10 * number + index) % len(inputs)]
                start = time.perf_counter()
                sides[name](item)
                timings[name].append((time.perf_counter() - start) * 1e3)
    found = {name: float(np.median(values)) for name, values in timings.items()}
    return {**found, "ratio": found["tfl"] / found["other"], "difference_us": (found["tfl"] - found["other"]) * 1e3}


def warm_and_cold(folder: Path, inputs: list[Any], seconds: float) -> Figures:
    """OpenVINO with all pictures in turn and with one that stays in the caches, a few inferences each in turn.

    `one_engine` is `one` by the engine's own counter, which leaves out the call from Python and is what
    `benchmark_app` prints.
    """
    import openvino

    core = openvino.Core()
    model = core.read_model(str(folder / "model.xml"))
    model.reshape(list(inputs[0].shape))
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    names = ("all", "one", "one_engine")
    timings: dict[str, list[float]] = {name: [] for name in names}
    for item in inputs[:WARM_UP]:
        request.infer({0: item}, share_inputs=True)
    end = time.perf_counter() + 2 * seconds
    for number in itertools.count():
        if time.perf_counter() >= end:
            break
        for name in names[:2] if number % 2 == 0 else names[1::-1]:
            for index in range(10):
                item = inputs[(10 * number + index) % len(inputs)] if name == "all" else inputs[0]
                start = time.perf_counter()
                request.infer({0: item}, share_inputs=True)
                timings[name].append((time.perf_counter() - start) * 1e3)
                if name == "one":
                    timings["one_engine"].append(request.latency)
    return {name: float(np.median(values)) for name, values in timings.items()}


def loadgen(folder: Path, inputs: list[Any], seconds: float, *, scenario: str) -> Figures:
    """MLPerf LoadGen drives tfl's runtime; what it says stands in its own summary, which is read here."""
    import mlperf_loadgen as lg

    mode = "throughput" if scenario == "Offline" else "latency"
    runtime: Runtime = open_artifact(folder, mode=mode)[1]
    for index in range(WARM_UP):
        runtime.predict(inputs[index % len(inputs)])

    def issue(samples: list[Any]) -> None:
        batches = (inputs[sample.index] for sample in samples)
        for sample, answer in zip(samples, runtime.predict_stream(batches), strict=True):
            lg.QuerySamplesComplete([lg.QuerySampleResponse(sample.id, answer.ctypes.data, answer.nbytes)])

    settings = lg.TestSettings()
    settings.scenario = getattr(lg.TestScenario, scenario)
    settings.mode = lg.TestMode.PerformanceOnly
    settings.min_duration_ms = round(seconds * 1e3)
    settings.min_query_count = 100
    if scenario == "Offline":
        start = time.perf_counter()
        for _ in runtime.predict_stream(itertools.islice(itertools.cycle(inputs), 100)):
            pass
        settings.offline_expected_qps = 100 / (time.perf_counter() - start)
    with tempfile.TemporaryDirectory() as logs:
        output = lg.LogOutputSettings()
        output.outdir, output.copy_summary_to_stdout = logs, False
        log = lg.LogSettings()
        log.log_output, log.enable_trace = output, False
        system = lg.ConstructSUT(issue, lambda: None)
        library = lg.ConstructQSL(len(inputs), len(inputs), lambda _: None, lambda _: None)
        lg.StartTestWithLogSettings(system, library, settings, log)
        text = (Path(logs) / "mlperf_log_summary.txt").read_text(encoding="utf-8")
        lg.DestroyQSL(library)
        lg.DestroySUT(system)
    wanted = {
        "p50_ms": r"50\.00 percentile latency \(ns\)\s*: (\d+)",
        "p90_ms": r"90\.00 percentile latency \(ns\)\s*: (\d+)",
        "per_s": r"Samples per second\s*: ([\d.e+]+)",
    }
    found = {name: float(match[1]) for name, form in wanted.items() if (match := re.search(form, text))}
    return {name: value / 1e6 if name.endswith("_ms") else value for name, value in found.items()}


SIDES: dict[str, Callable[[Path, list[Any], float], Figures]] = {
    "direct": directly,
    "turns": in_turns,
    "inputs": warm_and_cold,
    "loadgen-SingleStream": functools.partial(loadgen, scenario="SingleStream"),
    "loadgen-Offline": functools.partial(loadgen, scenario="Offline"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--side", choices=sorted(SIDES), required=True)
    parser.add_argument("--samples", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    samples = HeldOut.load(options.samples, options.root)
    print(json.dumps(SIDES[options.side](options.artifact, pictures(options.artifact, samples), options.seconds)))


if __name__ == "__main__":
    main()
