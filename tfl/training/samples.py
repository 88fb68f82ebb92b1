"""What is learned from: examples, their pixels once somebody asks for them, and their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tfl.core.augmentation import AugmentConfig
from tfl.core.files import sha256_text
from tfl.core.progress import Progress
from tfl.data.manifest import Example, Manifest, SplitName
from tfl.data.preprocess import ImagePreprocessing, Pixels
from tfl.data.store import open_pixels
from tfl.training.crop import presized
from tfl.training.feed import Labels


@dataclass
class Part:
    """One side of a split.

    Attributes:
        examples: In the manifest's order.
        labels: `(samples,)` int32.
        root: What the examples' paths are relative to.
        contract: From a file to the input.
        work_dir: For decoded pixels.
        progress: Told while pictures are decoded.
    """

    examples: Sequence[Example]
    labels: Labels
    root: str
    contract: ImagePreprocessing
    work_dir: Path
    progress: Progress
    _pixels: dict[bool, Pixels] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Of the contents, in their order; labels don't count."""
        return sha256_text(*(example.sha256 or example.path for example in self.examples))

    def pixels(self, *, large: bool = False) -> Pixels:
        """Return `(samples, height, width, 3)` uint8, decoded on the first call.

        Args:
            large: Keep them larger than the input, for random crops.

        Raises:
            DataError: A picture can't be decoded.
        """
        if large not in self._pixels:
            contract = presized(self.contract) if large else self.contract
            self._pixels[large] = open_pixels(
                self.examples, self.root, contract, cache_dir=self.work_dir, progress=self.progress
            )
        return self._pixels[large]


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
    contract: ImagePreprocessing,
    augmentation: AugmentConfig,
    *,
    work_dir: Path,
    progress: Progress,
) -> Samples:
    """Take the splits `train` and `validation` of a manifest."""

    def part(split: SplitName) -> Part:
        examples = manifest.of_split(split)
        labels = np.asarray(manifest.label_indices(examples), dtype=np.int32)
        return Part(examples, labels, manifest.root, contract, work_dir, progress)

    return Samples(part("train"), part("validation"), len(manifest.labels), augmentation)
