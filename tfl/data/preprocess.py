"""The preprocessing contract: data, not code, with one implementation for training, service and edge.

decode -> orient (EXIF) -> colour -> resize -> scale, mean, std. Pillow and NumPy only, so that what a
model saw in training is bit for bit what it sees on a device without TensorFlow.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from tfl.core.errors import ConfigError, DataError
from tfl.core.records import Record
from tfl.data.formats import DAMAGE, OPENED, kind_of, verify_checksums

ImageSource: TypeAlias = Path | str | bytes | Image.Image | npt.NDArray[np.uint8]
Pixels: TypeAlias = npt.NDArray[np.uint8]
Floats: TypeAlias = npt.NDArray[np.float32]
ResizeMethod = Literal["crop", "squish", "pad"]
#: What of the contract a model file does itself; each does what those before it do.
Fusion = Literal["none", "normalize", "resize"]

#: Pillow's own limit for a decompression bomb; above it a picture is refused, never merely warned about.
MAX_PIXELS = 178_956_970

#: A JPEG is never decoded to less than this many times the size that the resize needs. Smaller is faster, because
#: more of the inverse DCT is left out, and blurs more; docs/data-speed.md has the figures.
DRAFT_MARGIN = 1.25

#: Part of an image that shows the picture: left, upper, right, lower in pixels.
Box: TypeAlias = tuple[float, float, float, float]

#: EXIF orientation -> what turns the picture upright (Exif 2.32, table 6).
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


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


def decode(source: ImageSource, *, name: str = "", draft_for: ImagePreprocessing | None = None) -> Image.Image:
    """Decode a picture to upright 8-bit RGB.

    EXIF orientation is applied; of an animation the first frame is taken; transparency is laid on
    white; 16-bit and float grey are scaled linearly to 8 bits.

    Args:
        source: A path, the bytes of a file, a Pillow image, or `(height, width[, 3 or 4])` uint8 grey, RGB or RGBA.
        name: What the message calls it; the path by default.
        draft_for: Decode a JPEG file or its bytes only as large as this contract needs, if its `jpeg_draft` is
            set. Pillow images and arrays are decoded already and are never made smaller here.

    Raises:
        DataError: The file is missing, empty, truncated, not a picture, or over `MAX_PIXELS`.
    """
    return _decode(source, name, draft_for)[0]


def _decode(source: ImageSource, name: str, draft_for: ImagePreprocessing | None) -> tuple[Image.Image, Box]:
    """Decode a picture, and say where in the image it lies: all of it, but for a draft's last row and column."""
    if isinstance(source, Image.Image):
        try:
            return _whole(_to_rgb(source))
        except DAMAGE as error:
            raise _damaged(name or "the picture", error) from error
    if isinstance(source, np.ndarray):
        return _whole(_decode_array(source))
    name = name or (str(source) if isinstance(source, (str, Path)) else "the picture")
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise DataError(f"{name}: can't be read: {error.strerror or error}.") from error
    if not data:
        raise DataError(f"{name}: the file is empty (0 bytes).")
    return _decode_bytes(data, name, draft_for)


def _whole(image: Image.Image) -> tuple[Image.Image, Box]:
    return image, (0.0, 0.0, float(image.width), float(image.height))


def _decode_array(source: npt.NDArray[np.uint8]) -> Image.Image:
    fits = source.ndim == 2 or (source.ndim == 3 and source.shape[2] in (3, 4))
    if source.dtype != np.uint8 or not fits or source.size == 0:
        raise DataError(
            f"An image array must be (height, width[, 3 or 4]) uint8, not empty. "
            f"Received: {source.shape} {source.dtype}."
        )
    return _to_rgb(Image.fromarray(source))


def _decode_bytes(data: bytes, name: str, draft_for: ImagePreprocessing | None) -> tuple[Image.Image, Box]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=OPENED) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise DataError(
                        f"{name}: {image.width} x {image.height} pixels is over the limit of {MAX_PIXELS:,}."
                    )
                if image.format == "PNG":
                    verify_checksums(data)
                shown = _draft(image, draft_for)
                turn, size = read_orientation(image), image.size
                return _to_rgb(image), _turned(shown, size, turn)
    except UnidentifiedImageError as error:
        raise DataError(f"{name}: not a picture that can be read ({kind_of(data)}).") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{name}: more pixels than the limit of {MAX_PIXELS:,}.") from error
    except DAMAGE as error:
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> DataError:
    return DataError(f"{name}: the picture is damaged: {str(error).rstrip('.') or type(error).__name__}.")


