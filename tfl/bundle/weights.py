"""Two Keras files, weight by weight and byte by byte, without loading TensorFlow."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfl.core.errors import IntegrityError
from tfl.core.extras import require
from tfl.core.records import Record

_WEIGHTS, _CONFIG = "model.weights.h5", "config.json"


@dataclass(frozen=True, kw_only=True)
class WeightDifference(Record):
    """One weight whose bytes are not the same in both files.

    Attributes:
        layer: The layer's name.
        weight: Number of the weight in its layer, such as 0 for the kernel.
        what: `values`, or `shape`, `dtype`, `missing` (from the second), `added` (in the second).
        values: How many values differ; 0 where they can't be compared.
        of: How many there are.
        max_abs_difference: Largest difference of a value; 0 where they can't be compared.
    """

    layer: str
    weight: int
    what: str
    values: int = 0
    of: int = 0
    max_abs_difference: float = 0.0


@dataclass(frozen=True)
class _Weight:
    layer: str
    number: int
    array: npt.NDArray[Any]


def weight_differences(first: Path, second: Path) -> tuple[tuple[WeightDifference, ...], int]:
    """Compare the weights of two `.keras` files.

    Args:
        first: The earlier one.
        second: The later one.

    Returns:
        What differs, in the order of the first model's layers, and how many weights there are in either.

    Raises:
        IntegrityError: A file can't be read.
        MissingExtraError: h5py, which comes with Keras, is not installed.
    """
    before, after = _read(first), _read(second)
    keys = dict.fromkeys((*before, *after))
    found = [difference for key in keys if (difference := _compare(before.get(key), after.get(key))) is not None]
    return tuple(found), len(keys)


def _compare(before: _Weight | None, after: _Weight | None) -> WeightDifference | None:
    known = before or after
    if known is None:
        return None
    name, number = known.layer, known.number
    if before is None or after is None:
        return WeightDifference(layer=name, weight=number, what="added" if before is None else "missing")
    for what in ("shape", "dtype"):
        if getattr(before.array, what) != getattr(after.array, what):
            return WeightDifference(layer=name, weight=number, what=what)
    if before.array.tobytes() == after.array.tobytes():
        return None
    left, right = before.array.astype(np.float64), after.array.astype(np.float64)
    return WeightDifference(
        layer=name,
        weight=number,
        what="values",
        values=int(np.count_nonzero(~((left == right) | (np.isnan(left) & np.isnan(right))))),
        of=int(left.size),
        max_abs_difference=float(np.nanmax(np.abs(left - right), initial=0.0)),
    )


def _read(path: Path) -> dict[str, _Weight]:
    h5py = require("h5py", purpose="comparing weights")
    try:
        with zipfile.ZipFile(path) as archive:
            order = {name: index for index, name in enumerate(_layer_names(json.loads(archive.read(_CONFIG))))}
            with h5py.File(io.BytesIO(archive.read(_WEIGHTS)), "r") as file:
                found = list(_weights(file, h5py))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise IntegrityError(f"{path} is no readable Keras file: {error}.") from error
    # Groups of HDF5 are sorted by name; the order of the layers is that of the computation.
    found.sort(key=lambda item: (order.get(item[1].layer, len(order)), item[0]))
    return dict(found)


def _weights(file: Any, h5py: Any) -> Iterator[tuple[str, _Weight]]:
    groups: list[tuple[str, Any]] = []
    # Visiting follows no links, so that nothing outside of the file is read.
    file.visititems(lambda name, item: groups.append((name, item)) if isinstance(item, h5py.Group) else None)
    for name, group in groups:
        if name.rpartition("/")[2] != "vars":
            continue
        layer = str(group.attrs.get("name", "")) or name.removesuffix("/vars")
        for number in sorted(key for key in group if isinstance(group.get(key, getlink=True), h5py.HardLink)):
            yield f"{name}/{number}", _Weight(layer, int(number) if number.isdigit() else 0, np.asarray(group[number]))


def _layer_names(config: Mapping[str, Any]) -> Iterator[str]:
    inner = config.get("config")
    if not isinstance(inner, Mapping):
        return
    if "name" in inner:
        yield str(inner["name"])
    for layer in inner.get("layers", ()):
        yield from _layer_names(layer)
