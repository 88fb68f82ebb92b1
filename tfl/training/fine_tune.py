"""Fine-tuning: the backbone's top learns, in one stage or, unfrozen gradually, in several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tfl.data.contract import Contract, Floats
from tfl.data.shards import Shards
from tfl.training.augment import make_augmenter
from tfl.training.checkpoint import StageState
from tfl.training.engines import takes_any_width
from tfl.training.feed import Prepare, one_hot, preparer
from tfl.training.lora import add_adapters, merge_adapters
from tfl.training.mix import make_mixer
from tfl.training.network import join, learning_layers, thaw_top
from tfl.training.optimizer import layer_multipliers
from tfl.training.work import Work, make_feeds, train_stage

if TYPE_CHECKING:
    from tfl.core.train_config import TrainConfig
    from tfl.training.cut import Cuttable


@dataclass(frozen=True)
class TopPlan:
    """One stage of fine-tuning.

    Attributes:
        name: `fine_tune`, or `fine_tune_1` and so on where there are several.
        layers: How many of the last layers learn; 0 means all.
        point: Where the frozen part ends (see `Cuttable`); empty where everything is run in every step.
    """

    name: str
    layers: int
    point: str


def plan_tops(network: Cuttable, train: TrainConfig) -> tuple[TopPlan, ...]:
    """Say which stages there are and where the frozen part of each ends; the backbone is left frozen."""
    if not train.fine_tune_epochs:
        return ()
    counts = train.unfreeze or (train.fine_tune_layers,)
    plans = []
    for number, count in enumerate(counts, 1):
        thaw_top(network.model, count, batch_norm=train.batch_norm)
        name = "fine_tune" if len(counts) == 1 else f"fine_tune_{number}"
        plans.append(TopPlan(name, count, network.boundary() if train.cache == "auto" else ""))
    network.model.trainable = False
    return tuple(plans)


def train_top(work: Work, plan: TopPlan, mean: Floats) -> tuple[StageState, int]:
    """Train the backbone's last layers with the head.

    Args:
        work: The training.
        plan: Of the stage.
        mean: `(features,)`, taken off what the head gets.

    Returns:
        Where it ended, and how many of the backbone's layers learned.

    Raises:
        JobError: The loss is not finite.
        UnsupportedError: Adapters are asked for, and no dense layer is among those that learn.
    """
    train, samples = work.config.train, work.samples
    network = work.frozen.network
    count = thaw_top(network.model, plan.layers, batch_norm=train.batch_norm)
    cached = _cached(work, plan.point) if plan.point else None
    point = plan.point if cached else ""
    adapters = add_adapters(network.model, train.lora_rank, seed=work.config.seed) if train.lora_rank else None
    part = network.part(point, "")
    model = join(part, work.head, mean=mean)
    batch_size = work.batch_size_of(plan.name, layers=plan.layers, point=point)
    salt = 1 + sum(map(ord, plan.name.removeprefix("fine_tune")))
    if cached:
        values, labels, chosen, views = cached
        prepare = _floats(samples.train.contract if takes_any_width(part) else None)
        feeds = make_feeds(
            work,
            (values, labels),
            (chosen, samples.validation.labels),
            batch_size=batch_size,
            salt=salt,
            prepare=prepare,
            prepare_validation=prepare,
            views=views,
        )
    else:
        seed = work.config.seed + salt
        feeds = make_feeds(
            work,
            (samples.train.rows(large=samples.large), samples.train.labels),
            (samples.validation.rows(), samples.validation.labels),
            batch_size=batch_size,
            salt=salt,
            prepare=make_augmenter(samples.augmentation, samples.train.contract, seed=seed),
            mix=make_mixer(samples.augmentation, seed=seed),
            prepare_validation=preparer(samples.train.contract),
        )
    state = train_stage(
        work,
        plan.name,
        model,
        feeds,
        epochs=train.fine_tune_epochs,
        rate=train.fine_tune_learning_rate,
        start_counts=True,
        multipliers=layer_multipliers([*learning_layers(network.model), *work.head.layers], train.layer_decay),
    )
    if adapters is not None:
        merge_adapters(adapters)
    return state, count


def _cached(work: Work, point: str) -> tuple[Any, Any, Any, int] | None:
    """Return activations to learn from with their labels, those that choose the epoch, and the number of views."""
    train, samples = work.config.train, work.samples
    learned, chosen = work.frozen.plain(samples.train, point), work.frozen.plain(samples.validation, point)
    if learned is None or chosen is None:
        return None
    labels: Any = samples.train.labels
    if not (samples.augmentation.changes_pictures and train.augmented_views):
        return learned.values, labels, chosen.values, 1
    more = work.frozen.varied(samples, train.augmented_views, point)
    if more is None:
        return None
    views = 1 + train.augmented_views
    if samples.augmentation.mixes:
        labels = np.concatenate([one_hot(labels, samples.class_count), more.labels])
    else:
        labels = np.tile(labels, views)
    return Shards([learned.values, more.values]), labels, chosen.values, views


def _floats(contract: Contract | None) -> Prepare:
    """Return a `prepare` of activations, which cuts batches behind the longest sample where a contract is named."""

    def prepare(batch: Any, epoch: int, index: int) -> Floats:
        used = None if contract is None else contract.used_positions(batch)
        return np.asarray(batch if used is None else batch[:, : used.max()], dtype=np.float32)

    return prepare
