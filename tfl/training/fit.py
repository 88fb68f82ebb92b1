"""Transfer learning in stages: an instant answer, a head on frozen features, then the backbone's top."""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from tfl.backbones import SOURCES, Backbone, parse_spec
from tfl.core.augmentation import resolve_augmentation
from tfl.core.config import RunConfig
from tfl.core.extras import require
from tfl.core.progress import Progress
from tfl.core.records import Record
from tfl.core.run_folder import RunFolder
from tfl.data.contract import Inputs
from tfl.data.manifest import Manifest
from tfl.data.preprocess import as_pictures
from tfl.tasks import TASKS, Task
from tfl.training.activations import ActivationCache
from tfl.training.checkpoint import StageState
from tfl.training.cut import Cuttable
from tfl.training.fine_tune import TopPlan, plan_tops, train_top
from tfl.training.frozen import Frozen
from tfl.training.goals import Goals
from tfl.training.head import train_head
from tfl.training.logs import OnEpoch, TrainingLog
from tfl.training.memory import memory_advice
from tfl.training.network import fold_mean, join, thaw_top
from tfl.training.precision import PrecisionChoice, choose_precision, remembered_choice
from tfl.training.samples import make_samples
from tfl.training.work import Work

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, kw_only=True)
class TrainingSummary(Record):
    """How the training went.

    Attributes:
        policy: The Keras dtype policy it ran under.
        policy_reason: Why that one.
        xla: Whether the steps of each stage were compiled with XLA, and why; none for stages without steps.
        epochs: Epochs done, by stage.
        best_epochs: The epoch whose weights were kept, by stage; 0 means the state before the stage.
        best_validation_loss: Of the kept weights.
        trained_layers: How many of the backbone's layers learned; 0 when it stayed frozen.
        parameters: Weights of the whole model.
        train_samples: Samples learned from, augmented views not counted.
        validation_samples: Samples that chose the epoch.
        stopped_by: What ended each stage: `epochs`, `patience`, `until` or `time_limit`.
        cut_at: The layer of the backbone down to which nothing was run again in each stage of fine-tuning; empty
            where the whole network was run in every step.
        activations_computed: Sets of activations that were computed.
        activations_reused: Sets that an earlier run or step had left.
        seconds: Of the whole training in this sitting, the loading of libraries left out.
    """

    policy: str
    policy_reason: str
    epochs: dict[str, int]
    best_epochs: dict[str, int]
    best_validation_loss: float
    trained_layers: int
    parameters: int
    train_samples: int
    validation_samples: int
    xla: dict[str, str] = field(default_factory=dict)
    stopped_by: dict[str, str] = field(default_factory=dict)
    cut_at: dict[str, str] = field(default_factory=dict)
    activations_computed: int = 0
    activations_reused: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Trained:
    """A float32 model, its backbone and how it came about."""

    model: keras.Model
    backbone: Backbone
    summary: TrainingSummary


def fit(
    manifest: Manifest,
    config: RunConfig,
    folder: RunFolder,
    *,
    progress: Progress,
    on_epoch: OnEpoch | None = None,
    pooled: bool = False,
) -> Trained:
    """Train on the manifest's `train` split and choose epochs on its `validation` split.

    Training goes on from the checkpoints that an interrupted run left in the folder.

    Args:
        manifest: With splits.
        config: Of the run.
        folder: Receives `training/`.
        progress: Told what happens.
        on_epoch: Called with the log's row after each epoch, when it is saved; what it raises ends the training.
        pooled: See `make_samples`; for cross-validation.

    Raises:
        TflError: The backbone, a picture or the training itself failed.
    """
    progress.update("loading TensorFlow")
    keras = require("keras", purpose="training")
    start = time.monotonic()
    goals = Goals(config.train)
    task = TASKS.get(config.task)
    choice = choose_precision(
        config.train.precision,
        network=lambda: _trial_network(config, len(manifest.labels)),
        draw=_trial_inputs(config),
        path=folder.training_dir / "precision.json",
        remembered=lambda: remembered_choice(config.task, config.model, *_learning(config), len(manifest.labels)),
    )
    progress.update(f"training in {choice.policy}: {choice.reason}")
    keras.utils.set_random_seed(config.seed)
    before = keras.config.dtype_policy()
    log = TrainingLog(folder.training_dir, on_epoch=on_epoch, progress=progress)
    try:
        with memory_advice(config.train):
            keras.config.set_dtype_policy(choice.policy)
            backbone = _backbone(config, progress)
            head = _head(config, task, backbone, manifest)
            work, tops = _prepare(manifest, config, folder, backbone, head, goals, choice.policy, log, progress, pooled)
            states, trained_layers = _stages(work, tops)
            weights = [np.asarray(value, dtype=np.float32) for value in join(backbone.model, head).get_weights()]
            if choice.policy != "float32":
                # A model under a 16-bit policy exports without complaint and then fails in other engines.
                keras.config.set_dtype_policy("float32")
                backbone = _backbone(config, progress)
            # A head of its own: the one that learned would carry its optimizer into the file.
            model = join(backbone.model, _head(config, task, backbone, manifest))
            model.set_weights(weights)
    finally:
        keras.config.set_dtype_policy(before)
        log.close()
    summary = _summary(work, tops, states, trained_layers, model, choice, time.monotonic() - start)
    summary.save(folder.training_dir / "summary.json")
    return Trained(model, backbone, summary)


