"""What is learned from: examples, their rows once somebody asks for them, and their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tfl.core.augmentation import AugmentConfig
from tfl.core.files import sha256_text
from tfl.core.progress import Progress
from tfl.data.contract import Contract, Rows
from tfl.data.manifest import Example, Manifest, SplitName
from tfl.data.preprocess import as_pictures
from tfl.data.store import open_rows
from tfl.training.crop import presized
from tfl.training.feed import Labels


@dataclass
class Part:
    """One side of a split.

    Attributes:
        examples: In the manifest's order.
        labels: `(samples,)` int32.
        root: What the examples' paths are relative to.
        contract: From a source to the input.
        work_dir: For what is read.
        progress: Told while samples are read.
        pool: A larger part that this one is of, for which what is frozen is computed as a whole; or None.
        places: `(samples,)` places of the examples in it.
    """

    examples: Sequence[Example]
    labels: Labels
    root: str
    contract: Contract
    work_dir: Path
    progress: Progress
    pool: Part | None = None
    places: npt.NDArray[np.intp] | None = None
    _rows: dict[bool, Rows] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of the contents, in their order; labels don't count."""
        return sha256_text(*(example.sha256 or example.path for example in self.examples))

    def rows(self, *, large: bool = False) -> Rows:
        """Return `(samples, ...)` as the contract reads them, read on the first call.

        Args:
            large: Keep them larger than the input, for random crops.

        Raises:
            DataError: A sample can't be read.
        """
        if large not in self._rows:
            contract = presized(as_pictures(self.contract, purpose="A random crop")) if large else self.contract
            self._rows[large] = open_rows(
                self.examples, self.root, contract, cache_dir=self.work_dir, progress=self.progress
            )
        return self._rows[large]


@dataclass(frozen=True)
class Samples:
    """Both sides.

    Attributes:
        train: What is learned from.
        validation: What chooses the epoch.
        class_count: Of the manifest.
        augmentation: Resolved.
    """

    train: Part
    validation: Part
    class_count: int
    augmentation: AugmentConfig

    @property
    def large(self) -> bool:
        """Whether augmentation begins with larger pictures than the input."""
        return self.augmentation.crop_scale is not None


def make_samples(
    manifest: Manifest,
    contract: Contract,
    augmentation: AugmentConfig,
    *,
    work_dir: Path,
    progress: Progress,
    pooled: bool = False,
) -> Samples:
    """Take the splits `train` and `validation` of a manifest.

    Args:
        manifest: With splits.
        contract: From a source to the input.
        augmentation: Resolved.
        work_dir: For what is read.
        progress: Told while samples are read.
        pooled: Compute what is frozen for all examples at once, because other cuts of them will ask for the rest.
            Where pictures are mixed with others each part stays by itself, or one would learn from the other.
    """

    def whole(examples: tuple[Example, ...]) -> Part:
        labels = np.asarray(manifest.label_indices(examples), dtype=np.int32)
        return Part(examples, labels, manifest.root, contract, work_dir, progress)

    pool = whole(manifest.examples) if pooled and not augmentation.mixes else None
    place = {example.path: index for index, example in enumerate(manifest.examples)}

    def part(split: SplitName) -> Part:
        made = whole(manifest.of_split(split))
        if pool is not None:
            made.pool, made.places = pool, np.array([place[example.path] for example in made.examples], dtype=np.intp)
        return made

    return Samples(part("train"), part("validation"), len(manifest.labels), augmentation)
