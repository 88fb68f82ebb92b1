"""From a file to an upright 8-bit RGB picture: one decoder for training, service and edge.

decode -> orient (EXIF) -> colour. Pillow and NumPy only.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

from tfl.core.errors import DataError
from tfl.data.formats import DAMAGE, OPENED, kind_of, verify_checksums

if TYPE_CHECKING:
    from tfl.data.preprocess import ImagePreprocessing

ImageSource: TypeAlias = Path | str | bytes | Image.Image | npt.NDArray[np.uint8]
Pixels: TypeAlias = npt.NDArray[np.uint8]
ResizeMethod = Literal["crop", "squish", "pad"]

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
    return decode_shown(source, name, draft_for)[0]


def decode_shown(source: ImageSource, name: str, draft_for: ImagePreprocessing | None) -> tuple[Image.Image, Box]:
    """Decode a picture, and say where in the image it lies: all of it, but for a draft's last row and column.

    Arguments and errors are those of `decode`.
    """
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
