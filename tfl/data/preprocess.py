"""The preprocessing contract of pictures: data, not code, with one implementation for training, service and edge.

decode -> orient (EXIF) -> colour -> resize -> scale, mean, std. Pillow and NumPy only, so that what a
model saw in training is bit for bit what it sees on a device without TensorFlow.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

from tfl.core.errors import ConfigError, UnsupportedError, UserError
from tfl.data.contract import Contract, Floats, Fusion, Inputs, InputTensor, Rows
from tfl.data.decode import Box, ImageSource, Pixels, ResizeMethod, decode, decode_shown


@dataclass(frozen=True, kw_only=True)
class ImagePreprocessing(Contract):
    """How a picture becomes the model's input: `(height, width, 3)` float32.

    Each channel is `(pixel * scale - mean) / std`, computed in float64 and rounded once to float32.

    Attributes:
        height: Rows after resizing, in pixels.
        width: Columns after resizing, in pixels.
        resize: `crop` keeps the aspect and cuts the middle, `squish` ignores the aspect, `pad` keeps all
            and fills with black.
        interpolation: Pillow's filter; every one of them is anti-aliased.
        jpeg_draft: Decode a large JPEG file to 1/2, 1/4 or 1/8 of its size, inside the decoder (scaled inverse
            DCT), where at least `DRAFT_MARGIN` times the size that the resize needs is left. Several times faster
            on photos of a phone; pixels differ a little from those of a full decode. False in records written
            without the field, which keep their pixels; True in the contracts of all backbones.
        channels: Order of the channels.
        scale: Factor on pixel values in [0, 255].
        mean: Per channel, in the order of `channels`, after scaling.
        std: Per channel, in the order of `channels`, after scaling.
        fused: What of this the model file does inside its graph: `none`; `normalize`, channel order, scale, mean and
            std, so that its input is `(height, width, 3)` uint8 RGB; or `resize`, these and the resizing, so that its
            input is the decoded upright picture, uint8 RGB of any size. Whoever prepares an input leaves that out.
    """

    reading: ClassVar[str] = "decoding and resizing"

    height: int
    width: int
    resize: ResizeMethod = "crop"
    interpolation: Literal["bilinear", "bicubic", "lanczos"] = "bilinear"
    jpeg_draft: bool = False
    channels: Literal["rgb", "bgr"] = "rgb"
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    fused: Fusion = "none"

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ConfigError(f"height, width: must be at least 1. Received: {self.height} x {self.width}.")
        if 0.0 in self.std:
            raise ConfigError(f"std: must not be zero. Received: {self.std}.")

    @property
    def value_range(self) -> tuple[float, float]:
        """The smallest and the largest value the model's input can take."""
        table = _table(self.left_to_caller)
        return float(table.min()), float(table.max())

    @property
    def left_to_caller(self) -> ImagePreprocessing:
        """The contract as a caller sees it: what is fused is taken out, so that nobody does it a second time."""
        if self.fused == "none":
            return self
        return dataclasses.replace(self, channels="rgb", scale=1.0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))

    @property
    def row_shape(self) -> tuple[int, ...]:
        """See `Contract.row_shape`."""
        return (self.height, self.width, 3)

    @property
    def row_dtype(self) -> np.dtype[Any]:
        """See `Contract.row_dtype`."""
        return np.dtype(np.uint8)

    @property
    def rows_key(self) -> str:
        """See `Contract.rows_key`; only size, resize method, interpolation and `jpeg_draft` matter."""
        way = f"{self.height}x{self.width} {self.resize} {self.interpolation} {PIL.__version__}"
        return f"{way}{' jpeg_draft' if self.jpeg_draft else ''}"

    @property
    def fusion(self) -> Fusion:
        """See `Contract.fusion`."""
        return self.fused

    def with_fusion(self, fusion: Fusion) -> ImagePreprocessing:
        """See `Contract.with_fusion`."""
        return dataclasses.replace(self, fused=fusion)

    @property
    def summary(self) -> str:
        """See `Contract.summary`."""
        return f"{self.height} x {self.width} x 3"

    @property
    def input(self) -> InputTensor:
        """See `Contract.input`."""
        if self.fused == "resize":
            meaning = "decoded upright RGB picture of any size, 0 to 255; resized and normalized inside"
            return InputTensor("image", (-1, -1, -1, 3), "uint8", meaning)
        shape = (-1, *self.row_shape)
        if self.fused == "normalize":
            return InputTensor("image", shape, "uint8", "resized RGB picture, 0 to 255; normalized inside")
        low, high = self.value_range
        meaning = f"{self.channels.upper()} picture, preprocessed by the contract to [{low:.4g}, {high:.4g}]"
        return InputTensor("image", shape, "float32", meaning)

    @property
    def described(self) -> tuple[tuple[str, str], ...]:
        """See `Contract.described`."""
        return (
            ("input", f"{self.height} x {self.width} {self.channels}, {self.resize}, {self.interpolation}"),
            ("values", f"(pixel * {self.scale:.6g} - {self.mean}) / {self.std}"),
        )

    def draw_rows(self, count: int, *, seed: int) -> Pixels:
        """See `Contract.draw_rows`."""
        return np.random.default_rng(seed).integers(0, 256, (count, *self.row_shape), dtype=np.uint8)

    def misread(self, rows: Rows) -> Rows:
        """See `Contract.misread`: red and blue are swapped."""
        return np.ascontiguousarray(rows[..., ::-1])

    def source_of(self, argument: str) -> Path:
        """See `Contract.source_of`."""
        return Path(argument)

    def read(self, source: ImageSource, *, name: str = "") -> Pixels:
        """Decode and resize one picture: `(height, width, 3)` uint8 RGB.

        Raises:
            DataError: The picture can't be decoded.
        """
        image, shown = decode_shown(source, name, self)
        return resize(image, self, shown=shown)

    def prepare(self, rows: Rows) -> Inputs:
        """Turn `(..., height, width, 3)` uint8 RGB, resized by the contract, into the model file's input."""
        return normalize(cast(Pixels, rows), self) if self.fused == "none" else np.ascontiguousarray(rows)

    def open_source(self, source: ImageSource) -> Image.Image:
        """See `Contract.open_source`."""
        return decode(source, draft_for=self)

    def prepare_opened(self, opened: Image.Image) -> Inputs:
        """See `Contract.prepare_opened`."""
        pixels = np.asarray(opened) if self.fused == "resize" else resize(opened, self)
        return self.prepare(pixels[None])

    def load_batch(self, sources: Sequence[ImageSource]) -> Inputs:
        """Decode pictures and prepare them: `(batch, rows, columns, 3)` float32 or uint8, as the model file takes it.

        Raises:
            DataError: A picture can't be decoded.
            UserError: The model file resizes by itself and the pictures are of different sizes; see `input_batches`.
        """
        if self.fused != "resize" or not sources:
            return super().load_batch(sources)
        pictures = [load_picture(source, self) for source in sources]
        sizes = sorted({picture.shape[:2] for picture in pictures})
        if len(sizes) > 1:
            raise UserError(
                "The model file resizes pictures itself, so those of one batch must be of one size. "
                f"Received: {sizes}.",
                hint="Give it one picture at a time.",
            )
        return np.stack(pictures)

    def input_batches(self, sources: Sequence[ImageSource], *, size: int) -> Iterator[Inputs]:
        """See `Contract.input_batches`; batches are of one where the model file resizes by itself."""
        return super().input_batches(sources, size=1 if self.fused == "resize" else size)

    def load_uniform(self, sources: Sequence[ImageSource]) -> Inputs:
        """See `Contract.load_uniform`; a file that resizes by itself gets pictures brought to their median size."""
        if self.fused != "resize":
            return self.load_batch(sources)
        pictures = [load_picture(source, self) for source in sources]
        rows, columns = (int(np.median([picture.shape[axis] for picture in pictures])) for axis in (0, 1))
        resample = FILTERS[self.interpolation]
        return np.stack([np.asarray(Image.fromarray(item).resize((columns, rows), resample)) for item in pictures])


FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resize(image: Image.Image, contract: ImagePreprocessing, *, shown: Box | None = None) -> Pixels:
    """Bring an RGB picture to `(height, width, 3)` uint8 as the contract says.

    Args:
        image: 8-bit RGB.
        contract: Size, method and filter.
        shown: Where in the image the picture lies; all of it by default.
    """
    shown = shown or (0.0, 0.0, float(image.width), float(image.height))
    size = (contract.width, contract.height)
    resample = FILTERS[contract.interpolation]
    if contract.resize == "squish":
        return np.asarray(image.resize(size, resample, box=shown))
    if contract.resize == "pad":
        return _pad(image, size, resample, shown)
    width, height = shown[2] - shown[0], shown[3] - shown[1]
    ratio = min(width / contract.width, height / contract.height)
    box_width, box_height = contract.width * ratio, contract.height * ratio
    # Rounding can make the box a hair larger than the picture, which Pillow refuses.
    left, top = shown[0] + max(0.0, (width - box_width) / 2), shown[1] + max(0.0, (height - box_height) / 2)
    box = (left, top, min(left + box_width, shown[2]), min(top + box_height, shown[3]))
    return np.asarray(image.resize(size, resample, box=box))


def _pad(image: Image.Image, size: tuple[int, int], resample: Image.Resampling, shown: Box) -> Pixels:
    sides = shown[2] - shown[0], shown[3] - shown[1]
    ratio = min(size[0] / sides[0], size[1] / sides[1])
    # A hairline keeps one pixel.
    width, height = (max(1, round(side * ratio)) for side in sides)
    small = image.resize((width, height), resample, box=shown)
    padded = Image.new("RGB", size)
    padded.paste(small, (round((size[0] - width) / 2), round((size[1] - height) / 2)))
    return np.asarray(padded)


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
    same = bool((table == table[:, :1]).all())
    columns = [np.ascontiguousarray(table[:, channel]) for channel in range(3)]
    # One picture at a time stays in the processor's cache, and `clip` spares a copy; all indices are in range.
    for place in np.ndindex(pixels.shape[:-3]):
        if same:
            np.take(columns[0], pixels[place], out=result[place], mode="clip")
            continue
        for channel, column in enumerate(columns):
            result[place][..., channel] = np.take(column, pixels[place][..., channel], mode="clip")
    return result


def as_pictures(contract: Contract, *, purpose: str) -> ImagePreprocessing:
    """Return a contract that must be one of pictures.

    Raises:
        UnsupportedError: It is another one.
    """
    if not isinstance(contract, ImagePreprocessing):
        raise UnsupportedError(f"{purpose} is for pictures; the model takes: {contract.input.meaning}.")
    return contract


def load_picture(source: ImageSource, contract: ImagePreprocessing, *, name: str = "") -> Pixels:
    """Decode one picture for a model file that resizes it itself: `(rows, columns, 3)` uint8 RGB.

    Of a draft, the last row and column are left out where the picture fills less than half of them.

    Raises:
        DataError: The picture can't be decoded.
    """
    image, shown = decode_shown(source, name, contract)
    left, upper, right, lower = (round(edge) for edge in shown)
    return np.asarray(image)[upper:lower, left:right]
