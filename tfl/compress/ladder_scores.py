"""Scoring and timing a model that a search has just written, by the target's own runtime."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfl.bundle import Artifact, Bundle
from tfl.compress.ladder_records import SpeedRatio
from tfl.compress.paired import PairedDrop, compare_paired
from tfl.compress.ranking import Score
from tfl.data.contract import Floats, Inputs, Rows
from tfl.targets import Exported, Runtime, Target, draft_artifact
from tfl.tasks import TASKS

_BATCH = 16
_BLOCKS = 12
_BLOCK_S = 0.08
_LEAST_PER_BLOCK = 3
_RESAMPLES = 2000
#: As the task's log loss: one step of float32 at 1, so that an exact zero costs much but not everything.
_LEAST_PROBABILITY = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class ChoiceSet:
    """Samples that judge, with the float model's answers.

    Attributes:
        rows: `(samples, height, width, 3)` uint8 RGB.
        truth: Class indices.
        reference: `(samples, classes)` float32 of the float Keras model.
    """

    rows: Rows
    truth: tuple[int, ...]
    reference: Floats

    def evenly(self, most: int) -> ChoiceSet:
        """Return at most that many samples, evenly spaced."""
        if len(self.truth) <= most:
            return self
        chosen = np.linspace(0, len(self.truth) - 1, most).astype(int)
        truth = tuple(self.truth[index] for index in chosen)
        return ChoiceSet(np.asarray(self.rows[chosen]), truth, self.reference[chosen])


@dataclass(frozen=True)
class Judge:
    """Opens models and scores them.

    Attributes:
        target_name: Name of the target plug-in.
        target: The plug-in.
        bundle: What the models are made from.
        seed: Of the resampling.
    """

    target_name: str
    target: Target
    bundle: Bundle
    seed: int

    def open(self, folder: Path, exported: Exported, precision: str) -> Runtime:
        """Open a model that has no record yet."""
        return self.target.open(folder, self._draft(exported, precision), threads=0)

    def answer(self, folder: Path, exported: Exported, precision: str, samples: ChoiceSet) -> Floats:
        """Return a model's answers to the samples: `(samples, classes)` float32."""
        with self.open(folder, exported, precision) as runtime:
            return self.answer_with(runtime, samples)

    def answer_with(self, runtime: Runtime, samples: ChoiceSet) -> Floats:
        """Return an opened model's answers; every batch has one size, since engines compile for each size anew."""
        answers = np.concatenate(list(runtime.predict_stream(self._batches(samples))))
        return answers[: len(samples.truth)]

    def _batches(self, samples: ChoiceSet) -> Iterator[Inputs]:
        count = len(samples.truth)
        for start in range(0, count, _BATCH):
            chosen = [min(index, count - 1) for index in range(start, start + _BATCH)]
            yield self.bundle.preprocessing.prepare(np.asarray(samples.rows[chosen]))

    def score(self, answers: Floats, samples: ChoiceSet) -> Score:
        """Return metric and mean log loss."""
        metric = TASKS.get(self.bundle.task).metric_of(samples.truth, answers)
        return Score(metric, log_loss(samples.truth, answers))

    def drop(self, answers: Floats, samples: ChoiceSet) -> PairedDrop:
        """Compare with the float Keras model."""
        task = TASKS.get(self.bundle.task)
        return compare_paired(
            samples.truth,
            samples.reference,
            answers,
            metric=task.metric_of,
            metric_name=task.metric,
            seed=self.seed,
            resamples=_RESAMPLES,
        )

    def _draft(self, exported: Exported, precision: str) -> Artifact:
        return draft_artifact(self.bundle, exported, target=self.target_name, precision=precision)


def log_loss(truth: Sequence[int], answers: Floats) -> float:
    """Return the mean negative logarithm of the true class's probability."""
    sure = answers[np.arange(len(truth)), np.asarray(truth)].astype(np.float64)
    return float(-np.log(np.clip(sure, _LEAST_PROBABILITY, 1.0)).mean())


def compare_speed(reference: Runtime, runtime: Runtime, inputs: Inputs, *, seed: int) -> SpeedRatio:
    """Time two opened models in turns, block by block, so that what else the machine does meets both alike.

    Args:
        reference: The same target's float32 model.
        runtime: The model.
        inputs: `(samples, height, width, 3)` float32; given one by one.
        seed: Of the resampling of blocks.
    """
    singles = [np.ascontiguousarray(inputs[index : index + 1]) for index in range(len(inputs))]
    for engine in (reference, runtime):
        for single in singles[:_LEAST_PER_BLOCK]:
            engine.predict(single)
    blocks = np.array([(_block_ms(reference, singles), _block_ms(runtime, singles)) for _ in range(_BLOCKS)])
    ratios = blocks[:, 1] / blocks[:, 0]
    generator = np.random.default_rng(seed)
    drawn = np.median(generator.choice(ratios, (_RESAMPLES, _BLOCKS)), axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return SpeedRatio(
        ratio=float(np.median(ratios)),
        low=float(low),
        high=float(high),
        latency_ms=float(np.median(blocks[:, 1])),
        float_latency_ms=float(np.median(blocks[:, 0])),
        blocks=_BLOCKS,
    )


def _block_ms(runtime: Runtime, singles: Sequence[Inputs]) -> float:
    """Return the median latency of one block."""
    timings: list[float] = []
    end = time.perf_counter() + _BLOCK_S
    while len(timings) < _LEAST_PER_BLOCK or time.perf_counter() < end:
        single = singles[len(timings) % len(singles)]
        start = time.perf_counter()
        runtime.predict(single)
        timings.append((time.perf_counter() - start) * 1e3)
    return float(np.median(timings))
