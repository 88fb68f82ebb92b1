"""One file of a data set: read once, decoded whole, and described."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from PIL import Image, ImageFile

from tfl.core.errors import DataError
from tfl.core.extras import is_installed
from tfl.data.check.examine import Seen
from tfl.data.check.near import Look, look_of
from tfl.data.check.quality import Quality, quality_of
from tfl.data.decode import decode, read_orientation
from tfl.data.formats import DAMAGE, FORMATS
from tfl.data.preprocess import ImagePreprocessing

_TINY_PIXELS = 32
_GIANT_PIXELS = 50_000_000

#: Large JPEG files are decoded to no less than twice this, which is all that the rules look at; damage is found all
#: the same, because the decoder goes through the whole stream.
_LOOKED_AT = ImagePreprocessing(height=256, width=256, resize="squish", jpeg_draft=True)


@dataclass(frozen=True, slots=True)
class PictureSeen(Seen):
    """What one file turned out to be.

    Attributes:
        side: Length of the shorter side in pixels; 0 where the picture can't be decoded.
        look: For the search for near copies; None where the picture is too small or too plain for it.
        quality: Brightness, sharpness and the like; None where the picture is too small for it.
    """

    side: int = 0
    look: Look | None = None
    quality: Quality | None = None

    @property
    def is_usable(self) -> bool:
        return self.side > 0


@dataclass(frozen=True)
class Abilities:
    """Which optional libraries there are; looked up once, not for every file."""

    near: bool
    quality: bool

    @classmethod
    def here(cls) -> Abilities:
        """Look them up."""
        return cls(near=is_installed("imagehash"), quality=is_installed("cleanvision"))


def look_at(file: Path, path: str, abilities: Abilities) -> PictureSeen:
    """Read a file and describe it; what is wrong with it becomes a fault, never an error.

    Args:
        file: Where it lies.
        path: What messages call it.
        abilities: What can be looked for.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        return PictureSeen("", (("unreadable", f"can't be read: {error.strerror or error}"),))
    digest = hashlib.sha256(data).hexdigest()
    try:
        image = decode(data, name=path, draft_for=_LOOKED_AT)
    except DataError as error:
        reason = error.message.removeprefix(f"{path}: ").removesuffix(".")
        return PictureSeen(digest, (("unreadable", reason),))
    faults, size = _traits(data, path)
    seen = PictureSeen(digest, faults, min(size))
    if abilities.near:
        seen = replace(seen, look=look_of(image))
    if abilities.quality and min(size) >= _TINY_PIXELS:
        seen = replace(seen, quality=quality_of(image, size))
    return seen


def right_ending(data: bytes) -> str:
    """Return the ending that a picture's content asks for, such as `.png`; empty where it is no known picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                kind = image.format or ""
    except DAMAGE:
        return ""
    usual = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "PPM": ".ppm", "JPEG2000": ".jp2"}
    return usual.get(kind, f".{kind.casefold()}") if kind in FORMATS else ""


def _traits(data: bytes, path: str) -> tuple[tuple[tuple[str, str], ...], tuple[int, int]]:
    """Look at a picture that is known to decode: its faults, and its width and height as stored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            return tuple(_faults(image, path)), image.size


def _faults(image: ImageFile.ImageFile, path: str) -> Iterator[tuple[str, str]]:
    kind, mode, (width, height) = image.format or "", image.mode, image.size
    ending = PurePosixPath(path).suffix.casefold()
    if ending not in FORMATS.get(kind, {ending}):
        yield "wrong_extension", f"is a {kind} file but ends in '{ending}'"
    frames = _frame_count(image)
    if frames > 1 and kind != "MPO":
        yield "animated", f"has {frames} frames"
    if min(width, height) < _TINY_PIXELS:
        yield "tiny", f"is {width} x {height} pixels"
    if width * height > _GIANT_PIXELS:
        yield "giant", f"is {width} x {height} pixels"
    # Pillow reads 16-bit colour as 8-bit RGB; only the raw mode of the stored data tells.
    if mode.startswith(("I", "F")) or ";16" in str(image.tile):
        yield "deep_colour", "has more than 8 bits per channel"
    if mode == "CMYK":
        yield "cmyk", "has CMYK colours"
    if mode == "P" and kind != "GIF":
        yield "palette", "has a palette"
    if "A" in mode or "transparency" in image.info:
        yield "transparency", "has transparency"
    orientation = read_orientation(image)
    if orientation != 1:
        yield "rotated", f"is stored turned (EXIF orientation {orientation})"


def _frame_count(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except DAMAGE:
        # Frames after the first are not used, so that damage there does no harm.
        return 1
