"""One cell in one process: open, put the load on, and say everything that the figures depend on."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.conditions import ConditionsMeter
from tfl.bench.held_out import HeldOut
from tfl.bench.parity import answer_files
from tfl.bench.scenario_records import Accuracy, RoundResult, StageTimes
from tfl.bench.scenarios import SCENARIOS, Load, Outcome, Setting
from tfl.bundle import Artifact
from tfl.core.energy import EnergyMeter
from tfl.core.environment import peak_rss_bytes
from tfl.core.errors import DataError, IntegrityError
from tfl.core.files import sha256_text, write_atomic, write_text
from tfl.data.contract import Inputs
from tfl.targets import TARGETS, Runtime, open_artifact, open_target
from tfl.tasks import TASKS

#: Inputs that the timed loops go round; enough to be varied, few enough to stay in memory.
_INPUTS = 64
_STAGE_PICTURES = 40
#: At least so many queries, for so long, tell how long the scenarios will take.
_PACE_QUERIES, _PACE_SECONDS = 3, 0.2


def run_here(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Measure one cell in this process, which must be a fresh one; the child's side of `run_cell`."""
    folder = Path(arguments["artifact_dir"])
    setting = Setting.from_dict(arguments["setting"])
    scenario = SCENARIOS.get(arguments["scenario"])
    samples = HeldOut.load(Path(arguments["held_out"]), Path(arguments["root"]))
    artifact = Artifact.open(folder)
    inputs = _varied_inputs(samples, artifact)
    start = time.perf_counter()
    target = TARGETS.get(artifact.target)
    runtime = open_target(target, folder, artifact, threads=setting.threads, mode=scenario.mode, lanes=setting.lanes)
    cold_load_ms = (time.perf_counter() - start) * 1e3
    with runtime:
        start = time.perf_counter()
        runtime.lanes()[0](np.ascontiguousarray(inputs[: setting.batch or 1]))
        first_inference_ms = (time.perf_counter() - start) * 1e3
        load = Load(
            inputs=inputs,
            setting=setting,
            seconds=arguments["seconds"],
            least_queries=arguments["least_queries"],
            seed=arguments["seed"],
            latency_bound_ms=arguments["latency_bound_ms"],
            tell=lambda text: write_text(Path(arguments["told"]), text),
        )
        conditions, energy = ConditionsMeter(), EnergyMeter()
        with energy:
            outcome = scenario.run(runtime, load)
            joules = energy.joules()
        found = conditions.read()
        # Peak memory is that of the scenario; scoring below holds more.
        peak_bytes = peak_rss_bytes()
        stages = _stage_times(runtime, samples, artifact) if scenario.times_stages else None
    result = RoundResult(
        round=arguments["round"],
        figures=outcome.figures,
        artifact_digest=_same_files(folder, artifact),
        cold_load_ms=cold_load_ms,
        first_inference_ms=first_inference_ms,
        peak_rss_bytes=peak_bytes,
        joules_per_sample=_joules_per_sample(joules, outcome),
        energy_note=energy.note,
        inputs=len(inputs),
        conditions=found,
        stages=stages,
    )
    arrays = {"compared_ms": outcome.compared_ms, **outcome.raw}
    write_atomic(Path(arguments["samples"]), lambda file: np.savez(file, allow_pickle=False, **arrays))
    return result.to_dict()


