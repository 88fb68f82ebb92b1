"""What the stages of one training share, and how each of them is fed and compiled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from tfl.core.config import RunConfig
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.training.batch_size import find_batch_size
from tfl.training.checkpoint import StageState
from tfl.training.feed import Prepare, balanced_weights, make_feed
from tfl.training.frozen import Frozen
from tfl.training.goals import Goals
from tfl.training.logs import TrainingLog
from tfl.training.mix import Mix
from tfl.training.optimizer import make_optimizer
from tfl.training.rate_finder import find_rate
from tfl.training.samples import Samples
from tfl.training.stage import StagePlan, run_stage
from tfl.training.xla import XlaChoice, choose_xla, compiles_by_rule

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Work:
    """One training.

    Attributes:
        config: Of the run.
        folder: Of the run.
        samples: What is learned from.
        frozen: The backbone's activations.
        head: `(batch, features)` -> `(batch, classes)`.
        goals: When it is over.
        log: Receives a row per epoch.
        progress: Told what happens.
        xla: What was decided for each stage that was begun.
    """

    config: RunConfig
    folder: RunFolder
    samples: Samples
    frozen: Frozen
    head: keras.Model
    goals: Goals
    log: TrainingLog
    progress: Progress
    xla: dict[str, XlaChoice] = field(default_factory=dict)

    @property
    def label_form(self) -> Literal["indices", "rows"]:
        """Rows of shares where labels are mixed or smoothed."""
        smoothed = self.config.train.label_smoothing > 0.0
        return "rows" if self.samples.augmentation.mixes or smoothed else "indices"

    def rate_of(self, stage: str, model: keras.Model, feed: Any, asked: float | Literal["find"]) -> float:
        """Return the learning rate of a stage: the one asked for, or the one that a range test suggests."""
        if asked != "find":
            return asked
        path, jit = self.folder.training_dir / f"rate-{stage}.json", compiles_by_rule(self.config.train.xla)
        return find_rate(
            model,
            feed,
            path=path,
            compile_with=lambda rate: compiled(self, model, rate, steps=1, plain=True, jit=jit)(1.0),
            progress=self.progress,
        )

    def batch_size_of(self, stage: str, *, layers: int, point: str) -> int:
        """Return the batch size of fine-tuning: the one asked for, or the one that a trial in a child suggests.

        Args:
            stage: Its name.
            layers: How many of the backbone's last layers learn; 0 means all.
            point: Where the frozen part ends; empty where the whole network is run.
        """
        asked = self.config.train.batch_size
        if asked != "auto":
            return asked
        return find_batch_size(
            self.folder.training_dir / f"batch-{stage}.json",
            config=self.config.to_dict(),
            policy=self.frozen.policy,
            class_count=self.samples.class_count,
            layers=layers,
            point=point,
            most=len(self.samples.train.examples),
            progress=self.progress,
        )


def train_stage(
    work: Work,
    name: str,
    model: keras.Model,
    feeds: tuple[Any, Any],
    *,
    epochs: int,
    rate: float | Literal["find"],
    start_counts: bool,
    multipliers: Mapping[str, float] | None = None,
) -> StageState:
    """Train a model by gradient as the settings say; see `run_stage`.

    Args:
        work: The training.
        name: Of the stage.
        model: Of the stage.
        feeds: For training and for validation.
        epochs: At most.
        rate: Peak learning rate, or `find`.
        start_counts: Whether the state before the first epoch may be the best one.
        multipliers: See `make_optimizer`.

    Raises:
        JobError: The loss is not finite.
        UnsupportedError: XLA is asked for and can't be had.
    """
    train, training = work.config.train, feeds[0]
    path = work.folder.training_dir / f"{name}.state"
    plan = StagePlan(name, epochs, train.patience, start_counts, path, train.checkpoint_s, train.checkpoint_steps)
    found = work.rate_of(name, model, training, rate)

    def compile_with(factor: float, jit: bool) -> None:
        steps = epochs * len(training)
        compiled(work, model, found, steps=steps, multipliers=multipliers, jit=jit)(factor)

    work.xla[name] = choose_xla(
        train.xla,
        model,
        training,
        # Patience may end the stage then, but not before.
        steps=min(epochs, train.patience) * len(training),
        compile_with=partial(compile_with, 1.0),
        path=work.folder.training_dir / f"xla-{name}.json",
        progress=work.progress,
    )
    return run_stage(
        plan,
        model,
        compile_with=partial(compile_with, jit=work.xla[name].compiled),
        training=training,
        validation=feeds[1],
        goals=work.goals,
        log=work.log,
        progress=work.progress,
    )


def compiled(
    work: Work,
    model: keras.Model,
    rate: float,
    *,
    steps: int,
    multipliers: Mapping[str, float] | None = None,
    plain: bool = False,
    jit: bool = False,
) -> Callable[[float], None]:
    """Return what compiles a stage's model, given a factor on its rate.

    Args:
        work: The training.
        model: Of the stage.
        rate: Peak learning rate.
        steps: Of the whole stage.
        multipliers: See `make_optimizer`.
        plain: At a constant rate, whatever the schedule.
        jit: With XLA.
    """
    train = dataclasses.replace(work.config.train, schedule="constant", warmup=0.0) if plain else work.config.train
    sparse = work.label_form == "indices"

    def compile_with(factor: float) -> None:
        model.compile(
            optimizer=make_optimizer(train, rate * factor, steps=steps, multipliers=multipliers),
            loss="sparse_categorical_crossentropy" if sparse else "categorical_crossentropy",
            metrics=["accuracy"],
            jit_compile=jit,
        )

    return compile_with


def make_feeds(
    work: Work,
    training: tuple[Any, Any],
    validation: tuple[Any, Any],
    *,
    batch_size: int,
    salt: int,
    prepare: Prepare | None = None,
    mix: Mix | None = None,
    prepare_validation: Prepare | None = None,
    views: int = 1,
) -> tuple[Any, Any]:
    """Make the feeds of a stage.

    Args:
        work: The training.
        training: Samples and labels.
        validation: Samples and labels.
        batch_size: Samples per step.
        salt: Of the order, another one for each stage.
        prepare: Of training batches.
        mix: Of training batches.
        prepare_validation: Of validation batches.
        views: See `make_feed`.
    """
    train, samples = work.config.train, work.samples
    rows = work.label_form == "rows"
    weights = balanced_weights(samples.train.labels, samples.class_count) if train.class_weights == "balanced" else None
    class_count = samples.class_count if rows else None
    feed = make_feed(
        *training,
        batch_size=batch_size,
        prepare=prepare,
        mix=mix,
        class_count=class_count,
        class_weights=weights,
        sampling=train.sampling,
        shuffle_seed=1000 * work.config.seed + salt,
        views=views,
        label_smoothing=train.label_smoothing,
    )
    chooser = make_feed(*validation, batch_size=batch_size, prepare=prepare_validation, class_count=class_count)
    return feed, chooser
