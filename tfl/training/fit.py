"""Transfer learning in two stages: a head on frozen features, then the backbone's top at a lower rate."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tfl.backbones import SOURCES, Backbone, parse_spec
from tfl.core.augmentation import AugmentConfig, resolve_augmentation
from tfl.core.config import RunConfig
from tfl.core.extras import require
from tfl.core.progress import Progress
from tfl.core.records import Record
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Example, Manifest
from tfl.data.preprocess import Floats, ImagePreprocessing, Pixels
from tfl.data.store import open_pixels
from tfl.tasks import TASKS
from tfl.training.augment import make_augmenter
from tfl.training.checkpoint import StageState
from tfl.training.crop import presized
from tfl.training.features import frozen_features
from tfl.training.feed import Labels, Prepare, balanced_weights, make_feed, normalizer, one_hot
from tfl.training.logs import OnEpoch, TrainingLog
from tfl.training.mix import Mix, make_mixer
from tfl.training.network import fold_standardization, join, standardization, thaw_top
from tfl.training.precision import PrecisionChoice, choose_precision
from tfl.training.stage import StagePlan, run_stage

if TYPE_CHECKING:
    import keras

#: Batch size of inference on frozen layers; larger ones gain nothing on a CPU and cost memory.
_FEATURE_BATCH = 32


@dataclass(frozen=True, kw_only=True)
class TrainingSummary(Record):
    """How the training went.

    Attributes:
        policy: The Keras dtype policy it ran under.
        policy_reason: Why that one.
        epochs: Epochs done, by stage.
        best_epochs: The epoch whose weights were kept, by stage; 0 means the state before the stage.
        best_validation_loss: Of the kept weights.
        trained_layers: How many of the backbone's layers learned; 0 when it stayed frozen.
        parameters: Weights of the whole model.
        train_samples: Samples learned from, augmented views not counted.
        validation_samples: Samples that chose the epoch.
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


@dataclass(frozen=True)
class Trained:
    """A float32 model, its backbone and how it came about."""

    model: keras.Model
    backbone: Backbone
    summary: TrainingSummary


@dataclass(frozen=True)
class _Samples:
    """What is learned from; `train_varied` is what augmentation starts from: `train`, or larger for random crops."""

    train: Pixels
    train_varied: Pixels
    train_labels: Labels
    validation: Pixels
    validation_labels: Labels
    class_count: int
    augmentation: AugmentConfig


def fit(
    manifest: Manifest,
    config: RunConfig,
    folder: RunFolder,
    *,
    progress: Progress,
    on_epoch: OnEpoch | None = None,
) -> Trained:
    """Train on the manifest's `train` split and choose epochs on its `validation` split.

    Training goes on from the checkpoints that an interrupted run left in the folder.

    Args:
        manifest: With splits.
        config: Of the run.
        folder: Receives `training/`.
        progress: Told what happens.
        on_epoch: Called with the log's row after each epoch, when it is saved; what it raises ends the training.

    Raises:
        TflError: The backbone, a picture or the training itself failed.
    """
    progress.update("loading TensorFlow")
    keras = require("keras", purpose="training")
    task = TASKS.get(config.task)
    choice = choose_precision(config.train.precision)
    progress.update(f"training in {choice.policy}: {choice.reason}")
    keras.utils.set_random_seed(config.seed)
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(choice.policy)
        progress.update(f"loading {config.model.backbone}")
        backbone = load_backbone(config)
        samples = _samples(manifest, backbone, config, folder, progress=progress)
        head = task.build_head(
            backbone.model.output_shape[-1], len(manifest.labels), dropout=config.model.dropout, seed=config.seed
        )
        model, summary = _two_stages(
            backbone, head, samples, config, folder, choice, on_epoch=on_epoch, progress=progress
        )
        if choice.policy != "float32":
            # A model under a 16-bit policy exports without complaint and then fails in other engines.
            keras.config.set_dtype_policy("float32")
            backbone = load_backbone(config)
            plain_head = task.build_head(
                backbone.model.output_shape[-1], len(manifest.labels), dropout=config.model.dropout, seed=config.seed
            )
            plain = join(backbone.model, plain_head)
            plain.set_weights([np.asarray(value, dtype=np.float32) for value in model.get_weights()])
            model = plain
    finally:
        keras.config.set_dtype_policy(before)
    summary.save(folder.training_dir / "summary.json")
    return Trained(model, backbone, summary)


