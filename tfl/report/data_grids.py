"""Pictures of data before training: ways of resizing side by side, and what augmentation makes of a sample."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, get_args

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from tfl.backbones import SOURCES, parse_spec
from tfl.core.augmentation import AugmentConfig, knob_text
from tfl.core.errors import DataError, UserError, closest
from tfl.core.files import write_atomic
from tfl.data.contract import Floats
from tfl.data.decode import Pixels, ResizeMethod, decode
from tfl.data.manifest import Example, Manifest
from tfl.data.preprocess import ImagePreprocessing, as_pictures, resize
from tfl.training.augment import make_augmenter
from tfl.training.crop import make_cropper, presized
from tfl.training.feed import one_hot
from tfl.training.mix import make_mixer

#: What `--resize` can show: the contract's methods, and the one for training pictures alone.
RANDOM_CROP = "random_resized_crop"
RESIZE_METHODS: tuple[str, ...] = (*get_args(ResizeMethod), RANDOM_CROP)
#: The range of areas that is shown where none is set.
SHOWN_CROP_SCALE = (0.5, 1.0)

_TILE_PX, _GAP_PX, _MARGIN_PX, _FONT_PX = 168, 10, 14, 13
_TEXT, _FAINT, _PAPER, _BEHIND = "#20242A", "#5F6670", "#FFFFFF", "#E9ECEF"
_DOTS = "..."
Font: TypeAlias = ImageFont.ImageFont | ImageFont.FreeTypeFont


@dataclass(frozen=True)
class Tile:
    """One picture and the line below it."""

    picture: Image.Image
    caption: str = ""


@dataclass(frozen=True)
class Column:
    """A title and a tile for every row."""

    title: str
    tiles: tuple[Tile, ...]


def draw_data(
    manifest: Manifest,
    backbone: str,
    *,
    methods: Sequence[str] = (),
    augmentation: AugmentConfig | None = None,
    samples: int = 4,
    views: int = 5,
    seed: int = 0,
) -> tuple[Image.Image, tuple[Example, ...]]:
    """Draw a few samples as they are, then resized by each method, then augmented: one row per sample.

    Args:
        manifest: Of the data.
        backbone: Whose input contract, `source:name`.
        methods: Names of `RESIZE_METHODS`.
        augmentation: Resolved; None draws no augmented views.
        samples: How many at most.
        views: Augmented views of each.
        seed: Of the draws.

    Returns:
        The picture, and which examples it shows.

    Raises:
        NotFoundError: There is no such backbone.
        UserError: A number or a name makes no sense, or nothing is to be shown.
        DataError: A picture can't be decoded.
    """
    source, name = parse_spec(backbone)
    contract = as_pictures(SOURCES.get(source).info(name).preprocessing, purpose="Drawing resized pictures")
    examples = choose_examples(manifest, samples)
    originals = read_originals(examples, manifest.root, contract)
    knobs = augmentation or AugmentConfig()
    columns = [original_column(examples, originals)]
    if methods or augmentation is None:
        columns += resize_columns(originals, contract, methods, augmentation=knobs, seed=seed)
    if augmentation is not None:
        columns += augment_columns(examples, originals, contract, augmentation=knobs, views=views, seed=seed)
    title = f"{backbone}, {contract.width} x {contract.height}"
    if augmentation is not None:
        title += "; drawn: " + ", ".join(f"{name} {knob_text(value)}" for name, value in knobs.active().items())
    return draw_columns(columns, title=title), examples


def choose_examples(manifest: Manifest, count: int) -> tuple[Example, ...]:
    """Take training samples, one per class in turn, of as many classes as fit.

    Args:
        manifest: Where it knows splits, only those of `train`.
        count: At least 1.

    Raises:
        UserError: The count is below 1.
        DataError: There are no samples to train on.
    """
    if count < 1:
        raise UserError(f"samples: must be at least 1. Received: {count}.")
    examples = [
        item
        for item in manifest.examples
        if item.split in (None, "train") and (item.given_split or "train").lower().startswith("train")
    ]
    if not examples:
        raise DataError(f"{manifest.source or manifest.root}: there are no training samples to show.")
    per_class: dict[str, list[Example]] = {}
    for item in examples:
        per_class.setdefault(item.label, []).append(item)
    labels = sorted(per_class)
    spread = [labels[index * len(labels) // min(count, len(labels))] for index in range(min(count, len(labels)))]
    rounds = max(len(items) for items in per_class.values())
    ordered = [per_class[label][turn] for turn in range(rounds) for label in spread if turn < len(per_class[label])]
    return tuple(ordered[:count])


def read_originals(examples: Sequence[Example], root: str | Path, contract: ImagePreprocessing) -> list[Image.Image]:
    """Decode pictures upright, JPEG files only as large as training needs them.

    Raises:
        DataError: A picture can't be decoded.
    """
    return [decode(Path(root) / item.path, draft_for=presized(contract)) for item in examples]


def original_column(examples: Sequence[Example], originals: Sequence[Image.Image]) -> Column:
    """Return the first column: pictures as they are, with their labels."""
    return Column(
        "original", tuple(Tile(picture, item.label) for item, picture in zip(examples, originals, strict=True))
    )


def resize_columns(
    originals: Sequence[Image.Image],
    contract: ImagePreprocessing,
    methods: Sequence[str],
    *,
    augmentation: AugmentConfig,
    seed: int,
) -> list[Column]:
    """Resize each picture by each method, to the contract's size.

    Args:
        originals: Decoded.
        contract: Of the model; its own method is marked.
        methods: Names of `RESIZE_METHODS`.
        augmentation: Its `crop_scale` and `crop_ratio` say what boxes are drawn.
        seed: Of the random boxes.

    Raises:
        UserError: There is no such method.
    """
    unknown = [name for name in methods if name not in RESIZE_METHODS]
    if unknown or not methods:
        name = unknown[0] if unknown else ""
        raise UserError(
            f"There is no way to resize '{name}'.{closest(name, RESIZE_METHODS)}",
            hint=f"Known: {', '.join(RESIZE_METHODS)}; all shows every one.",
        )
    columns = []
    for method in methods:
        if method == RANDOM_CROP:
            boxes = dataclasses.replace(augmentation, crop_scale=augmentation.crop_scale or SHOWN_CROP_SCALE)
            large = np.stack([resize(picture, presized(contract)) for picture in originals])
            pixels: Sequence[Pixels] = list(make_cropper(boxes, contract, seed=seed)(large, 0, 0))
            title = method
        else:
            chosen = dataclasses.replace(contract, resize=_method(method))
            pixels = [resize(picture, chosen) for picture in originals]
            title = f"{method} (the model's)" if method == contract.resize else method
        columns.append(Column(title, tuple(Tile(Image.fromarray(row)) for row in pixels)))
    return columns


def _method(name: str) -> ResizeMethod:
    return next(method for method in get_args(ResizeMethod) if method == name)


def augment_columns(
    examples: Sequence[Example],
    originals: Sequence[Image.Image],
    contract: ImagePreprocessing,
    *,
    augmentation: AugmentConfig,
    views: int,
    seed: int,
) -> list[Column]:
    """Draw views of each picture as training draws them: each column is an epoch, each of its rows a sample.

    Args:
        examples: For the labels, which are shown where pictures are mixed.
        originals: Decoded.
        contract: Of the model.
        augmentation: Resolved.
        views: How many, at least 1.
        seed: Of the draws.

    Raises:
        UserError: There are no views, or nothing is to be changed.
    """
    if views < 1:
        raise UserError(f"views: must be at least 1. Received: {views}.")
    if not augmentation.changes_pictures:
        raise UserError(
            "There is no augmentation to show: every knob is off.",
            hint="Choose a preset (light, standard, strong) or set a knob, such as augment.rotation=0.1.",
        )
    start = contract if augmentation.crop_scale is None else presized(contract)
    pixels = np.stack([resize(picture, start) for picture in originals])
    labels = sorted({item.label for item in examples})
    rows = one_hot(np.asarray([labels.index(item.label) for item in examples], dtype=np.int32), len(labels))
    prepare, mix = make_augmenter(augmentation, contract, seed=seed), make_mixer(augmentation, seed=seed)
    columns = []
    for view in range(views):
        inputs: Any = prepare(pixels, view, 0)
        answers = rows
        if mix is not None:
            inputs, answers = mix(inputs, rows, view, 0)
        tiles = [
            Tile(Image.fromarray(row), "" if mix is None else _shares(answer, labels))
            for row, answer in zip(visible(inputs, contract), answers, strict=True)
        ]
        columns.append(Column(f"drawn {view + 1}", tuple(tiles)))
    return columns


def _shares(row: Floats, labels: Sequence[str]) -> str:
    return " + ".join(f"{row[index]:.2f} {labels[index]}" for index in np.argsort(-row)[:2] if row[index] >= 0.005)


def visible(inputs: Floats, contract: ImagePreprocessing) -> Pixels:
    """Turn the model's input `(..., 3)` float32 back into uint8 RGB, rounded and clipped."""
    pixels = (inputs.astype(np.float64) * np.asarray(contract.std) + np.asarray(contract.mean)) / contract.scale
    if contract.channels == "bgr":
        pixels = pixels[..., ::-1]
    rounded: Pixels = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return rounded