def score_here(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Score an artefact and look at its kernels, in a process of its own so that neither disturbs a timing."""
    folder = Path(arguments["artifact_dir"])
    samples = HeldOut.load(Path(arguments["held_out"]), Path(arguments["root"]))
    artifact, runtime = open_artifact(folder)
    task = TASKS.get(artifact.task)
    with runtime:
        metric = task.metric_of(samples.truth, answer_files(runtime, samples, artifact))
        picture = artifact.preprocessing.load_batch(samples.sources[:1])
        sample_s = _pace_s(runtime, picture)
    kernels = TARGETS.get(artifact.target).kernels(folder, artifact, picture, threads=0)
    accuracy = Accuracy(
        artifact_digest=_same_files(folder, artifact),
        metric_name=task.metric,
        metric=metric,
        sample_count=len(samples.paths),
    )
    return {
        "accuracy": accuracy.to_dict(),
        "kernels": kernels.to_dict(),
        "size_bytes": artifact.size_bytes,
        "sample_s": sample_s,
    }


def _pace_s(runtime: Runtime, sample: Inputs) -> float:
    """Return the seconds of one inference, on average: what else the machine does is in it."""
    runtime.predict(sample)
    begin = time.perf_counter()
    for count in itertools.count(1):
        runtime.predict(sample)
        elapsed_s = time.perf_counter() - begin
        if elapsed_s >= _PACE_SECONDS and count >= _PACE_QUERIES:
            break
    return elapsed_s / count


def artifact_digest(artifact: Artifact) -> str:
    """Return the SHA-256 over the digests of an artefact's files, by name."""
    return sha256_text(*(part for item in sorted(artifact.files.items()) for part in item))


def _same_files(folder: Path, artifact: Artifact) -> str:
    """Check the files once more, now that all is done, and return their digest."""
    if Artifact.open(folder) != artifact:
        raise IntegrityError(
            f"{folder} was changed while it was measured, so the figures are of no one artefact.", hint="Measure again."
        )
    return artifact_digest(artifact)


def _varied_inputs(samples: HeldOut, artifact: Artifact) -> Inputs:
    inputs = artifact.preprocessing.load_uniform(samples.sources[:_INPUTS])
    # Digests, because sorting whole tensors took more memory than the engines, and the peak is on record.
    distinct = {hashlib.sha256(item).digest(): index for index, item in reversed(list(enumerate(inputs)))}
    if len(distinct) < 2:
        raise DataError(
            f"All inputs are the same sample: {len(inputs)} of {samples.root}. An engine and its caches can be fast "
            "on one input that is repeated and slow on real ones.",
            hint="Name varied samples with --data.",
        )
    return inputs if len(distinct) == len(inputs) else np.ascontiguousarray(inputs[sorted(distinct.values())])


def _joules_per_sample(joules: float | None, outcome: Outcome) -> float | None:
    """Share the energy out where all of it went into the queries that were counted."""
    if joules is None or outcome.figures.curve:
        return None
    return joules / (outcome.figures.queries * outcome.figures.samples_per_query)


def _stage_times(runtime: Runtime, samples: HeldOut, artifact: Artifact) -> StageTimes:
    """Time each step of file to answer apart, then the whole in one go, on the same pictures."""
    task, contract = TASKS.get(artifact.task), artifact.preprocessing
    chosen = (samples.sources * -(-_STAGE_PICTURES // len(samples.sources)))[:_STAGE_PICTURES]
    apart: list[list[float]] = []
    whole: list[float] = []
    for source in chosen:
        marks = [time.perf_counter()]
        opened = contract.open_source(source)
        marks.append(time.perf_counter())
        tensor = contract.prepare_opened(opened)
        marks.append(time.perf_counter())
        output = runtime.predict(tensor)
        marks.append(time.perf_counter())
        task.decode(output[0], artifact.labels, source=str(source))
        marks.append(time.perf_counter())
        apart.append([(after - before) * 1e3 for before, after in itertools.pairwise(marks)])
    for source in chosen:
        start = time.perf_counter()
        output = runtime.predict(contract.load_batch([source]))
        task.decode(output[0], artifact.labels, source=str(source))
        whole.append((time.perf_counter() - start) * 1e3)
    decode_ms, preprocess_ms, infer_ms, postprocess_ms = (float(value) for value in np.median(apart, axis=0))
    return StageTimes(
        decode_ms=decode_ms,
        preprocess_ms=preprocess_ms,
        infer_ms=infer_ms,
        postprocess_ms=postprocess_ms,
        end_to_end_ms=float(np.median(whole)),
        pictures=len(chosen),
    )
