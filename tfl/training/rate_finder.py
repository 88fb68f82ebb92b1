"""The learning-rate range test: rates that rise from step to step, and what the loss does."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl.core.errors import JobError
from tfl.core.progress import Progress
from tfl.core.records import Record
from tfl.training.checkpoint import assign_variables, read_variables

_LOWEST, _HIGHEST, _STEPS = 1e-6, 1.0, 100
#: Of the moving average of the losses.
_SMOOTHING = 0.9
#: The test ends where the smoothed loss is so many times its smallest.
_DIVERGED = 4.0
#: Until then the average holds too few batches to be compared: with a head that is right already, the loss of one
#: batch is ten times that of another, and no rate of these steps could change that.
SETTLED_STEPS = 10
#: A slope is that of a straight line through so many steps on either side, because one step's is noise.
_SLOPE_STEPS = 5


@dataclass(frozen=True, kw_only=True)
class RateTest(Record):
    """What a range test found (Smith, "Cyclical Learning Rates for Training Neural Networks", 2017).

    Attributes:
        rates: Of the steps, rising by a constant factor.
        losses: Smoothed, with the bias of the first steps taken out.
        steepest: The rate at which the loss falls fastest.
        tenth_of_minimum: A tenth of the rate with the smallest loss.
        valley: Two thirds down the longest valley (Howard and others, fastai).
        chosen: The one that is used: the valley.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    steepest: float
    tenth_of_minimum: float
    valley: float
    chosen: float


def find_rate(model: Any, feed: Any, *, path: Path, compile_with: Callable[[float], None], progress: Progress) -> float:
    """Run the test, or read what an earlier sitting found; the model is left as it was, but for its compilation.

    Args:
        model: Whose weights are put back at the end.
        feed: Of training batches; goes round where it has fewer than the test's steps.
        path: Where the `RateTest` is kept.
        compile_with: Compiles the model with a constant learning rate.
        progress: Told after every step, and of the result.

    Raises:
        JobError: The loss is not finite from the first steps on.
    """
    if path.is_file():
        return RateTest.load(path).chosen
    before = read_variables(model.variables)
    feed.go_to(0)
    compile_with(_LOWEST)
    rates = np.geomspace(_LOWEST, _HIGHEST, _STEPS)
    losses: list[float] = []
    average = 0.0
    for step, rate in enumerate(rates):
        inputs, labels, *weights = feed[step % len(feed)]
        model.optimizer.learning_rate.assign(rate)
        model.reset_metrics()
        weight = weights[0] if weights else None
        loss = float(model.train_on_batch(inputs, labels, sample_weight=weight, return_dict=True)["loss"])
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        smooth = average / (1 - _SMOOTHING ** (step + 1))
        settled = losses[SETTLED_STEPS:]
        if not math.isfinite(smooth) or (settled and smooth > _DIVERGED * min(settled)):
            break
        losses.append(smooth)
        progress.update("learning-rate range test", done=step + 1, total=_STEPS)
    assign_variables(model.variables, before)
    if len(losses) <= SETTLED_STEPS:
        raise JobError(
            f"The range test diverged after {len(losses)} steps, at a learning rate of {rates[len(losses)]:.1e}.",
            hint="Give a rate: --learning-rate 0.001",
        )
    test = judge(rates[: len(losses)].tolist(), losses)
    test.save(path)
    progress.result(
        f"learning rate {test.chosen:.2g} from a range test"
        f" (steepest {test.steepest:.2g}, a tenth of the minimum {test.tenth_of_minimum:.2g})"
    )
    return test.chosen


def judge(rates: Sequence[float], losses: Sequence[float]) -> RateTest:
    """Suggest rates from a curve; its first `SETTLED_STEPS` don't count.

    Args:
        rates: Rising.
        losses: Smoothed, one for each, more than `SETTLED_STEPS`.
    """
    counted = np.asarray(losses[SETTLED_STEPS:])
    lowest = int(np.argmin(counted))
    slopes = _slopes(np.log(rates[SETTLED_STEPS:]), counted)
    # What falls behind the minimum is noise on the way up, and a line through half as many steps is noise as well.
    first = min(_SLOPE_STEPS, lowest)
    steepest = first + int(np.argmin(slopes[first : lowest + 1]))
    valley = _longest_fall(counted.tolist())
    place = valley[len(valley) * 2 // 3] if len(valley) > 1 else steepest
    return RateTest(
        rates=tuple(rates),
        losses=tuple(losses),
        steepest=float(rates[SETTLED_STEPS + steepest]),
        tenth_of_minimum=float(rates[SETTLED_STEPS + lowest] / 10),
        valley=float(rates[SETTLED_STEPS + place]),
        chosen=float(rates[SETTLED_STEPS + place]),
    )


def _slopes(places: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the slope of the straight line (least squares) through the neighbours of each point."""
    slopes = np.zeros(len(values))
    for index in range(len(values)):
        near = slice(max(0, index - _SLOPE_STEPS), index + _SLOPE_STEPS + 1)
        apart = places[near] - places[near].mean()
        slopes[index] = float(apart @ values[near] / max(float(apart @ apart), 1e-12))
    return slopes


def _longest_fall(losses: Sequence[float]) -> list[int]:
    """Return the places of the longest falling subsequence."""
    length, before = [1] * len(losses), [-1] * len(losses)
    for index, loss in enumerate(losses):
        for earlier in range(index):
            if losses[earlier] > loss and length[earlier] >= length[index]:
                length[index], before[index] = length[earlier] + 1, earlier
    place = int(np.argmax(length))
    places = []
    while place >= 0:
        places.append(place)
        place = before[place]
    return places[::-1]
