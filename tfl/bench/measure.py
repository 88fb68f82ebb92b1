"""Speed, memory and accuracy of one artefact, in a fresh process, on real inputs.

Model-only figures go from tensor to tensor; end-to-end figures from a file on disk to the answer.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.held_out import HeldOut
from tfl.bench.parity import answer_files
from tfl.bench.records import LatencyMs, Measurement
from tfl.core.child import call_in_child
from tfl.core.config import BenchmarkConfig
from tfl.core.environment import peak_rss_bytes
from tfl.data.contract import Inputs
from tfl.targets import TARGETS, Runtime, open_artifact
from tfl.tasks import TASKS

#: Inferences before the clock counts, so that lazy initialisation and cold caches are not in the figures.
_WARM_UP = 5
#: Streams take longer to reach their pace than single inferences.
_WARM_UP_SECONDS = 0.2
_LEAST_TIMINGS = 20
#: Inputs that the timed loops go round; enough to be varied, few enough to stay in memory.
_INPUTS = 64


def measure(
    artifact_dir: Path, *, held_out: HeldOut, config: BenchmarkConfig, log_path: Path | None = None
) -> Measurement:
    """Measure an artefact in a fresh process.

    Args:
        artifact_dir: The artefact; its digests are checked first.
        held_out: Real inputs with their classes; the accuracy is theirs.
        config: How long, which batches, how many threads.
        log_path: Where the child's output is kept.

    Raises:
        IntegrityError: A file of the artefact is missing or altered.
        ChildError: The engine crashed.
    """
    with tempfile.TemporaryDirectory(prefix="tfl-measure-") as folder:
        file = Path(folder) / "held_out.npz"
        held_out.limited().save(file)
        arguments = {
            "artifact_dir": str(artifact_dir),
            "held_out": str(file),
            "root": str(held_out.root),
            "config": config.to_dict(),
        }
        return Measurement.from_dict(call_in_child("tfl.bench.measure:measure_here", arguments, log_path=log_path))


def measure_here(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Measure in this process; the child's side of `measure`."""
    folder = Path(arguments["artifact_dir"])
    config = BenchmarkConfig.from_dict(arguments["config"])
    samples = HeldOut.load(Path(arguments["held_out"]), Path(arguments["root"]))
    artifact, runtime, load_ms = _timed_open(folder, config.threads)
    task = TASKS.get(artifact.task)
    inputs = artifact.preprocessing.load_uniform(samples.sources[:_INPUTS])
    singles = [np.ascontiguousarray(inputs[index : index + 1]) for index in range(len(inputs))]
    with runtime:
        start = time.perf_counter()
        runtime.predict(singles[0])
        first_inference_ms = (time.perf_counter() - start) * 1e3
        model_ms = latency(runtime.predict, singles, seconds=config.seconds)

        def answer(source: Path | str) -> None:
            output = runtime.predict(artifact.preprocessing.load_batch([source]))
            task.decode(output[0], artifact.labels, source=str(source))

        end_to_end_ms = latency(answer, samples.sources, seconds=config.seconds)
        # Peak memory is that of serving single inputs; scoring below holds more.
        peak_bytes = peak_rss_bytes()
        metric = task.metric_of(samples.truth, answer_files(runtime, samples, artifact))
    by_batch = _throughputs(folder, inputs, config)
    best = max(by_batch, key=lambda size: by_batch[size])
    return Measurement(
        artifact=artifact.name,
        target=artifact.target,
        precision=artifact.precision,
        size_bytes=artifact.size_bytes,
        metric_name=task.metric,
        metric=metric,
        sample_count=len(samples.paths),
        model_ms=model_ms,
        end_to_end_ms=end_to_end_ms,
        throughput_per_s=by_batch[best],
        throughput_batch=best,
        throughput_by_batch={str(size): rate for size, rate in by_batch.items()},
        load_ms=load_ms,
        first_inference_ms=first_inference_ms,
        peak_rss_bytes=peak_bytes,
        threads=config.threads,
    ).to_dict()


def _timed_open(folder: Path, threads: int) -> tuple[Any, Runtime, float]:
    # The first opening checks the digests and imports the engine; the second is the load alone.
    artifact, warm = open_artifact(folder, threads=threads)
    warm.close()
    target = TARGETS.get(artifact.target)
    start = time.perf_counter()
    runtime = target.open(folder, artifact, threads=threads)
    return artifact, runtime, (time.perf_counter() - start) * 1e3


def latency(call: Callable[[Any], object], inputs: list[Any], *, seconds: float) -> LatencyMs:
    """Time single calls one after the other, going round the inputs.

    Args:
        call: What is timed.
        inputs: At least one.
        seconds: How long; at least 20 timings are taken.
    """
    cycle = itertools.cycle(inputs)
    for _ in range(_WARM_UP):
        call(next(cycle))
    timings: list[float] = []
    end = time.perf_counter() + seconds
    while len(timings) < _LEAST_TIMINGS or time.perf_counter() < end:
        item = next(cycle)
        start = time.perf_counter()
        call(item)
        timings.append((time.perf_counter() - start) * 1e3)
    p50, p90, p99 = (float(value) for value in np.percentile(timings, [50, 90, 99]))
    return LatencyMs(p50=p50, p90=p90, p99=p99, timings=len(timings))


def _throughputs(folder: Path, inputs: Inputs, config: BenchmarkConfig) -> dict[int, float]:
    runtime = open_artifact(folder, threads=config.threads, mode="throughput")[1]
    with runtime:
        return {
            size: throughput(runtime, inputs, batch_size=size, seconds=config.seconds) for size in config.batch_sizes
        }


def throughput(runtime: Runtime, inputs: Inputs, *, batch_size: int, seconds: float) -> float:
    """Return samples per second of a stream of batches, after a warm-up of its own.

    Args:
        runtime: Opened for throughput.
        inputs: `(samples, ...)`, cut and repeated into batches.
        batch_size: Samples per batch.
        seconds: How long.
    """
    repeats = -(-batch_size // len(inputs)) + 1
    pool = np.concatenate([inputs] * repeats) if len(inputs) < 2 * batch_size else inputs
    batches = [
        np.ascontiguousarray(pool[start : start + batch_size])
        for start in range(0, len(pool) - batch_size + 1, batch_size)
    ]
    for _ in runtime.predict_stream(_until(batches, time.perf_counter() + _WARM_UP_SECONDS)):
        pass
    done = 0
    start = time.perf_counter()
    for _ in runtime.predict_stream(_until(batches, start + seconds)):
        done += batch_size
    return done / (time.perf_counter() - start)


def _until(batches: list[Inputs], end: float) -> Iterator[Inputs]:
    for count, batch in enumerate(itertools.cycle(batches)):
        if count >= 2 and time.perf_counter() >= end:
            return
        yield batch
