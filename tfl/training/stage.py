"""One stage of training, step by step: early stopping, goals, logs, and checkpoints it goes on from to the bit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfl.core.durations import duration_text
from tfl.core.errors import JobError
from tfl.core.progress import Progress
from tfl.training.checkpoint import (
    StageState,
    assign_variables,
    previous_of,
    read_variables,
)
from tfl.training.feed import batches_ahead
from tfl.training.finite import NotFiniteError, all_finite, where_not_finite
from tfl.training.goals import Goals
from tfl.training.interrupts import Deferred
from tfl.training.logs import TrainingLog
from tfl.training.randomness import read_random_state, seed_epoch, set_random_state

#: On the rate, after a loss that is not finite.
_LOWER = 0.1
#: Steps from which the time left is told; the first one also compiles.
_TIMED_STEPS = 5


@dataclass(frozen=True)
class StagePlan:
    """What a stage is to do.

    Attributes:
        name: Such as `head` or `fine_tune`.
        epochs: At most.
        patience: Epochs without a smaller validation loss before it stops.
        start_counts: Whether the state before the first epoch may be the best one, as in fine-tuning.
        checkpoint: The stage's file.
        checkpoint_s: Most seconds between checkpoints.
        checkpoint_steps: Most steps between checkpoints; 0 leaves it to the seconds.
    """

    name: str
    epochs: int
    patience: int
    start_counts: bool
    checkpoint: Path
    checkpoint_s: float = 30.0
    checkpoint_steps: int = 0


def run_stage(
    plan: StagePlan,
    model: Any,
    *,
    compile_with: Callable[[float], None],
    training: Any,
    validation: Any,
    goals: Goals,
    log: TrainingLog,
    progress: Progress,
) -> StageState:
    """Train a model until the plan or a goal ends it, then give it the best epoch's variables.

    SIGINT and SIGTERM wait for the end of the step; then the state is saved. A loss that is not finite leads back to
    the last checkpoint, once, with a tenth of the rate.

    Args:
        plan: What to do.
        model: Functional, with one input.
        compile_with: Compiles it, with the metric `accuracy` and a factor on the learning rate.
        training: A feed whose `epoch` can be set (see `make_feed`).
        validation: A feed without shuffling.
        goals: Of the run.
        log: Receives a row per epoch.
        progress: Told after every step and epoch.

    Raises:
        JobError: The loss is not finite, at the lower rate too.
        KeyboardInterrupt: The process was told to stop; the state is saved.
    """
    with Deferred() as deferred:
        return _Stage(plan, model, compile_with, training, validation, goals, log, progress, deferred).run()


@dataclass
class _Stage:
    plan: StagePlan
    model: Any
    compile_with: Callable[[float], None]
    training: Any
    validation: Any
    goals: Goals
    log: TrainingLog
    progress: Progress
    deferred: Deferred

    def __post_init__(self) -> None:
        self.variables = self.model.variables
        self.begin = read_variables(self.variables)
        self.state = StageState()
        self.tried_at = time.monotonic()
        self.tried_steps = self.saved_steps = 0
        self.told = self.unsaved = False

    def run(self) -> StageState:
        loaded = StageState.load(self.plan.checkpoint)
        if loaded is None:
            self._compile(1.0)
            self.state = self._start()
        else:
            self.goals.carry(loaded.seconds)
            self._go_on_from(loaded)
        self.log.rewind(self.plan.name, self.state.history)
        while not self.state.finished:
            try:
                self._epoch()
            except NotFiniteError as error:
                self._go_back(error)
        assign_variables(self.variables, self.state.best)
        return self.state

    def _start(self) -> StageState:
        """Return the state before the first step, whose loss may be the one to beat; the model has its weights."""
        loss = self._evaluate()["loss"] if self.plan.start_counts else math.inf
        # Nothing is smaller than a loss that is no number, so that no epoch would ever be kept.
        return StageState(best_loss=loss if math.isfinite(loss) else math.inf, best=self.begin)

    def _compile(self, factor: float) -> None:
        self.compile_with(factor)
        self.model.optimizer.build(self.model.trainable_variables)
        self._trace()

    def _trace(self) -> None:
        """Let the engine meet batches of both sizes in the same order, wherever training goes on.

        TensorFlow makes one graph for the first size that it sees and a general one for the next; they round
        differently, so that a run that went on at the smaller last batch would not end in the same bytes.
        """
        self.training.go_to(0)
        first, last = self.training[0], self.training[len(self.training) - 1]
        if len(first[0]) == len(last[0]):
            return
        before, slots = read_variables(self.variables), read_variables(self._slots())
        for batch in (first, last):
            self._train_on(batch)
        assign_variables(self.variables, before)
        assign_variables(self._slots(), slots)

    def _train_on(self, batch: tuple[Any, ...]) -> dict[str, Any]:
        inputs, labels, *weights = batch
        self.model.reset_metrics()
        weight = weights[0] if weights else None
        logs: dict[str, Any] = self.model.train_on_batch(inputs, labels, sample_weight=weight, return_dict=True)
        return logs

    def _slots(self) -> Sequence[Any]:
        return list(self.model.optimizer.variables)

    def _go_on_from(self, state: StageState) -> None:
        self.state = state
        self._compile(state.rate_factor)
        assign_variables(self.variables, state.variables)
        assign_variables(self._slots(), state.optimizer)

    def _go_back(self, error: NotFiniteError) -> None:
        """Begin again from the last good checkpoint, at a lower rate, once."""
        # One that the very next step failed from may hold weights that are finite and useless.
        path = self.plan.checkpoint if self.saved_steps else previous_of(self.plan.checkpoint)
        state = StageState.load(path) if path.is_file() else None
        step = f"step {self.state.step + 1} of epoch {self.state.epoch + 1} of stage '{self.plan.name}'"
        if self.state.rate_factor < 1.0:
            raise JobError(
                f"Not finite in {step}: {error.what}; a tenth of the learning rate did not help.",
                hint="Try a lower learning rate, --set train.clip_norm=1, or --train-precision float32.",
            ) from error
        self.progress.result(f"not finite in {step}: {error.what}; going back, with a tenth of the learning rate")
        if state is None or not state.optimizer:
            self._compile(_LOWER)
            assign_variables(self.variables, self.begin)
            state = self._start()
        else:
            self._compile(_LOWER)
            assign_variables(self.variables, state.variables)
            slots = self._slots()
            # The rate that was saved is the one that failed.
            kept = [index for index, slot in enumerate(slots) if not slot.path.endswith("learning_rate")]
            assign_variables([slots[index] for index in kept], [state.optimizer[index] for index in kept])
        state.rate_factor = _LOWER
        self.state = state
        self.log.rewind(self.plan.name, state.history)

    def _epoch(self) -> None:
        state, steps = self.state, len(self.training)
        seed_epoch(self.model, self.training.seed_of(state.epoch))
        if state.step:
            set_random_state(state.random_state)
        else:
            state.sums = [0.0, 0.0, 0.0, 0.0]
        self.training.go_to(state.epoch)
        begin, first = time.monotonic(), state.step
        epoch_s = state.seconds
        for batch in batches_ahead(self.training, range(state.step, steps)):
            self._step(batch)
            now = time.monotonic()
            state.seconds = epoch_s + now - begin
            self.progress.update(f"epoch {state.epoch + 1} of at most {self.plan.epochs}", done=state.step, total=steps)
            self._tell_time(now - begin, state.step - first, steps)
            self._save_when_due()
            if self.goals.out_of_time():
                break
        row = self._row(self._validate(), begin)
        state.seconds = epoch_s + time.monotonic() - begin
        self._advance(row)
        self.log.add(row)
        if state.finished:
            self._save()
        else:
            self._save_when_due()

    def _step(self, batch: tuple[Any, ...]) -> None:
        learned = self.model.trainable_variables
        # Costs under a hundredth of a step, and tells which layer failed: a step without a finite loss ruins them all.
        before = read_variables(learned)
        logs = self._train_on(batch)
        loss = float(logs["loss"])
        if not math.isfinite(loss):
            assign_variables(learned, before)
            raise NotFiniteError(where_not_finite(self.model, batch[0]))
        count = len(batch[0])
        added = (loss * count, count, float(logs["accuracy"]) * count, count)
        self.state.sums = [total + value for total, value in zip(self.state.sums, added, strict=True)]
        self.state.step += 1

    def _validate(self) -> dict[str, float]:
        try:
            return self._judge()
        except KeyboardInterrupt:
            # The averages have made way for what was learned again; the next sitting begins with this validation.
            self._save()
            raise

    def _judge(self) -> dict[str, float]:
        """Measure on the validation split, with the averaged weights where there are such."""
        averages = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer).averages()
        if not averages:
            self.judged = None
            return self._evaluate()
        learned = self.model.trainable_variables
        raw = read_variables(learned)
        assign_variables(learned, read_variables(averages))
        try:
            self.judged = read_variables(self.variables)
            return self._evaluate()
        finally:
            assign_variables(learned, raw)

    def _evaluate(self) -> dict[str, float]:
        """Take the mean loss and accuracy over the validation batches, which may differ in width.

        `Model.evaluate` takes the shape of all batches from the first two.
        """
        sums, samples = {"loss": 0.0, "accuracy": 0.0}, 0
        for batch in batches_ahead(self.validation, range(len(self.validation))):
            if self.deferred.wanted:
                raise KeyboardInterrupt
            inputs, labels, *weights = batch
            weight = weights[0] if weights else None
            logs = self.model.test_on_batch(inputs, labels, sample_weight=weight, return_dict=True)
            sums = {name: value + float(logs[name]) * len(inputs) for name, value in sums.items()}
            samples += len(inputs)
        return {name: value / samples for name, value in sums.items()}

    def _row(self, measured: dict[str, float], begin: float) -> dict[str, Any]:
        loss, weight, right, samples = self.state.sums
        if not math.isfinite(measured["loss"]):
            raise NotFiniteError("the validation loss")
        return {
            "stage": self.plan.name,
            "epoch": self.state.epoch + 1,
            "loss": loss / max(weight, 1.0),
            "accuracy": right / max(samples, 1.0),
            "val_loss": measured["loss"],
            "val_accuracy": measured["accuracy"],
            "learning_rate": float(self.model.optimizer.learning_rate),
            "seconds": round(time.monotonic() - begin, 3),
        }

    def _advance(self, row: dict[str, Any]) -> None:
        state = self.state
        state.history.append(row)
        state.epoch, state.step = state.epoch + 1, 0
        better = row["val_loss"] < state.best_loss
        state.waited = 0 if better else state.waited + 1
        # What reached the goal is what is kept, even where an earlier epoch had a smaller loss.
        if self.goals.reached(row) or better:
            state.best_loss, state.best_epoch = row["val_loss"], state.epoch
            state.best = self.judged or read_variables(self.variables)
        if self.goals.stopped_by:
            state.stopped_by = self.goals.stopped_by
        elif state.epoch >= self.plan.epochs:
            state.stopped_by = "epochs"
        elif state.waited >= self.plan.patience:
            state.stopped_by = "patience"

    def _tell_time(self, elapsed_s: float, steps_done: int, steps: int) -> None:
        if steps_done == 1:
            self.first_s = elapsed_s
        if self.told or steps_done != min(_TIMED_STEPS, steps) or steps_done < 2:
            return
        self.told = True
        step_s = (elapsed_s - self.first_s) / (steps_done - 1)
        left_s = step_s * steps * (self.plan.epochs - self.state.epoch)
        self.progress.result(
            f"{self.plan.name}: {step_s * 1e3:.0f} ms a step, at most {duration_text(max(1.0, left_s))} for all epochs"
        )

    def _save_when_due(self) -> None:
        self._stop_if_wanted()
        self.saved_steps += 1
        self.tried_steps += 1
        steps = self.plan.checkpoint_steps
        if time.monotonic() - self.tried_at >= self.plan.checkpoint_s or (steps and self.tried_steps >= steps):
            self._save()

    def _stop_if_wanted(self) -> None:
        if self.deferred.wanted:
            if self.state.epoch or self.state.step:
                self._save()
            raise KeyboardInterrupt

    def _save(self) -> None:
        """Write a checkpoint; a disk that is full costs its safety, not the training."""
        state = self.state
        state.variables, state.optimizer = read_variables(self.variables), read_variables(self._slots())
        if not all_finite(state.variables):
            raise NotFiniteError("the weights after the step")
        state.random_state = read_random_state()
        self.tried_at, self.tried_steps = time.monotonic(), 0
        try:
            state.save(self.plan.checkpoint)
        except JobError as error:
            if not self.unsaved:
                self.progress.result(
                    f"{error.message} Training goes on without a new checkpoint and tries again at the next one."
                )
            self.unsaved = True
            return
        if self.unsaved:
            self.progress.result("checkpoints can be written again")
        self.saved_steps, self.unsaved = 0, False