def _trial_network(config: RunConfig, class_count: int) -> keras.Model:
    """Build what a step of the run's last stage runs, for a trial."""
    backbone = load_backbone(config)
    layers, batch_norm = _learning(config)
    if layers is not None:
        thaw_top(backbone.model, layers, batch_norm=batch_norm)
    else:
        backbone.model.trainable = False
    size = backbone.model.output_shape[-1]
    return join(backbone.model, TASKS.get(config.task).build_head(size, class_count, dropout=0.0, seed=config.seed))


def _learning(config: RunConfig) -> tuple[int | None, Literal["frozen", "learn"]]:
    """Return how many layers learn in the last stage, None for the head alone, and what normalization does."""
    train = config.train
    if not train.fine_tune_epochs:
        return None, train.batch_norm
    return train.unfreeze[-1] if train.unfreeze else train.fine_tune_layers, train.batch_norm


def _trial_inputs(config: RunConfig) -> Callable[[int, int], Inputs]:
    """Return what draws so many inputs from a seed; the backbone is loaded for its contract once, if at all."""
    contract_of = functools.cache(lambda: load_backbone(config).info.preprocessing)

    def draw(count: int, seed: int) -> Inputs:
        return contract_of().prepare(contract_of().draw_rows(count, seed=seed))

    return draw


def _backbone(config: RunConfig, progress: Progress) -> Backbone:
    progress.update(f"loading {config.model.backbone}")
    return load_backbone(config)


def _head(config: RunConfig, task: Task, backbone: Backbone, manifest: Manifest) -> keras.Model:
    size = backbone.model.output_shape[-1]
    return task.build_head(size, len(manifest.labels), dropout=config.model.dropout, seed=config.seed)


def _prepare(
    manifest: Manifest,
    config: RunConfig,
    folder: RunFolder,
    backbone: Backbone,
    head: keras.Model,
    goals: Goals,
    policy: str,
    log: TrainingLog,
    progress: Progress,
    pooled: bool,
) -> tuple[Work, tuple[TopPlan, ...]]:
    train = config.train
    augmentation = resolve_augmentation(train.augmentation, config.augment)
    samples = make_samples(
        manifest, backbone.info.preprocessing, augmentation, work_dir=folder.work_dir, progress=progress, pooled=pooled
    )
    network = Cuttable(backbone.model)
    tops = plan_tops(network, train)
    points = tuple(point for point in network.points if point in {top.point for top in tops})
    cache = ActivationCache(dtype=train.cache_dtype, limit_bytes=int(train.cache_gb * 1e9))
    views = 1 + (train.augmented_views if augmentation.changes_pictures else 0)
    total = len(samples.train.examples) * views + len(samples.validation.examples)
    frozen = Frozen(backbone, network, cache, policy, config.seed, points, total, progress)
    backbone.model.trainable = False
    return Work(config, folder, samples, frozen, head, goals, log, progress), tops


def _stages(work: Work, tops: tuple[TopPlan, ...]) -> tuple[dict[str, StageState], int]:
    """Run the stages as far as no goal ends them."""
    (states, mean), trained_layers = train_head(work), 0
    for top in tops:
        if work.goals.stopped_by:
            break
        # Their activations have to be there before the layers above change.
        states[top.name], trained_layers = train_top(work, top, mean)
    fold_mean(work.head, mean)
    if work.goals.stopped_by:
        work.progress.result(f"training ended by {work.goals.stopped_by}")
    return states, trained_layers


def _summary(
    work: Work,
    tops: tuple[TopPlan, ...],
    states: dict[str, StageState],
    trained_layers: int,
    model: keras.Model,
    choice: PrecisionChoice,
    seconds: float,
) -> TrainingSummary:
    cache = work.frozen.cache
    return TrainingSummary(
        policy=choice.policy,
        policy_reason=choice.reason,
        epochs={name: state.epoch for name, state in states.items()},
        best_epochs={name: state.best_epoch for name, state in states.items()},
        best_validation_loss=list(states.values())[-1].best_loss,
        trained_layers=trained_layers,
        parameters=int(model.count_params()),
        train_samples=len(work.samples.train.examples),
        validation_samples=len(work.samples.validation.examples),
        xla={name: xla.text for name, xla in work.xla.items()},
        stopped_by={name: state.stopped_by for name, state in states.items()},
        cut_at={top.name: top.point for top in tops if top.name in states},
        activations_computed=cache.computed,
        activations_reused=cache.hits,
        seconds=round(seconds, 2),
    )


def load_backbone(config: RunConfig) -> Backbone:
    """Load the backbone that a config names, with the image size and the way of resizing that it asks for.

    Raises:
        TflError: There is no such backbone, or it can't be loaded.
    """
    source, name = parse_spec(config.model.backbone)
    backbone = SOURCES.get(source).load(name, image_size=config.model.image_size)
    if config.model.resize is None:
        return backbone
    pictures = as_pictures(backbone.info.preprocessing, purpose="model.resize")
    contract = dataclasses.replace(pictures, resize=config.model.resize)
    return dataclasses.replace(backbone, info=dataclasses.replace(backbone.info, preprocessing=contract))