def load_backbone(config: RunConfig) -> Backbone:
    """Load the backbone that a config names, with the image size and the way of resizing that it asks for.

    Raises:
        TflError: There is no such backbone, or it can't be loaded.
    """
    source, name = parse_spec(config.model.backbone)
    backbone = SOURCES.get(source).load(name, image_size=config.model.image_size)
    if config.model.resize is None:
        return backbone
    contract = dataclasses.replace(backbone.info.preprocessing, resize=config.model.resize)
    return dataclasses.replace(backbone, info=dataclasses.replace(backbone.info, preprocessing=contract))


def _samples(
    manifest: Manifest, backbone: Backbone, config: RunConfig, folder: RunFolder, *, progress: Progress
) -> _Samples:
    contract = backbone.info.preprocessing
    augmentation = resolve_augmentation(config.train.augmentation, config.augment)
    train, validation = manifest.of_split("train"), manifest.of_split("validation")

    def pixels(examples: Sequence[Example], wanted: ImagePreprocessing) -> Pixels:
        return open_pixels(examples, manifest.root, wanted, cache_dir=folder.work_dir, progress=progress)

    plain = pixels(train, contract)
    return _Samples(
        train=plain,
        train_varied=plain if augmentation.crop_scale is None else pixels(train, presized(contract)),
        train_labels=np.asarray(manifest.label_indices(train), dtype=np.int32),
        validation=pixels(validation, contract),
        validation_labels=np.asarray(manifest.label_indices(validation), dtype=np.int32),
        class_count=len(manifest.labels),
        augmentation=augmentation,
    )


def _two_stages(
    backbone: Backbone,
    head: keras.Model,
    samples: _Samples,
    config: RunConfig,
    folder: RunFolder,
    choice: PrecisionChoice,
    *,
    on_epoch: OnEpoch | None,
    progress: Progress,
) -> tuple[keras.Model, TrainingSummary]:
    log = TrainingLog(folder.training_dir, on_epoch=on_epoch)
    backbone.model.trainable = False
    model = join(backbone.model, head)
    states = {"head": _head_stage(backbone, head, samples, config, folder, log, progress=progress)}
    trained_layers = 0
    if config.train.fine_tune_epochs:
        trained_layers = thaw_top(backbone.model, config.train.fine_tune_layers)
        states["fine_tune"] = _fine_tune_stage(backbone, model, samples, config, folder, log, progress=progress)
    log.close()
    last = list(states.values())[-1]
    summary = TrainingSummary(
        policy=choice.policy,
        policy_reason=choice.reason,
        epochs={name: state.epoch for name, state in states.items()},
        best_epochs={name: state.best_epoch for name, state in states.items()},
        best_validation_loss=last.best_loss,
        trained_layers=trained_layers,
        parameters=int(model.count_params()),
        train_samples=len(samples.train_labels),
        validation_samples=len(samples.validation_labels),
    )
    return model, summary


def _compile(model: keras.Model, learning_rate: float, *, labels: Literal["indices", "rows"]) -> None:
    import keras

    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy" if labels == "indices" else "categorical_crossentropy",
        metrics=["accuracy"],
        # XLA on a CPU makes convolutional networks many times slower.
        jit_compile=False,
    )


def _label_form(samples: _Samples) -> Literal["indices", "rows"]:
    return "rows" if samples.augmentation.mixes else "indices"


def _head_stage(
    backbone: Backbone,
    head: keras.Model,
    samples: _Samples,
    config: RunConfig,
    folder: RunFolder,
    log: TrainingLog,
    *,
    progress: Progress,
) -> StageState:
    train = config.train
    learned, labels, chosen = _head_features(backbone, samples, config, folder, progress=progress)
    # The untouched view alone says what is usual.
    mean, std = standardization(learned[: len(samples.train_labels)])
    feeds = _feeds(
        ((learned - mean) / std, labels),
        ((chosen - mean) / std, samples.validation_labels),
        samples,
        config,
        batch_size=train.head_batch_size,
        salt=0,
    )
    _compile(head, train.learning_rate, labels=_label_form(samples))
    plan = StagePlan("head", train.epochs, train.patience, False, folder.training_dir / "head.npz")
    state = run_stage(plan, head, training=feeds[0], validation=feeds[1], log=log, progress=progress)
    fold_standardization(head, mean, std)
    return state


