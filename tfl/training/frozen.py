"""From pictures to what flows out of the frozen layers, each step of the way computed once and kept."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from tfl.backbones import Backbone
from tfl.core.errors import JobError
from tfl.core.files import sha256_text
from tfl.core.progress import Progress
from tfl.data.contract import Floats, Inputs
from tfl.data.shards import Selected
from tfl.training.activations import ActivationCache, Activations, Job
from tfl.training.augment import make_augmenter
from tfl.training.cut import Cuttable
from tfl.training.engines import Engine, engine_name, open_engine, takes_any_width, without_padding
from tfl.training.feed import make_feed, preparer, uniform_preparer
from tfl.training.mix import make_mixer
from tfl.training.samples import Part, Samples

#: Batch size of inference on frozen layers; larger ones gain nothing on a CPU and cost memory.
FEATURE_BATCH = 32


@dataclass(frozen=True)
class Frozen:
    """The frozen part of a backbone and where its activations are kept.

    Attributes:
        backbone: None of its layers above a point may have learned when that point's activations are asked for.
        network: Its model.
        cache: Of the activations.
        policy: The Keras dtype policy.
        seed: Of the augmentation.
        points: Where to stop on the way, in the order of the data, such as the boundaries of the stages to come.
        sample_count: Samples of all that will be asked for, views counted: it decides on the engine.
        progress: Told after every batch.
    """

    backbone: Backbone
    network: Cuttable
    cache: ActivationCache
    policy: str
    seed: int
    points: tuple[str, ...]
    sample_count: int
    progress: Progress
    _engines: dict[tuple[str, str], Engine] = field(default_factory=dict)

    def plain(self, part: Part, point: str) -> Activations | None:
        """Return the activations of untouched pictures at a point, or None where there is no room for them.

        Features, which are small, are computed in memory then.

        Args:
            part: Whose pictures.
            point: One of `points`, or empty for the output.
        """
        if part.pool is not None:
            return _rows_of(self.plain(part.pool, point), part, 1)

        def feed() -> Any:
            # Within a network, what is kept of all samples has one shape; features have that by themselves.
            prepare = uniform_preparer(part.contract, part.rows()) if self.points else preparer(part.contract)
            return make_feed(part.rows(), part.labels, batch_size=FEATURE_BATCH, prepare=prepare)

        return self._along("untouched", ("plain", part.digest), len(part.examples), 1, feed, part, point)

    def varied(self, samples: Samples, views: int, point: str) -> Activations | None:
        """Return the activations of augmented training pictures at a point; labels are mixed where pictures are.

        Args:
            samples: Their training part is augmented.
            views: Augmented copies of each.
            point: As in `plain`.
        """
        part, values = samples.train, samples.augmentation
        if part.pool is not None:
            whole = dataclasses.replace(samples, train=part.pool)
            return _rows_of(self.varied(whole, views, point), part, views)

        def feed() -> Any:
            return make_feed(
                part.rows(large=samples.large),
                part.labels,
                batch_size=FEATURE_BATCH,
                prepare=make_augmenter(values, part.contract, seed=self.seed),
                mix=make_mixer(values, seed=self.seed),
                class_count=samples.class_count if values.mixes else None,
                # In their own order, neighbours are of one class, and mixing them would mix nothing.
                shuffle_seed=self.seed if values.mixes else None,
            )

        key = ["varied", part.digest, str(values.to_dict()), str(self.seed)]
        if values.mixes:
            key += [str(samples.class_count), sha256_text(str(part.labels.tolist()))]
        return self._along("augmented", tuple(key), len(part.examples), views, feed, part, point)

    def features(self, part: Part) -> Floats:
        """Return the features of untouched pictures: `(samples, features)` float32.

        Raises:
            JobError: There is no room for them.
        """
        return np.asarray(self.required(self.plain(part, "")).values, dtype=np.float32)

    def required(self, found: Activations | None) -> Activations:
        """Return what was found.

        Raises:
            JobError: There was no room for it.
        """
        if found is None:
            raise JobError(
                f"The features fit neither below {self.cache.folder} nor into half of the memory.",
                hint="Free some disk space, point TFL_CACHE elsewhere, or raise train.cache_gb.",
            )
        return found

    def _along(
        self, what: str, key: tuple[str, ...], count: int, views: int, open_feed: Any, part: Part, point: str
    ) -> Activations | None:
        """Go from pictures to the first point, from there to the next, up to the one that is asked for."""
        before = [*self.points, ""]
        stops = before[: before.index(point) + 1]
        key = (self.backbone.digest, str(part.contract.to_dict()), self.policy, *key)
        found: Activations | None = None
        begin = ""
        for stop in stops:
            name = f"frozen layers to {stop or 'the features'}, {what}"
            if found is not None:
                source = found
                key = ("from", source.digest, begin, stop)
                # What is kept is view after view; as one feed of all it has the same order.
                job = self._job(name, key, count * views, 1, partial(_again, source), begin, stop)
            else:
                job = self._job(name, (*key, stop), count, views, open_feed, "", stop)
            made = self.cache.get(job, progress=self.progress)
            if made is None and not stop:
                # Features are small, and the head can't learn without them.
                made = self.cache.hold(job, progress=self.progress)
            if made is not None:
                found, begin = made, stop
            elif stop == point:
                return None
        return found

    def _job(
        self, name: str, key: tuple[str, ...], count: int, views: int, open_feed: Any, begin: str, end: str
    ) -> Job:
        def opened(sample: Inputs) -> Engine:
            if (begin, end) not in self._engines:
                part = self.network.part(begin, end)
                self.progress.update(f"{name}: opening the engine")
                engine = open_engine(
                    part,
                    self.sample_count,
                    policy=self.policy,
                    batch_size=FEATURE_BATCH,
                    sample=sample,
                    key=(self.backbone.digest, begin, end),
                    progress=self.progress,
                )
                contract = self.backbone.info.preprocessing
                self._engines[begin, end] = without_padding(engine, contract) if takes_any_width(part) else engine
            return self._engines[begin, end]

        return Job(name, key, count, views, open_feed, opened, engine_name(self.sample_count, policy=self.policy))


def _rows_of(found: Activations | None, part: Part, views: int) -> Activations | None:
    """Take a part's samples out of each view of its pool."""
    if found is None or part.pool is None or part.places is None:
        return None
    size = len(part.pool.examples)
    rows = np.concatenate([view * size + part.places for view in range(views)])
    return Activations(Selected(found.values, rows), found.labels[rows], found.digest)


def _again(source: Activations) -> Any:
    def floats(batch: Any, epoch: int, index: int) -> Floats:
        return np.asarray(batch, dtype=np.float32)

    return make_feed(source.values, source.labels, batch_size=FEATURE_BATCH, prepare=floats)
