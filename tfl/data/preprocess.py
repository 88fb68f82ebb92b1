"""The preprocessing contract: data, not code, with one implementation for training, service and edge.

decode -> orient (EXIF) -> colour -> resize -> scale, mean, std. Pillow and NumPy only, so that what a
model saw in training is bit for bit what it sees on a device without TensorFlow.
"""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from tfl.core.errors import ConfigError, DataError
from tfl.core.records import Record

ImageSource: TypeAlias = Path | str | bytes | Image.Image | npt.NDArray[np.uint8]
Pixels: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float32]

#: Pillow's own limit for a decompression bomb; above it a picture is refused, never merely warned about.
MAX_PIXELS = 178_956_970


@dataclass(frozen=True, kw_only=True)
class ImagePreprocessing(Record):
    """How a picture becomes the model's input: `(height, width, 3)` float32.

    Each channel is `(pixel * scale - mean) / std`, computed in float64 and rounded once to float32.

    Attributes:
        height: Rows after resizing, in pixels.
        width: Columns after resizing, in pixels.
        resize: `crop` keeps the aspect and cuts the middle, `squish` ignores the aspect, `pad` keeps all
            and fills with black.
        interpolation: Pillow's filter; every one of them is anti-aliased.
        channels: Order of the channels.
        scale: Factor on pixel values in [0, 255].
        mean: Per channel, in the order of `channels`, after scaling.
        std: Per channel, in the order of `channels`, after scaling.
    """

    height: int
    width: int
    resize: Literal["crop", "squish", "pad"] = "crop"
    interpolation: Literal["bilinear", "bicubic", "lanczos"] = "bilinear"
    channels: Literal["rgb", "bgr"] = "rgb"
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ConfigError(f"height, width: must be at least 1. Received: {self.height} x {self.width}.")
        if 0.0 in self.std:
            raise ConfigError(f"std: must not be zero. Received: {self.std}.")

    @property
    def value_range(self) -> tuple[float, float]:
        """The smallest and the largest value the model's input can take."""
        table = _table(self)
        return float(table.min()), float(table.max())


def decode(source: ImageSource, *, name: str = "") -> Image.Image:
    """Decode a picture to upright 8-bit RGB.

    EXIF orientation is applied; of an animation the first frame is taken; transparency is laid on
    white; 16-bit and float grey are scaled linearly to 8 bits.

    Args:
        source: A path, the bytes of a file, a Pillow image, or `(height, width[, 3])` uint8.
        name: What the message calls it; the path by default.

    Raises:
        DataError: The file is missing, empty, truncated, not a picture, or over `MAX_PIXELS`.
    """
    if isinstance(source, Image.Image):
        return _to_rgb(source)
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim not in (2, 3):
            raise DataError(
                f"An image array must be (height, width[, 3]) uint8. Received: {source.shape} {source.dtype}."
            )
        return _to_rgb(Image.fromarray(source))
    name = name or (str(source) if isinstance(source, (str, Path)) else "the picture")
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise DataError(f"{name}: can't be read: {error.strerror or error}.") from error
    if not data:
        raise DataError(f"{name}: the file is empty (0 bytes).")
    return _decode_bytes(data, name)


def _decode_bytes(data: bytes, name: str) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise DataError(
                        f"{name}: {image.width} x {image.height} pixels is over the limit of {MAX_PIXELS:,}."
                    )
                return _to_rgb(image)
    except UnidentifiedImageError as error:
        raise DataError(f"{name}: not a picture that can be read (starts with {data[:8]!r}).") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{name}: more pixels than the limit of {MAX_PIXELS:,}.") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
        raise DataError(f"{name}: the picture is damaged: {error}.") from error


def _to_rgb(image: Image.Image) -> Image.Image:
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = Image.fromarray(_grey_to_8_bit(image))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        image = Image.alpha_composite(paper, layer)
    return image.convert("RGB")


def _grey_to_8_bit(image: Image.Image) -> Pixels:
    values = np.asarray(image, dtype=np.float64)
    # Pillow reads a 16-bit PNG as I;16 or I; a float picture is taken as [0, 1] unless it goes beyond.
    float_top = 1.0 if values.size == 0 or values.max() <= 1.0 else 255.0
    top = float_top if image.mode == "F" else 65535.0
    return np.clip(np.rint(values / top * 255.0), 0, 255).astype(np.uint8)


_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resize(image: Image.Image, contract: ImagePreprocessing) -> Pixels:
    """Bring an RGB picture to `(height, width, 3)` uint8 as the contract says."""
    size = (contract.width, contract.height)
    resample = _FILTERS[contract.interpolation]
    if contract.resize == "squish":
        return np.asarray(image.resize(size, resample))
    if contract.resize == "pad":
        return np.asarray(ImageOps.pad(image, size, resample, color=(0, 0, 0)))
    ratio = min(image.width / contract.width, image.height / contract.height)
    box_width, box_height = contract.width * ratio, contract.height * ratio
    # Rounding can make the box a hair larger than the picture, which Pillow refuses.
    left, top = max(0.0, (image.width - box_width) / 2), max(0.0, (image.height - box_height) / 2)
    box = (left, top, min(left + box_width, image.width), min(top + box_height, image.height))
    return np.asarray(image.resize(size, resample, box=box))


@functools.lru_cache(maxsize=16)
def _table(contract: ImagePreprocessing) -> Floats:
    """The 256 possible values of each channel, `(256, 3)` float32: every pixel is looked up, never computed."""
    pixels = np.arange(256, dtype=np.float64)[:, None] * contract.scale
    values: npt.NDArray[np.float64] = (pixels - np.asarray(contract.mean)) / np.asarray(contract.std)
    return values.astype(np.float32)


def normalize(pixels: Pixels, contract: ImagePreprocessing) -> Floats:
    """Turn `(..., height, width, 3)` uint8 RGB into the model's float32 input, in the contract's channel order."""
    table = _table(contract)
    if contract.channels == "bgr":
        pixels = pixels[..., ::-1]
    result = np.empty(pixels.shape, dtype=np.float32)
    for channel in range(3):
        np.take(table[:, channel], pixels[..., channel], out=result[..., channel])
    return result


def load_pixels(source: ImageSource, contract: ImagePreprocessing, *, name: str = "") -> Pixels:
    """Decode and resize one picture: `(height, width, 3)` uint8 RGB.

    Raises:
        DataError: The picture can't be decoded.
    """
    return resize(decode(source, name=name), contract)


def load_batch(sources: Iterable[ImageSource], contract: ImagePreprocessing) -> Floats:
    """Decode, resize and normalize pictures: `(batch, height, width, 3)` float32.

    Raises:
        DataError: A picture can't be decoded.
    """
    pixels = [load_pixels(source, contract) for source in sources]
    if not pixels:
        return np.empty((0, contract.height, contract.width, 3), dtype=np.float32)
    return normalize(np.stack(pixels), contract)
