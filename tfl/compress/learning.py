"""One step of a compression: train a wrapped tf_keras model, keep its best epoch, go on where it was stopped."""

from __future__ import annotations

import json
import math
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfl.compress.recipes import Recipe
from tfl.compress.records import CompressSettings, EpochRow
from tfl.core.errors import IntegrityError, JobError
from tfl.core.files import write_atomic


@dataclass
class StepState:
    """How far a compression is, as it is saved after every epoch.

    Attributes:
        step: Place of the step in the settings.
        epoch: Epochs of it that are done.
        start: Weights that the step began with, of the plain model.
        now: Weights of the wrapped model; empty before the first epoch.
        optimizer: Its variables; empty before the first epoch.
        best: Weights of the wrapped model at the best epoch so far; empty while there is none.
        best_epoch: 0 where the state before the first epoch is the best.
        best_loss: Of the validation split.
        rows: Of all steps so far.
        kept: Kept epochs of the steps before.
        compressed: What the steps before did to which layer.
        seconds: What the epochs of the step took, over all sittings.
    """

    step: int = 0
    epoch: int = 0
    start: list[Any] = field(default_factory=list)
    now: list[Any] = field(default_factory=list)
    optimizer: list[Any] = field(default_factory=list)
    best: list[Any] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf
    rows: list[EpochRow] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)
    compressed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        """Write all of it, atomically."""
        said = {
            "step": self.step,
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "best_loss": self.best_loss,
            "rows": [row.to_dict() for row in self.rows],
            "kept": self.kept,
            "compressed": self.compressed,
            "seconds": self.seconds,
        }
        arrays: dict[str, Any] = {"said": np.asarray(json.dumps(said))}
        for name in _LISTS:
            arrays |= {f"{name}_{place}": value for place, value in enumerate(getattr(self, name))}
        write_atomic(path, lambda file: np.savez(file, allow_pickle=False, **arrays))

    @classmethod
    def load(cls, path: Path) -> StepState:
        """Read what `save` wrote.

        Raises:
            IntegrityError: The file is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                said = json.loads(str(arrays["said"]))
                lists: dict[str, Any] = {
                    name: [
                        arrays[f"{name}_{place}"] for place in range(sum(key.startswith(f"{name}_") for key in arrays))
                    ]
                    for name in _LISTS
                }
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise IntegrityError(
                f"{path} is no state of a compression: {error}.", hint="Begin anew with --overwrite."
            ) from error
        return cls(**{**said, "rows": [EpochRow.from_dict(row) for row in said["rows"]]}, **lists)


_LISTS = ("start", "now", "optimizer", "best")


def learn(
    recipe: Recipe,
    feeds: tuple[Any, Any],
    settings: CompressSettings,
    state: StepState,
    path: Path,
    *,
    rows: bool,
    tell: Callable[[str], None],
) -> None:
    """Train a wrapped model for the step's epochs, or its minutes, and leave it with the weights of the best one.

    Args:
        recipe: Its model is changed in place.
        feeds: Of training and validation; see `tfl.training.feed`.
        settings: Of the compression.
        state: Gone on with; saved after every epoch.
        path: Where the state is kept.
        rows: Whether labels are rows of shares.
        tell: Called with what happens.

    Raises:
        JobError: The loss is not finite.
    """
    model, (training, validation) = recipe.model, feeds
    step = settings.steps[state.step]
    _compile(model, settings, state, rows=rows)
    if not state.epoch and not recipe.callbacks:
        state.best, state.best_loss = model.get_weights(), _evaluate(model, validation)[0]
    for callback in recipe.callbacks:
        callback.set_model(model)
        callback.on_train_begin()
    while state.epoch < settings.epochs and not _is_time_up(settings, state):
        start = time.monotonic()
        tell(f"{step}: epoch {state.epoch + 1} of {settings.epochs}")
        loss = _epoch(model, training, recipe, settings, number=state.epoch)
        state.epoch += 1
        chosen_by, accuracy = _evaluate(model, validation)
        if not (math.isfinite(loss) and math.isfinite(chosen_by)):
            raise JobError(
                f"The loss of epoch {state.epoch} of '{step}' is not finite.",
                hint="Choose a smaller learning rate: --lr",
            )
        counts = recipe.counts(state.epoch * len(training))
        state.rows.append(
            EpochRow(
                step=step,
                epoch=state.epoch,
                loss=loss,
                validation_loss=chosen_by,
                validation_accuracy=accuracy,
                counts=counts,
            )
        )
        state.now = model.get_weights()
        state.optimizer = [variable.numpy() for variable in _variables(model.optimizer)]
        if counts and chosen_by < state.best_loss:
            state.best, state.best_epoch, state.best_loss = state.now, state.epoch, chosen_by
        state.seconds += time.monotonic() - start
        state.save(path)
    model.set_weights(state.best or state.now)
    state.kept[step] = state.best_epoch if state.best else state.epoch


def _is_time_up(settings: CompressSettings, state: StepState) -> bool:
    """Say whether the step's minutes are over; a step that has no epoch to keep yet goes on."""
    over = 0.0 < settings.minutes * 60.0 <= state.seconds
    return over and state.epoch > 0 and state.rows[-1].counts


def _compile(model: Any, settings: CompressSettings, state: StepState, *, rows: bool) -> None:
    import tf_keras

    model.compile(
        tf_keras.optimizers.Adam(settings.learning_rate),
        loss="categorical_crossentropy" if rows else "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # XLA makes convolutions many times slower on a processor.
        jit_compile=False,
    )
    model.optimizer.build(model.trainable_variables)
    if state.epoch:
        model.set_weights(state.now)
        for variable, value in zip(_variables(model.optimizer), state.optimizer, strict=True):
            variable.assign(value)


def _variables(optimizer: Any) -> list[Any]:
    found = optimizer.variables
    return list(found() if callable(found) else found)


def rate_at(share: float, settings: CompressSettings, final: float) -> float:
    """Return the learning rate after a share of all batches: half a cosine, down to `final` of the first rate."""
    return settings.learning_rate * (final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * share)))


def _epoch(model: Any, training: Any, recipe: Recipe, settings: CompressSettings, *, number: int) -> float:
    training.go_to(number)
    total, count = 0.0, 0
    for index in range(len(training)):
        # Of the place in the training alone, so that a training that was interrupted goes on as it would have.
        done = (number + index / len(training)) / settings.epochs
        model.optimizer.learning_rate.assign(rate_at(done, settings, recipe.final_rate))
        for callback in recipe.callbacks:
            callback.on_train_batch_begin(index)
        inputs, labels, *weights = training[index]
        answer = model.train_on_batch(inputs, labels, sample_weight=weights[0] if weights else None)
        total, count = total + float(answer[0]) * len(inputs), count + len(inputs)
    for callback in recipe.callbacks:
        callback.on_epoch_end(number)
    return total / count


def _evaluate(model: Any, validation: Any) -> tuple[float, float]:
    """Return the mean loss and the accuracy."""
    loss = right = 0.0
    count = 0
    for index in range(len(validation)):
        inputs, labels, *_ = validation[index]
        answer = model.test_on_batch(inputs, labels)
        loss, right = loss + float(answer[0]) * len(inputs), right + float(answer[1]) * len(inputs)
        count += len(inputs)
    return loss / count, right / count