def draw_columns(columns: Sequence[Column], *, title: str) -> Image.Image:
    """Draw columns of tiles with titles and captions on white.

    Args:
        columns: Each with as many tiles.
        title: Above all.
    """
    font, bold = ImageFont.load_default(_FONT_PX), ImageFont.load_default(_FONT_PX + 3)
    line = round(_FONT_PX * 1.5)
    row_height = _TILE_PX + line + _GAP_PX
    width = 2 * _MARGIN_PX + len(columns) * (_TILE_PX + _GAP_PX) - _GAP_PX
    lines = _wrapped(title, bold, width - 2 * _MARGIN_PX)
    top = _MARGIN_PX + (len(lines) + 1) * line + _GAP_PX
    height = top + len(columns[0].tiles) * row_height + _MARGIN_PX - _GAP_PX
    paper = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(paper)
    for number, text in enumerate(lines):
        start = (_MARGIN_PX, _MARGIN_PX - 4 + number * line)
        draw.text(start, _fitted(text, bold, width - 2 * _MARGIN_PX), fill=_TEXT, font=bold)
    for number, column in enumerate(columns):
        left = _MARGIN_PX + number * (_TILE_PX + _GAP_PX)
        draw.text((left, top - line), _fitted(column.title, font, _TILE_PX), fill=_TEXT, font=font)
        for row, tile in enumerate(column.tiles):
            place = top + row * row_height
            paper.paste(_framed(tile.picture), (left, place))
            caption = _fitted(tile.caption, font, _TILE_PX)
            draw.text((left, place + _TILE_PX + 2), caption, fill=_FAINT, font=font)
    return paper


