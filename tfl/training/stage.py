"""One stage of training: epochs with early stopping, logs and a checkpoint after each."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfl.core.errors import JobError
from tfl.core.progress import Progress
from tfl.training.checkpoint import StageState, assign_variables, read_variables
from tfl.training.logs import TrainingLog


@dataclass(frozen=True)
class StagePlan:
    """What a stage is to do.

    Attributes:
        name: `head` or `fine_tune`.
        epochs: At most.
        patience: Epochs without a smaller validation loss before it stops.
        start_counts: Whether the state before the first epoch may be the best one, as in fine-tuning.
        checkpoint: The stage's file.
    """

    name: str
    epochs: int
    patience: int
    start_counts: bool
    checkpoint: Path


def run_stage(
    plan: StagePlan, model: Any, *, training: Any, validation: Any, log: TrainingLog, progress: Progress
) -> StageState:
    """Train a compiled model until the plan is done, then give it the best epoch's variables.

    Args:
        plan: What to do.
        model: Compiled, with the metric `accuracy`.
        training: A feed whose `epoch` can be set (see `make_feed`).
        validation: A feed without shuffling.
        log: Receives a row per epoch.
        progress: Told after every step and epoch.

    Raises:
        JobError: The loss is not finite.
    """
    variables, slots = model.variables, _optimizer_variables(model)
    state = StageState.load(plan.checkpoint)
    if state is None:
        best_loss = (
            float(model.evaluate(validation, verbose=0, return_dict=True)["loss"]) if plan.start_counts else math.inf
        )
        values = read_variables(variables)
        state = StageState(0, best_loss, 0, 0, False, [], values, read_variables(slots), values)
    else:
        assign_variables(variables, state.variables)
        assign_variables(slots, state.optimizer)
    log.rewind(plan.name, state.history)
    while not state.finished:
        row = _epoch(plan, model, state.epoch, training=training, validation=validation, progress=progress)
        _advance(plan, state, row, variables=variables)
        state.variables, state.optimizer = read_variables(variables), read_variables(slots)
        state.save(plan.checkpoint)
        log.add(row)
    assign_variables(variables, state.best)
    return state


def _optimizer_variables(model: Any) -> Sequence[Any]:
    model.optimizer.build(model.trainable_variables)
    return list(model.optimizer.variables)


def _epoch(
    plan: StagePlan, model: Any, epoch: int, *, training: Any, validation: Any, progress: Progress
) -> dict[str, Any]:
    import keras

    steps = len(training)

    class Tell(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            progress.update(f"epoch {epoch + 1} of at most {plan.epochs}", done=batch + 1, total=steps)

    start = time.perf_counter()
    # Random layers such as dropout then draw the same numbers in a resumed run.
    keras.utils.set_random_seed(training.seed_of(epoch))
    training.go_to(epoch)
    history = model.fit(training, epochs=1, verbose=0, shuffle=False, callbacks=[Tell()]).history
    measured = model.evaluate(validation, verbose=0, return_dict=True)
    row: dict[str, Any] = {
        "stage": plan.name,
        "epoch": epoch + 1,
        "loss": float(history["loss"][0]),
        "accuracy": float(history["accuracy"][0]),
        "val_loss": float(measured["loss"]),
        "val_accuracy": float(measured["accuracy"]),
        "seconds": round(time.perf_counter() - start, 3),
    }
    if not math.isfinite(row["loss"]) or not math.isfinite(row["val_loss"]):
        raise JobError(
            f"The loss is not finite in epoch {epoch + 1} of stage '{plan.name}'"
            f" (training {row['loss']}, validation {row['val_loss']}).",
            hint="Try a learning rate ten times lower, or --precision float32.",
        )
    return row


def _advance(plan: StagePlan, state: StageState, row: dict[str, Any], *, variables: Sequence[Any]) -> None:
    state.history.append(row)
    state.epoch += 1
    if row["val_loss"] < state.best_loss:
        state.best_loss, state.best_epoch, state.waited = row["val_loss"], state.epoch, 0
        state.best = read_variables(variables)
    else:
        state.waited += 1
    state.finished = state.epoch >= plan.epochs or state.waited >= plan.patience
