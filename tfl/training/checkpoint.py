"""Checkpoints: one file per stage, whole or absent, from which training goes on at the next epoch."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl.core.errors import IntegrityError
from tfl.core.files import write_atomic

Arrays = list[npt.NDArray[Any]]


@dataclass
class StageState:
    """Where a stage stands.

    Attributes:
        epoch: Epochs done.
        best_loss: Smallest validation loss so far.
        best_epoch: The epoch that had it, counted from 1; 0 is the state before the stage.
        waited: Epochs since then.
        finished: The stage needs no more epochs.
        history: One row per epoch.
        variables: Of the model, in its own order.
        optimizer: Of the optimizer, in its own order.
        best: The model's variables at the best epoch.
    """

    epoch: int
    best_loss: float
    best_epoch: int
    waited: int
    finished: bool
    history: list[dict[str, Any]]
    variables: Arrays
    optimizer: Arrays
    best: Arrays

    def save(self, path: Path) -> None:
        """Write one `.npz`, atomically."""
        facts = {
            "epoch": self.epoch,
            "best_loss": self.best_loss,
            "best_epoch": self.best_epoch,
            "waited": self.waited,
            "finished": self.finished,
            "history": self.history,
            "dtypes": {},
        }
        arrays: dict[str, npt.NDArray[Any]] = {}
        dtypes: dict[str, str] = {}
        for group in ("variables", "optimizer", "best"):
            for index, array in enumerate(getattr(self, group)):
                key = f"{group}_{index:05d}"
                dtypes[key] = str(array.dtype)
                # NumPy's file format does not know bfloat16; its bits are kept as integers.
                arrays[key] = array.view(np.uint16) if str(array.dtype) == "bfloat16" else array
        facts["dtypes"] = dtypes
        arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
        write_atomic(path, lambda file: np.savez(file, allow_pickle=False, **arrays))

    @classmethod
    def load(cls, path: Path) -> StageState | None:
        """Read a checkpoint, or return None where there is none.

        Raises:
            IntegrityError: The file is damaged.
        """
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as arrays:
                facts = json.loads(arrays["facts"].tobytes())
                dtypes = facts.pop("dtypes")
                groups: dict[str, Arrays] = {"variables": [], "optimizer": [], "best": []}
                for key in sorted(dtypes):
                    groups[key.rpartition("_")[0]].append(_restore(arrays[key], dtypes[key]))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise IntegrityError(
                f"The checkpoint {path} is damaged: {error}.", hint="Delete it; the stage then begins anew."
            ) from error
        fields: dict[str, Any] = {**facts, **groups}
        return cls(**fields)


def _restore(array: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
    if dtype != "bfloat16":
        return array
    import ml_dtypes

    return array.view(ml_dtypes.bfloat16)


def read_variables(variables: Sequence[Any]) -> Arrays:
    """Copy Keras variables to NumPy."""
    return [np.array(variable.value) for variable in variables]


def assign_variables(variables: Sequence[Any], values: Arrays) -> None:
    """Copy NumPy values to Keras variables.

    Raises:
        IntegrityError: The numbers or the shapes differ.
    """
    if len(variables) != len(values):
        raise IntegrityError(f"The checkpoint has {len(values)} variables, the model {len(variables)}.")
    for variable, value in zip(variables, values, strict=True):
        if tuple(variable.shape) != value.shape:
            raise IntegrityError(f"{variable.path}: the checkpoint has {value.shape}, the model {variable.shape}.")
        variable.assign(value)