def _framed(picture: Image.Image) -> Image.Image:
    """Fit a picture into a tile on grey, so that black borders of `pad` are seen as a part of it."""
    tile = Image.new("RGB", (_TILE_PX, _TILE_PX), _BEHIND)
    fitted = ImageOps.contain(picture, (_TILE_PX, _TILE_PX), Image.Resampling.BICUBIC)
    tile.paste(fitted, ((_TILE_PX - fitted.width) // 2, (_TILE_PX - fitted.height) // 2))
    return tile


def _wrapped(text: str, font: Font, width: int) -> list[str]:
    """Break a line at spaces where it is too long."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _fitted(text: str, font: Font, width: int) -> str:
    """Shorten a line until it fits."""
    line = "".join(char if char.isprintable() else " " for char in text)
    if isinstance(font, ImageFont.ImageFont):
        # The bitmap font of a Pillow without FreeType knows Latin-1 alone and raises on the rest of Unicode.
        line = line.encode("latin-1", "replace").decode("latin-1")
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + _DOTS) > width:
        line = line[:-1]
    return line.rstrip() + _DOTS


def save_png(picture: Image.Image, path: Path) -> None:
    """Write a PNG, whole or not at all.

    Raises:
        JobError: The disk is full, or the folder can't be written.
    """
    write_atomic(path, lambda file: picture.save(file, format="PNG"))
