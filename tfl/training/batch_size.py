"""The batch size that is fastest and fits into the memory, measured in a process that may die of it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfl.core.child import call_in_child
from tfl.core.config import resolve_config
from tfl.core.environment import peak_rss_bytes
from tfl.core.errors import ChildError, JobError
from tfl.core.progress import Progress
from tfl.core.records import Record
from tfl.data.contract import Contract
from tfl.training.memory import memory_bytes

_SIZES = (4, 8, 16, 32, 64, 128, 256)
_TIMED_STEPS = 3
#: A size is taken when it reaches this share of the best throughput: smaller steps learn more from each sample.
_NEARLY = 0.95
#: Of the memory that there is; the next size is not tried where it would go above.
_MOST_MEMORY = 0.8
_MOST_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class BatchTrial(Record):
    """One size.

    Attributes:
        batch_size: Samples per step.
        samples_per_s: Median of a few steps.
        peak_rss_bytes: Of the process so far.
    """

    batch_size: int
    samples_per_s: float
    peak_rss_bytes: int


@dataclass(frozen=True, kw_only=True)
class BatchTest(Record):
    """All sizes that were tried.

    Attributes:
        trials: In rising order.
        memory_bytes: That the process may use.
        chosen: The smallest that reaches 95 % of the best throughput.
        ended: Why no larger one was tried.
    """

    trials: tuple[BatchTrial, ...]
    memory_bytes: int
    chosen: int
    ended: str


def find_batch_size(
    path: Path,
    *,
    config: Mapping[str, Any],
    policy: str,
    class_count: int,
    layers: int,
    point: str,
    most: int,
    progress: Progress,
) -> int:
    """Measure, or read what an earlier sitting found.

    Args:
        path: Where the `BatchTest` is kept.
        config: The run's, as a mapping.
        policy: The Keras dtype policy.
        class_count: Of the data.
        layers: How many of the backbone's last layers learn.
        point: Where its frozen part ends; empty where the whole network is run.
        most: Samples there are: larger sizes make no sense.
        progress: Told what happens.

    Raises:
        JobError: Not even the smallest size fits.
    """
    if path.is_file():
        return BatchTest.load(path).chosen
    progress.update("trying batch sizes in a process of their own")
    notes = path.with_suffix(".trials")
    notes.parent.mkdir(parents=True, exist_ok=True)
    notes.unlink(missing_ok=True)
    limit = memory_bytes()
    arguments = {
        "config": dict(config),
        "policy": policy,
        "class_count": class_count,
        "layers": layers,
        "point": point,
        "most": most,
        "notes": str(notes),
        "limit": limit,
    }
    try:
        ended = str(call_in_child("tfl.training.batch_size:try_sizes", arguments)["ended"])
    except ChildError as error:
        ended = f"the process ended: {error.message.splitlines()[0]}"
    lines = notes.read_text(encoding="utf-8").splitlines() if notes.is_file() else []
    trials = tuple(BatchTrial.from_dict(json.loads(line)) for line in lines)
    notes.unlink(missing_ok=True)
    if not trials:
        raise JobError(
            f"No batch size could be measured: {ended}.", hint="Give one: --batch-size 8, or a smaller --image-size."
        )
    test = BatchTest(trials=trials, memory_bytes=limit, chosen=best_of(trials), ended=ended)
    test.save(path)
    speed = next(trial.samples_per_s for trial in trials if trial.batch_size == test.chosen)
    progress.result(f"batch size {test.chosen}: {speed:.0f} samples a second; {ended}")
    return test.chosen


def best_of(trials: tuple[BatchTrial, ...]) -> int:
    """Return the smallest size that reaches nearly the best throughput."""
    best = max(trial.samples_per_s for trial in trials)
    return min(trial.batch_size for trial in trials if trial.samples_per_s >= _NEARLY * best)


def try_sizes(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Train on noise at rising sizes, noting each; called in a child process."""
    import keras

    from tfl.tasks import TASKS
    from tfl.training.cut import Cuttable
    from tfl.training.fit import load_backbone
    from tfl.training.network import join, thaw_top
    from tfl.training.optimizer import make_optimizer
    from tfl.training.xla import compiles_by_rule

    config = resolve_config(arguments["config"], {})
    keras.config.set_dtype_policy(str(arguments["policy"]))
    backbone = load_backbone(config)
    network = Cuttable(backbone.model)
    thaw_top(backbone.model, int(arguments["layers"]), batch_norm=config.train.batch_norm)
    size = backbone.model.output_shape[-1]
    head = TASKS.get(config.task).build_head(size, int(arguments["class_count"]), dropout=0.0, seed=0)
    model = join(network.part(arguments["point"], ""), head)
    optimizer, jit = make_optimizer(config.train, 1e-9, steps=1000), compiles_by_rule(config.train.xla)
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=jit)
    start, peaks = time.monotonic(), [peak_rss_bytes()]
    for batch_size in _SIZES:
        if batch_size > max(int(arguments["most"]), _SIZES[0]):
            return {"ended": "larger ones hold more than all samples"}
        if peaks[-1] + 2 * (peaks[-1] - peaks[-2] if len(peaks) > 2 else 0) > _MOST_MEMORY * int(arguments["limit"]):
            return {"ended": f"{batch_size} would go beyond {_MOST_MEMORY:.0%} of the memory"}
        speed = _speed(model, batch_size, contract=None if arguments["point"] else backbone.info.preprocessing)
        peaks.append(peak_rss_bytes())
        trial = BatchTrial(batch_size=batch_size, samples_per_s=speed, peak_rss_bytes=peaks[-1])
        with Path(arguments["notes"]).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(trial.to_dict()) + "\n")
        if time.monotonic() - start > _MOST_SECONDS:
            return {"ended": f"{_MOST_SECONDS:.0f} s were over"}
    return {"ended": f"{_SIZES[-1]} is the largest that is tried"}


def _speed(model: Any, batch_size: int, *, contract: Contract | None) -> float:
    """Time steps on what a contract draws, or on noise where the model begins behind the input."""
    if contract is not None:
        inputs = contract.prepare(contract.draw_rows(batch_size, seed=0))
    else:
        shape = (batch_size, *model.input_shape[1:])
        inputs = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    labels = np.zeros(batch_size, dtype=np.int32)
    model.train_on_batch(inputs, labels)
    seconds = []
    for _ in range(_TIMED_STEPS):
        begin = time.perf_counter()
        model.train_on_batch(inputs, labels)
        seconds.append(time.perf_counter() - begin)
    return batch_size / float(np.median(seconds))