def _draft(image: Image.Image, contract: ImagePreprocessing | None) -> tuple[float, float]:
    """Tell the JPEG decoder how small it may decode; other formats have no such decoder.

    Returns:
        Width and height of the picture in the image to come. A draft is a whole number of pixels, rounded up, so that
        its last column and row may show the picture in part only.
    """
    if contract is None or not contract.jpeg_draft or image.format not in ("JPEG", "MPO"):
        return image.size
    lies = read_orientation(image) >= 5
    stored = (contract.height, contract.width) if lies else (contract.width, contract.height)
    scale = draft_scale(image.size, stored, contract.resize)
    size = image.size
    drafted = image.draft(None, (size[0] // scale, size[1] // scale)) if scale > 1 else None
    return size if drafted is None else (drafted[1][2], drafted[1][3])


def _turned(shown: tuple[float, float], size: tuple[int, int], orientation: int) -> Box:
    """Return where the picture lies after `size` is turned upright; before, it begins at the upper left corner."""
    (width, height), (right, lower) = shown, size
    left_most, upper_most = (0.0, width), (0.0, height)
    right_most, lower_most = (right - width, float(right)), (lower - height, float(lower))
    across, down = {
        1: (left_most, upper_most),
        2: (right_most, upper_most),
        3: (right_most, lower_most),
        4: (left_most, lower_most),
        5: (upper_most, left_most),
        6: (lower_most, left_most),
        7: (lower_most, right_most),
        8: (upper_most, right_most),
    }[orientation]
    return across[0], down[0], across[1], down[1]


def draft_scale(size: tuple[int, int], target: tuple[int, int], method: ResizeMethod) -> int:
    """Return by how much a JPEG may be decoded smaller: 1, 2, 4 or 8.

    Args:
        size: Width and height of the file's picture, in pixels.
        target: Width and height of the model's input, as the file's picture lies.
        method: `crop` and `squish` are held by the side that shrinks least, `pad` by the one that shrinks most.
    """
    ratios = (size[0] / target[0], size[1] / target[1])
    room = (max(ratios) if method == "pad" else min(ratios)) / DRAFT_MARGIN
    return next((scale for scale in (8, 4, 2) if scale <= room and scale <= min(size)), 1)


def read_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1, which is upright, where it is absent or can't be read."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except DAMAGE:
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    image.load()
    turn = _TURNS.get(read_orientation(image))
    if turn is not None:
        image = image.transpose(turn)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = Image.fromarray(_grey_to_8_bit(image))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        paper = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        image = Image.alpha_composite(paper, layer)
    return image.convert("RGB")


def _grey_to_8_bit(image: Image.Image) -> Pixels:
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    # Pillow reads a 16-bit PNG as I;16 or I; a float picture is taken as [0, 1] unless it goes beyond.
    float_top = 1.0 if values.size == 0 or values.max() <= 1.0 else 255.0
    top = float_top if image.mode == "F" else 65535.0
    return np.clip(np.rint(values / top * 255.0), 0, 255).astype(np.uint8)


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


def load_pixels(source: ImageSource, contract: ImagePreprocessing, *, name: str = "") -> Pixels:
    """Decode and resize one picture: `(height, width, 3)` uint8 RGB.

    Raises:
        DataError: The picture can't be decoded.
    """
    image, shown = _decode(source, name, contract)
    return resize(image, contract, shown=shown)


def load_picture(source: ImageSource, contract: ImagePreprocessing, *, name: str = "") -> Pixels:
    """Decode one picture for a model file that resizes it itself: `(rows, columns, 3)` uint8 RGB.

    Of a draft, the last row and column are left out where the picture fills less than half of them.

    Raises:
        DataError: The picture can't be decoded.
    """
    image, shown = _decode(source, name, contract)
    left, upper, right, lower = (round(edge) for edge in shown)
    return np.asarray(image)[upper:lower, left:right]
