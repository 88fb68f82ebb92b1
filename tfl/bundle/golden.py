"""The golden batch: a few real inputs with the outputs of the float model, so that any artefact can test itself."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfl.core.errors import IntegrityError
from tfl.core.files import write_atomic
from tfl.data.contract import Floats, Rows


@dataclass(frozen=True)
class Golden:
    """A few held-out samples.

    Attributes:
        rows: `(samples, ...)` as the contract reads them, such as resized pixels.
        outputs: `(samples, classes)` float32, what the float model answered.
    """

    rows: Rows
    outputs: Floats

    def save(self, path: Path) -> None:
        """Write a compressed `.npz`, atomically."""
        write_atomic(path, lambda file: np.savez_compressed(file, rows=self.rows, outputs=self.outputs))

    @classmethod
    def load(cls, path: Path) -> Golden:
        """Read what `save` wrote; pickled content is refused.

        Raises:
            IntegrityError: The file is missing or is not a golden batch.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                # Bundles written when there were only pictures call them pixels.
                return cls(rows=arrays["rows" if "rows" in arrays else "pixels"], outputs=arrays["outputs"])
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise IntegrityError(f"{path} is not a golden batch: {error}.") from error
