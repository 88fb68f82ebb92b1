"""The held-out samples that artefacts are tested on: files, their true classes and what the float model said."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfl.core.errors import IntegrityError
from tfl.core.files import write_atomic
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest, SplitName
from tfl.data.preprocess import Floats

#: More samples than this make a verification longer and no more telling; the rest is left out and said.
MAX_SAMPLES = 2000


@dataclass(frozen=True)
class HeldOut:
    """Samples that no training and no calibration has seen.

    Attributes:
        root: What the paths are relative to.
        paths: POSIX paths.
        truth: Class index of each.
        outputs: `(samples, classes)` float32 of the float model, or None where it is not at hand.
    """

    root: Path
    paths: tuple[str, ...]
    truth: tuple[int, ...]
    outputs: Floats | None

    @property
    def files(self) -> list[Path]:
        """Absolute paths."""
        return [self.root / path for path in self.paths]

    def limited(self, count: int = MAX_SAMPLES) -> HeldOut:
        """Return at most `count` samples, evenly spaced over all."""
        if len(self.paths) <= count:
            return self
        chosen = np.linspace(0, len(self.paths) - 1, count).astype(int)
        return HeldOut(
            self.root,
            tuple(self.paths[index] for index in chosen),
            tuple(self.truth[index] for index in chosen),
            None if self.outputs is None else self.outputs[chosen],
        )

    def save(self, path: Path) -> None:
        """Write an `.npz` that `load` reads back, given the root."""
        arrays: dict[str, Any] = {"paths": np.asarray(self.paths), "truth": np.asarray(self.truth, dtype=np.int64)}
        if self.outputs is not None:
            arrays["outputs"] = self.outputs
        write_atomic(path, lambda file: np.savez(file, allow_pickle=False, **arrays))

    @classmethod
    def load(cls, path: Path, root: Path) -> HeldOut:
        """Read what `save` wrote.

        Raises:
            IntegrityError: The file is missing or damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                outputs = np.asarray(arrays["outputs"], dtype=np.float32) if "outputs" in arrays else None
                truth = tuple(int(value) for value in arrays["truth"])
                return cls(root, tuple(str(value) for value in arrays["paths"]), truth, outputs)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise IntegrityError(f"{path} does not hold predictions: {error}.") from error

    @classmethod
    def of_manifest(cls, manifest: Manifest, split: SplitName) -> HeldOut:
        """Take a split of a manifest, without outputs."""
        examples = manifest.of_split(split)
        truth = tuple(manifest.label_indices(examples))
        return cls(Path(manifest.root), tuple(example.path for example in examples), truth, None)

    @classmethod
    def of_run(cls, run: RunFolder, *, simulated: bool = False) -> HeldOut | None:
        """Take the test split of a run with its float model's answers, or None where the pictures are gone.

        Args:
            run: The run.
            simulated: Take the answers of the network with quantization simulated instead; None where there is none.
        """
        predictions = run.simulated_predictions_file if simulated else run.predictions_file
        if not predictions.is_file() or not run.manifest_file.is_file():
            return None
        held_out = cls.load(predictions, Path(Manifest.load(run.manifest_file).root))
        return held_out if all(file.is_file() for file in held_out.files) else None
