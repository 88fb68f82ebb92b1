"""One sample on its way from the file to the model's input, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from tfl.core.records import Record
from tfl.data.decode import decode
from tfl.data.preprocess import ImagePreprocessing, normalize


@dataclass(frozen=True, kw_only=True)
class Step(Record):
    """What a sample is after one step.

    Attributes:
        name: Of the step.
        shape: Of the array; of a file, its bytes.
        dtype: Of the array.
        low: Smallest value.
        high: Largest value.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    low: float
    high: float


def summarize(file: Path, contract: ImagePreprocessing) -> tuple[Step, ...]:
    """Walk one picture through file -> decoded -> resized -> batch -> normalized.

    `decoded` is upright 8-bit RGB, as small as `jpeg_draft` lets a JPEG be decoded; `batch` and `normalized` hold
    this one sample.

    Args:
        file: The picture.
        contract: Of the model.

    Raises:
        DataError: The picture can't be read or decoded.
    """
    image = decode(file, draft_for=contract)
    data = np.frombuffer(file.read_bytes(), dtype=np.uint8)
    pixels = contract.read(file)
    return (
        step_of("file", data),
        step_of("decoded, upright RGB", _array(image)),
        step_of(f"resized: {contract.resize}, {contract.interpolation}", pixels),
        step_of("batch", pixels[None]),
        step_of(f"normalized, {contract.channels}", normalize(pixels[None], contract)),
    )


def _array(image: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(image)


def step_of(name: str, array: npt.NDArray[np.uint8] | npt.NDArray[np.float32]) -> Step:
    """Describe an array as a step."""
    return Step(name=name, shape=array.shape, dtype=str(array.dtype), low=float(array.min()), high=float(array.max()))