def _head_features(
    backbone: Backbone, samples: _Samples, config: RunConfig, folder: RunFolder, *, progress: Progress
) -> tuple[Floats, Labels | Floats, Floats]:
    """Return features and labels to learn from, the untouched view first, and features that choose the epoch."""
    train, contract, values = config.train, backbone.info.preprocessing, samples.augmentation

    def features(feed: Any, *key: str, views: int = 1) -> tuple[Floats, Any]:
        return frozen_features(
            backbone.model,
            feed,
            views=views,
            batch_size=_FEATURE_BATCH,
            cache_dir=folder.work_dir,
            key=(backbone.digest, str(contract.to_dict()), train.precision, *key),
            progress=progress,
        )

    plain = partial(make_feed, batch_size=_FEATURE_BATCH, prepare=normalizer(contract))
    learned, labels = features(plain(samples.train, samples.train_labels), "train")
    if values.changes_pictures and train.augmented_views:
        feed = make_feed(
            samples.train_varied,
            samples.train_labels,
            batch_size=_FEATURE_BATCH,
            prepare=make_augmenter(values, contract, seed=config.seed),
            mix=make_mixer(values, seed=config.seed),
            class_count=samples.class_count if values.mixes else None,
            # In their own order, neighbours are of one class, and mixing them would mix nothing.
            shuffle_seed=config.seed if values.mixes else None,
        )
        key = ("augmented", str(values.to_dict()), str(config.seed))
        varied, varied_labels = features(feed, *key, views=train.augmented_views)
        if values.mixes:
            labels = one_hot(labels, samples.class_count)
        learned, labels = np.concatenate([learned, varied]), np.concatenate([labels, varied_labels])
    return learned, labels, features(plain(samples.validation, samples.validation_labels), "validation")[0]


def _fine_tune_stage(
    backbone: Backbone,
    model: keras.Model,
    samples: _Samples,
    config: RunConfig,
    folder: RunFolder,
    log: TrainingLog,
    *,
    progress: Progress,
) -> StageState:
    train, contract = config.train, backbone.info.preprocessing
    feeds = _feeds(
        (samples.train_varied, samples.train_labels),
        (samples.validation, samples.validation_labels),
        samples,
        config,
        batch_size=train.batch_size,
        salt=1,
        prepare=make_augmenter(samples.augmentation, contract, seed=config.seed + 1),
        mix=make_mixer(samples.augmentation, seed=config.seed + 1),
        prepare_validation=normalizer(contract),
    )
    _compile(model, train.fine_tune_learning_rate, labels=_label_form(samples))
    plan = StagePlan("fine_tune", train.fine_tune_epochs, train.patience, True, folder.training_dir / "fine_tune.npz")
    return run_stage(plan, model, training=feeds[0], validation=feeds[1], log=log, progress=progress)


def _feeds(
    training: tuple[Any, Any],
    validation: tuple[Any, Any],
    samples: _Samples,
    config: RunConfig,
    *,
    batch_size: int,
    salt: int,
    prepare: Prepare | None = None,
    mix: Mix | None = None,
    prepare_validation: Prepare | None = None,
) -> tuple[Any, Any]:
    weighted = config.train.class_weights == "balanced"
    class_count = samples.class_count if _label_form(samples) == "rows" else None
    feed = make_feed(
        *training,
        batch_size=batch_size,
        prepare=prepare,
        mix=mix,
        class_count=class_count,
        class_weights=balanced_weights(samples.train_labels, samples.class_count) if weighted else None,
        sampling=config.train.sampling,
        shuffle_seed=2 * config.seed + salt,
    )
    chooser = make_feed(*validation, batch_size=batch_size, prepare=prepare_validation, class_count=class_count)
    return feed, chooser
