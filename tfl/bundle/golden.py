"""The golden batch: a few real inputs with the outputs of the float model, so that any artefact can test itself."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfl.core.errors import IntegrityError
from tfl.core.files import write_atomic
from tfl.data.preprocess import Floats, Pixels


@dataclass(frozen=True)
class Golden:
    """A few held-out samples.

    Attributes:
        pixels: `(samples, height, width, 3)` uint8 RGB, resized by the contract.
        outputs: `(samples, classes)` float32, what the float model answered.
    """

    pixels: Pixels
    outputs: Floats

    def save(self, path: Path) -> None:
        """Write a compressed `.npz`, atomically."""
        write_atomic(path, lambda file: np.savez_compressed(file, pixels=self.pixels, outputs=self.outputs))

    @classmethod
    def load(cls, path: Path) -> Golden:
        """Read what `save` wrote; pickled content is refused.

        Raises:
            IntegrityError: The file is missing or is not a golden batch.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return cls(pixels=arrays["pixels"], outputs=arrays["outputs"])
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise IntegrityError(f"{path} is not a golden batch: {error}.") from error
