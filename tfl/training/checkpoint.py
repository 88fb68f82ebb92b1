"""Checkpoints: whole or absent, with a digest, the one before kept; training goes on from them to the bit."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl.core.errors import IntegrityError
from tfl.core.files import write_atomic

Arrays = list[npt.NDArray[Any]]

_DIGEST_BYTES = 64
_GROUPS = ("variables", "optimizer", "best")


@dataclass
class StageState:
    """Where a stage stands: everything that its next step depends on.

    Attributes:
        epoch: Epochs done.
        step: Steps done of the epoch that goes on.
        sums: Of that epoch: loss times weight, weight, right answers, samples.
        best_loss: Smallest validation loss so far.
        best_epoch: The epoch that had it, counted from 1; 0 is the state before the stage.
        waited: Epochs since then.
        stopped_by: Why the stage is over: `epochs`, `patience`, `until` or `time_limit`; empty while it goes on.
        rate_factor: On the learning rate; below 1 after a loss that was not finite.
        seconds: Of training so far, over all sittings.
        history: One row per epoch.
        variables: Of the model, in its own order, the states of random layers among them.
        optimizer: Of the optimizer, in its own order, loss scale, averages and gathered gradients among them.
        best: The model's variables at the best epoch.
        random_state: Of Python's and NumPy's global generators.
    """

    epoch: int = 0
    step: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0, 0.0])
    best_loss: float = float("inf")
    best_epoch: int = 0
    waited: int = 0
    stopped_by: str = ""
    rate_factor: float = 1.0
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    variables: Arrays = field(default_factory=list)
    optimizer: Arrays = field(default_factory=list)
    best: Arrays = field(default_factory=list)
    random_state: list[Any] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether the stage needs no more steps."""
        return bool(self.stopped_by)

    def save(self, path: Path) -> None:
        """Write the file, and keep the one before as `NAME.previous`.

        Raises:
            JobError: The disk is full; the file that was there stays.
        """
        facts = {key: value for key, value in vars(self).items() if key not in _GROUPS}
        arrays: dict[str, npt.NDArray[Any]] = {}
        dtypes: dict[str, str] = {}
        for group in _GROUPS:
            for index, array in enumerate(getattr(self, group)):
                key = f"{group}_{index:05d}"
                dtypes[key] = str(array.dtype)
                # NumPy's file format does not know bfloat16; its bits are kept as integers.
                arrays[key] = array.view(np.uint16) if str(array.dtype) == "bfloat16" else array
        text = json.dumps({**facts, "dtypes": dtypes})
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, facts=np.frombuffer(text.encode(), dtype=np.uint8), **arrays)
        content = buffer.getbuffer()
        digest = hashlib.sha256(content).hexdigest().encode()

        def write(file: Path) -> None:
            with file.open("wb") as stream:
                stream.write(digest)
                stream.write(content)
            # Only now, with the new one whole on the disk: there is never none.
            if path.is_file():
                path.replace(previous_of(path))

        write_atomic(path, write)

    @classmethod
    def load(cls, path: Path) -> StageState | None:
        """Read a checkpoint, or the one before where it is damaged or gone; None where there is none.

        Raises:
            IntegrityError: All that there are are damaged.
        """
        problems = []
        for file in (path, previous_of(path)):
            if file.is_file():
                try:
                    return _read(cls, file)
                except (OSError, KeyError, ValueError, TypeError) as error:
                    problems.append(f"{file}: {error}")
        if problems:
            raise IntegrityError(
                f"The checkpoint is damaged: {'; '.join(problems)}.", hint="Delete it; the stage then begins anew."
            )
        return None


def previous_of(path: Path) -> Path:
    """Name the checkpoint before."""
    return path.with_name(f"{path.name}.previous")


def _read(cls: type[StageState], path: Path) -> StageState:
    content = path.read_bytes()
    if hashlib.sha256(content[_DIGEST_BYTES:]).hexdigest().encode() != content[:_DIGEST_BYTES]:
        raise ValueError("its digest does not match")
    with np.load(io.BytesIO(content[_DIGEST_BYTES:]), allow_pickle=False) as arrays:
        facts = json.loads(arrays["facts"].tobytes())
        dtypes = facts.pop("dtypes")
        groups: dict[str, Arrays] = {group: [] for group in _GROUPS}
        for key in sorted(dtypes):
            groups[key.rpartition("_")[0]].append(_restore(arrays[key], dtypes[key]))
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
