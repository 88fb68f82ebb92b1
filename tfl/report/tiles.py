"""Tiles of a grid one by one, beside its PNG: the report shows them as a page does, in its theme and on a phone."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tfl.core.errors import ConfigError, IntegrityError
from tfl.core.records import Record
from tfl.data.decode import Pixels

_QUALITY = 85
#: What a JPEG begins with; nothing else is put into a page as one.
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True)
class Tile:
    """One picture with its answer.

    Attributes:
        pixels: `(height, width, 3)` uint8, or None where the file can't be read any more.
        caption: One or more short lines.
        right: Whether the answer is right; decides colour and mark.
        heat: `(height, width)` float32 in [0, 1] to lay over the picture, or None.
    """

    pixels: Pixels | None
    caption: str
    right: bool
    heat: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True, kw_only=True)
class ShownTile(Record):
    """A tile as a page takes it.

    Attributes:
        caption: One or more short lines.
        is_right: Whether the answer is right.
        picture: A JPEG in base64, or empty where the file could not be read.
        heated: The same under its heat map, or empty where there is none.
    """

    caption: str
    is_right: bool
    picture: str = ""
    heated: str = ""


@dataclass(frozen=True, kw_only=True)
class ShownTiles(Record):
    """The tiles of a grid, in its order."""

    tiles: tuple[ShownTile, ...]


def tiles_file(png: Path) -> Path:
    """Return where the tiles of a grid are kept, beside its PNG.

    Not as `.json`, since the records of a folder are found by that.
    """
    return png.with_suffix(".tiles")


def save_tiles(tiles: Sequence[Tile], png: Path) -> None:
    """Write the tiles beside the grid's PNG."""
    shown = (
        ShownTile(
            # A page takes no letter for mathematics, as Matplotlib takes `$`.
            caption=tile.caption.replace(r"\$", "$"),
            is_right=bool(tile.right),
            picture="" if tile.pixels is None else _jpeg(tile.pixels),
            heated="" if tile.pixels is None or tile.heat is None else _jpeg(under_heat(tile.pixels, tile.heat)),
        )
        for tile in tiles
    )
    ShownTiles(tiles=tuple(shown)).save(tiles_file(png))


def read_tiles(png: Path) -> tuple[ShownTile, ...]:
    """Return the tiles of a grid; none where they were not kept, or are not what they should be."""
    try:
        found = ShownTiles.load(tiles_file(png)).tiles
    except (OSError, ConfigError, IntegrityError):
        return ()
    # A run may come from elsewhere: what is no JPEG is not put into a page.
    return found if all(_is_jpeg(data) for tile in found for data in (tile.picture, tile.heated) if data) else ()


def under_heat(pixels: Pixels, heat: npt.NDArray[np.float32]) -> Pixels:
    """Lay a heat map over a picture, grey so that the only colours are the map's: as large as the picture."""
    from matplotlib import colormaps
    from PIL import Image

    size = (pixels.shape[1], pixels.shape[0])
    values = np.asarray(Image.fromarray(np.asarray(heat, dtype=np.float32)).resize(size, Image.Resampling.BILINEAR))
    values = np.clip(values, 0.0, 1.0)
    grey = pixels.mean(axis=2)[..., None]
    share = (0.15 + 0.55 * values)[..., None]
    colours = 255.0 * colormaps["inferno"](values)[..., :3]
    return np.asarray(np.rint(grey * (1.0 - share) + colours * share), dtype=np.uint8)


def _jpeg(pixels: Pixels) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=_QUALITY)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _is_jpeg(data: str) -> bool:
    try:
        return base64.b64decode(data, validate=True).startswith(_JPEG)
    except ValueError:
        return False
