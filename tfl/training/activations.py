"""What is frozen is computed once: activations on disk, memory-mapped, shared by runs, searches and folds.

An entry is a folder that is named after all that its values depend on: the weights, the layer, the contract, the
data, the augmentation and the engine. Whatever is interrupted goes on with the next shard; an entry that nobody has
used for longest goes first when the room is used up.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl.core.errors import JobError
from tfl.core.files import cache_dir, hold_lock, read_json, sha256_text, tree_size_bytes, write_atomic, write_json
from tfl.core.progress import Progress
from tfl.data.contract import Floats, Inputs
from tfl.data.shards import SHARD_BYTES, Shards, allocate
from tfl.training.engines import Engine
from tfl.training.feed import batches_ahead
from tfl.training.memory import memory_bytes

_FACTS = "entry.json"
#: Of the disk that is free, so much is left to others.
_SPARE_SHARE = 0.5
#: Of the memory, for what there is no room for on the disk.
_MOST_MEMORY = 0.5

#: The feed, its first batch, and what runs batches.
_Opened = tuple[Any, Inputs, Engine]


class _OutOfRange(Exception):
    """A value is too large for float16."""


@dataclass(frozen=True)
class Activations:
    """What flows out of a frozen network.

    Attributes:
        values: `(views * samples, ...)` float16 or float32, view after view; may be larger than the memory.
        labels: Of the samples, as the feed gives them: `(views * samples,)` or rows.
        digest: Of everything that they depend on.
    """

    values: Any
    labels: Any
    digest: str


@dataclass(frozen=True)
class Job:
    """What is to be computed.

    Attributes:
        name: For messages.
        key: Everything that the values depend on but for the engine.
        sample_count: Of one view.
        views: How many times over the samples, augmented anew each time.
        open_feed: Opens the feed (see `make_feed`) without weights; only called where something is missing.
        open_engine: Opens the engine for inputs like a sample `(1, ...)`. Where it is not the expected one, because
            that can't run the network, the values are kept under the name of the one that computed them.
        engine: Name of the expected engine.
    """

    name: str
    key: tuple[str, ...]
    sample_count: int
    views: int
    open_feed: Callable[[], Any]
    open_engine: Callable[[Inputs], Engine]
    engine: str


@dataclass
class ActivationCache:
    """The entries of one machine.

    Attributes:
        dtype: `float16` or `float32`, of what is computed from now on.
        limit_bytes: Of all entries.
        folder: Where they are.
        hits: How many were there already.
        computed: How many were computed.
    """

    dtype: str = "float16"
    limit_bytes: int = 20 << 30
    folder: Path = field(default_factory=lambda: cache_dir() / "activations")
    hits: int = 0
    computed: int = 0

    def get(self, job: Job, *, progress: Progress) -> Activations | None:
        """Return what the job would compute, computing what is missing.

        Args:
            job: What is wanted.
            progress: Told after every batch.

        Returns:
            None where it would take more room than is allowed or free, or the disk turned out to be full.

        Raises:
            DataError: A picture can't be decoded.
            JobError: A value is not finite.
        """
        digest = self._digest(job)
        place = self.folder / digest[:32]
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(hold_lock(self.folder / f"{digest[:32]}.lock"))
            except OSError as error:
                progress.result(f"{job.name}: not kept, {self.folder} can't be written ({error.strerror or error})")
                return None
            opened = None if (place / _FACTS).is_file() else _opened(job)
            if opened is None:
                self.hits += 1
            elif opened[2].name != job.engine:
                stack.close()
                return self.get(_by(job, opened[2]), progress=progress)
            elif not self._compute(job, opened, place, progress):
                return None
            else:
                self.computed += 1
            # Not the file system's own clock, whose ticks are so coarse that two uses can share one.
            os.utime(place / _FACTS, ns=(time.time_ns(),) * 2)
            files = read_json(place / _FACTS)["shards"]
            shards = [np.load(place / name, mmap_mode="r", allow_pickle=False) for name in files]
            labels = [np.load(place / _labels_of(name), allow_pickle=False) for name in files]
        return Activations(shards[0] if len(shards) == 1 else Shards(shards), np.concatenate(labels), digest)

    def hold(self, job: Job, *, progress: Progress) -> Activations | None:
        """Return what `get` would, in memory alone and rounded alike; None where that would be half of the memory.

        Args:
            job: What is wanted.
            progress: Told after every batch.
        """
        feed, first, engine = _opened(job)
        job, run = _by(job, engine), engine.run
        shape = run(first[:1]).shape[1:]
        for dtype in dict.fromkeys((self.dtype, "float32")):
            rows = job.views * job.sample_count
            if rows * int(np.prod(shape)) * np.dtype(dtype).itemsize > _MOST_MEMORY * memory_bytes():
                return None
            values, labels = np.empty((rows, *shape), dtype=dtype), []
            try:
                for view in range(job.views):
                    feed.go_to(view)
                    part = values[view * job.sample_count : (view + 1) * job.sample_count]
                    labels.append(_run_batches(job, feed, run, part, view, range(len(feed)), progress))
            except _OutOfRange:
                continue
            self.computed += 1
            return Activations(values, np.concatenate(labels), self._digest(job))
        return None

    def _digest(self, job: Job) -> str:
        return sha256_text(*job.key, job.engine, str(job.views), self.dtype)

    def _compute(self, job: Job, opened: _Opened, place: Path, progress: Progress) -> bool:
        feed, first, engine = opened
        shape = engine.run(first[:1]).shape[1:]
        for dtype in dict.fromkeys((self.dtype, "float32")):
            needed = job.views * job.sample_count * int(np.prod(shape)) * np.dtype(dtype).itemsize
            if not self._make_room(needed, place):
                progress.result(f"{job.name}: {needed / 1e9:.1f} GB are more than there is room for, not kept")
                return False
            try:
                self._fill(job, feed, engine.run, dtype, (len(first), *shape), place, progress)
            except _OutOfRange:
                shutil.rmtree(place)
                progress.result(f"{job.name}: values are beyond the range of float16, kept in float32")
                continue
            except JobError as error:
                if not isinstance(error.__cause__, OSError):
                    raise
                # Others may have filled the disk meanwhile; what was begun makes room again.
                shutil.rmtree(place, ignore_errors=True)
                progress.result(f"{job.name}: not kept. {error.message}")
                return False
            return True
        return False

    def _fill(
        self,
        job: Job,
        feed: Any,
        run: Callable[[Inputs], Floats],
        dtype: str,
        batch_shape: tuple[int, ...],
        place: Path,
        progress: Progress,
    ) -> None:
        """Compute every view, batch after batch, into shards of whole batches."""
        batch_size, *shape = batch_shape
        batch_bytes = int(np.prod(batch_shape)) * np.dtype(dtype).itemsize
        batches = max(1, SHARD_BYTES // max(1, batch_bytes))
        files: list[str] = []

        def fill(file: Path, view: int, indices: range) -> None:
            rows = min(indices.stop * batch_size, job.sample_count) - indices.start * batch_size
            array = allocate(file, (rows, *shape), dtype)
            labels = _run_batches(job, feed, run, array, view, indices, progress)
            array.flush()
            # Before the values: a shard is there when its values are.
            write_atomic(place / _labels_of(files[-1]), lambda path: np.save(path, labels))

        for view in range(job.views):
            feed.go_to(view)
            for begin in range(0, len(feed), batches):
                indices = range(begin, min(begin + batches, len(feed)))
                files.append(f"view-{view:03d}-{begin:06d}.npy")
                if not (place / files[-1]).is_file():
                    write_atomic(place / files[-1], partial(fill, view=view, indices=indices))
        facts = {"name": job.name, "key": list(job.key), "engine": job.engine, "shards": files, "dtype": dtype}
        write_json(place / _FACTS, facts)

    def _make_room(self, needed: int, place: Path) -> bool:
        """Remove the longest unused entries until there is room; entries in use keep their lock and stay."""
        self.folder.mkdir(parents=True, exist_ok=True)
        limit = min(self.limit_bytes, self._free_bytes())
        if needed > limit:
            return False
        facts = sorted(self.folder.glob(f"*/{_FACTS}"), key=lambda path: path.stat().st_mtime)
        sizes = {path.parent: tree_size_bytes(path.parent) for path in facts}
        used = sum(sizes.values())
        for entry, size in sizes.items():
            if used + needed <= self.limit_bytes:
                break
            with hold_lock(self.folder / f"{entry.name}.lock", wait=False) as ours:
                if ours and entry != place:
                    # What is mapped stays readable for those who have it open.
                    shutil.rmtree(entry, ignore_errors=True)
                    used -= size
        return used + needed <= self.limit_bytes

    def _free_bytes(self) -> int:
        return int(shutil.disk_usage(self.folder).free * (1.0 - _SPARE_SHARE))


def _opened(job: Job) -> _Opened:
    feed = job.open_feed()
    feed.go_to(0)
    first = _fed(feed[0][0])
    return feed, first, job.open_engine(first[:1])


def _by(job: Job, engine: Engine) -> Job:
    """Return the job as that of an engine that is open."""
    return replace(job, engine=engine.name, open_engine=lambda sample: engine)


def _run_batches(
    job: Job,
    feed: Any,
    run: Callable[[Inputs], Floats],
    array: npt.NDArray[Any],
    view: int,
    indices: range,
    progress: Progress,
) -> npt.NDArray[Any]:
    """Fill an array with the values of some batches of a view, and return their labels."""
    labels, done = [], 0
    for index, (inputs, answers) in zip(indices, batches_ahead(feed, indices), strict=True):
        values = run(_fed(inputs))
        _store(array[done : done + len(values)], values)
        labels.append(np.asarray(answers))
        done += len(values)
        progress.update(job.name, done=view * len(feed) + index + 1, total=job.views * len(feed))
    return np.concatenate(labels)


def _fed(inputs: Any) -> Inputs:
    """Return a batch as a network takes it: identifiers of tokens and strings as they are, all else as float32."""
    values = np.asarray(inputs)
    return values if values.dtype.kind in "iO" else np.asarray(values, dtype=np.float32)


def _labels_of(shard: str) -> str:
    return shard.replace("view-", "labels-")


def _store(place: npt.NDArray[Any], values: Floats) -> None:
    """Write a batch, or refuse what the type can't hold."""
    largest = np.abs(values).max(initial=0.0)
    if not np.isfinite(largest):
        raise JobError("What the frozen layers give is not finite.", hint="The backbone's weights are broken.")
    if place.dtype == np.float16 and largest > np.finfo(np.float16).max:
        raise _OutOfRange
    place[:] = values
