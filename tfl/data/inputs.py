"""What a model file is fed: the preprocessing contract, less what the file does itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from tfl.core.errors import UserError
from tfl.data.preprocess import (
    FILTERS,
    ImagePreprocessing,
    ImageSource,
    Pixels,
    load_picture,
    load_pixels,
    normalize,
    resize,
)

#: float32 as the contract normalizes it, or uint8 where the model file does that itself.
Inputs: TypeAlias = npt.NDArray[np.float32 | np.uint8]


def prepare(pixels: Pixels, contract: ImagePreprocessing) -> Inputs:
    """Turn `(..., height, width, 3)` uint8 RGB, resized by the contract, into the model file's input."""
    return normalize(pixels, contract) if contract.fused == "none" else np.ascontiguousarray(pixels)


def prepare_picture(image: Image.Image, contract: ImagePreprocessing) -> Inputs:
    """Turn a decoded picture, 8-bit RGB, into a batch of one."""
    pixels = np.asarray(image) if contract.fused == "resize" else resize(image, contract)
    return prepare(pixels[None], contract)


def load_batch(sources: Sequence[ImageSource], contract: ImagePreprocessing) -> Inputs:
    """Decode pictures and prepare them: `(batch, rows, columns, 3)` float32 or uint8, as the model file takes it.

    Raises:
        DataError: A picture can't be decoded.
        UserError: The model file resizes by itself and the pictures are of different sizes; see `input_batches`.
    """
    if not sources:
        dtype = np.float32 if contract.fused == "none" else np.uint8
        return np.empty((0, contract.height, contract.width, 3), dtype=dtype)
    if contract.fused != "resize":
        return prepare(np.stack([load_pixels(source, contract) for source in sources]), contract)
    pictures = [load_picture(source, contract) for source in sources]
    sizes = sorted({picture.shape[:2] for picture in pictures})
    if len(sizes) > 1:
        raise UserError(
            f"The model file resizes pictures itself, so those of one batch must be of one size. Received: {sizes}.",
            hint="Give it one picture at a time.",
        )
    return np.stack(pictures)


def input_batches(sources: Sequence[ImageSource], contract: ImagePreprocessing, *, size: int) -> Iterator[Inputs]:
    """Yield prepared batches of at most `size`, in order; of one where the model file resizes by itself.

    Raises:
        DataError: A picture can't be decoded.
    """
    step = 1 if contract.fused == "resize" else size
    for start in range(0, len(sources), step):
        yield load_batch(sources[start : start + step], contract)


def load_uniform(sources: Sequence[ImageSource], contract: ImagePreprocessing) -> Inputs:
    """Prepare pictures as one array, for a benchmark that cuts batches of it.

    Where the model file resizes by itself, they are first brought to their median size.

    Raises:
        DataError: A picture can't be decoded.
    """
    if contract.fused != "resize":
        return load_batch(sources, contract)
    pictures = [load_picture(source, contract) for source in sources]
    rows, columns = (int(np.median([picture.shape[axis] for picture in pictures])) for axis in (0, 1))
    resample = FILTERS[contract.interpolation]
    return np.stack([np.asarray(Image.fromarray(item).resize((columns, rows), resample)) for item in pictures])
