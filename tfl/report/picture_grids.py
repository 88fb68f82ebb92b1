"""Grids of pictures: answers with truth, the worst mistakes, and where the model looked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfl.core.errors import DataError
from tfl.data.contract import Floats
from tfl.data.decode import Pixels, decode
from tfl.report import _style as style
from tfl.report.tiles import Tile, save_tiles, under_heat
from tfl.tasks import Evaluation

_SIDE_PX = 240
_TILE_IN = 1.95
_CAPTION_LINE_IN = 0.15


def draw_predictions(
    files: Sequence[Path], truth: Sequence[int], outputs: Floats, labels: Sequence[str], path: Path
) -> None:
    """Draw pictures with the model's answers, and the truth where the answer is wrong.

    Args:
        files: The pictures; one that can't be read is drawn as an empty tile.
        truth: Class indices.
        outputs: `(samples, classes)` float32.
        labels: Class names.
        path: The PNG.
    """
    tiles = [
        Tile(thumbnail(file), caption(labels[true], labels[int(row.argmax())], float(row.max())), true == row.argmax())
        for file, true, row in zip(files, truth, outputs, strict=True)
    ]
    draw_tiles(tiles, path)


def draw_top_losses(evaluation: Evaluation, root: Path, path: Path, *, count: int = 12) -> None:
    """Draw the samples with the largest loss, worst first.

    Args:
        evaluation: Its `top_losses` are drawn.
        root: The folder that their paths are relative to.
        path: The PNG.
        count: How many at most.
    """
    tiles = [
        Tile(
            thumbnail(root / item.path),
            f"{caption(item.truth, item.predicted, item.confidence)}\nloss {item.loss:.2f}",
            item.truth == item.predicted,
        )
        for item in evaluation.top_losses[:count]
    ]
    draw_tiles(tiles, path)


def caption(truth: str, predicted: str, confidence: float) -> str:
    """Say the answer, and the truth where it is another."""
    mark = "✓" if truth == predicted else "✗"
    line = f"{mark} {style.shown(predicted, 16)} {confidence:.2f}"
    return line if truth == predicted else f"{line}\nis {style.shown(truth, 18)}"


def thumbnail(file: Path) -> Pixels | None:
    """Read a picture as a small one, `(height, width, 3)` uint8, or None where it can't be read."""
    from PIL import Image, ImageOps

    try:
        image = decode(file)
    except DataError:
        return None
    side = min(_SIDE_PX, max(image.size))
    return np.asarray(ImageOps.contain(image, (side, side), Image.Resampling.LANCZOS))


def draw_tiles(tiles: Sequence[Tile], path: Path, *, columns: int = 4) -> None:
    """Draw tiles row by row, and keep them one by one beside the PNG.

    A heat map, where a tile has one, is laid over a copy below its picture.
    """
    columns = max(1, min(columns, len(tiles)))
    paired = any(tile.heat is not None for tile in tiles)
    lines = max((tile.caption.count("\n") + 1 for tile in tiles), default=1)
    rows = max(1, -(-len(tiles) // columns))
    height = _TILE_IN * (2 if paired else 1) + _CAPTION_LINE_IN * lines
    figure = style.new_figure(_TILE_IN * columns, height * rows)
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.05, hspace=0.02, wspace=0.02)
    grid = figure.subplots(rows * (2 if paired else 1), columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        top = grid[row * (2 if paired else 1)][column]
        _draw_picture(top, tile)
        if paired:
            _draw_heat(grid[row * 2 + 1][column], tile)
    if not tiles:
        grid[0][0].text(0.5, 0.5, "no pictures", ha="center", fontsize=9, color=style.GREY)
    style.save(figure, path)
    save_tiles(tiles, path)


def _draw_picture(axes: Any, tile: Tile) -> None:
    colour = style.RIGHT_TEXT if tile.right else style.WRONG_TEXT
    axes.set_title(tile.caption, fontsize=8.5, color=colour, pad=4, fontweight="bold" if not tile.right else "normal")
    if tile.pixels is None:
        axes.text(0.5, 0.5, "the file can't\nbe read any more", ha="center", va="center", fontsize=8, color=style.GREY)
        axes.set_aspect("equal")
    else:
        axes.imshow(_on_paper(tile.pixels))


def _on_paper(pixels: Pixels) -> Pixels:
    """Put a picture into the middle of a white square, so that captions of a row stand at one height."""
    height, width = pixels.shape[:2]
    side = max(height, width)
    paper = np.full((side, side, 3), 255, dtype=np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    paper[top : top + height, left : left + width] = pixels
    return paper


def _draw_heat(axes: Any, tile: Tile) -> None:
    if tile.pixels is None or tile.heat is None:
        return
    if not tile.heat.any():
        axes.set_title("no place speaks for it", fontsize=8.5, color=style.GREY, pad=4)
    axes.imshow(under_heat(tile.pixels, tile.heat))
