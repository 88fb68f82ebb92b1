"""Random changes of training pictures as a record: every knob by its name, and presets that are tables of the same."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal, get_args

from tfl.core.errors import ConfigError
from tfl.core.records import Record

Augmentation = Literal["none", "light", "standard", "strong"]
Flip = Literal["none", "horizontal", "vertical", "both"]

#: Knob -> the largest number it takes; the smallest is 0, which turns it off.
LARGEST = {
    "rotation": 0.5,
    "zoom": 0.9,
    "translation": 0.9,
    "shear": 0.9,
    "perspective": 1.0,
    "brightness": 1.0,
    "contrast": 1.0,
    "saturation": 0.5,
    "hue": 1.0,
    "blur": 1.0,
    "noise": 128.0,
    "erasing": 1.0,
    "rand_augment": 1.0,
    "mixup": 10.0,
    "cutmix": 10.0,
}


@dataclass(frozen=True, kw_only=True)
class AugmentConfig(Record):
    """How training pictures are changed at random; never those of validation and test, never in an exported model.

    Every knob is None for what the preset (`train.augmentation`) says; a number overrides it, and 0 turns it off.
    Sizes are the largest ones: what is drawn lies between 0 and them, in either direction where nothing else is said.

    The head learns from frozen features of the untouched picture and of augmented views of it; mixing is done in these
    views, where labels become shares, and in fine-tuning, never in the untouched view.

    Attributes:
        flip: `none`, `horizontal` (left to right), `vertical` or `both`; each is done to half of the pictures.
        rotation: Turn as a share of a full circle, in [0, 0.5]; 0.1 is 36 degrees.
        zoom: As a share of the side, in [0, 0.9].
        translation: Shift in height and in width as a share of the side, in [0, 0.9].
        shear: As a share of the side, in [0, 0.9].
        perspective: Share of pictures that are warped, in [0, 1]; corners move by up to 0.15 of the side, what comes in
            is black.
        brightness: Shift as a share of the range of pixel values, in [0, 1].
        contrast: Rise of the contrast, in [0, 1]: its factor, around the mean of each picture, is drawn from 1 to
            1 + contrast.
        saturation: On Keras's scale, in [0, 0.5]; 0.2 multiplies by 0.43 to 2.3, 0.5 goes from grey to full colour.
        hue: Turn as a share of half the colour circle, in [0, 1].
        blur: Share of pictures that are blurred (3 x 3 Gaussian), in [0, 1].
        noise: Standard deviation of Gaussian noise in grey levels of 255, in [0, 128].
        erasing: Share of pictures that lose a patch of 2 % to 15 % of the area, in [0, 1].
        rand_augment: Magnitude in [0, 1] of two operations drawn per batch from eleven, moves filled by mirroring
            (`keras.layers.RandAugment`; Cubuk et al., 2019); 0.1 to 0.3 are usual.
        mixup: Alpha of the Beta distribution in [0, 10] that mixes pictures and labels (Zhang et al., 2017); 0.2 is
            usual.
        cutmix: Alpha in [0, 10] of patches pasted from another picture, labels mixed by area (Yun et al., 2019); 1 is
            usual. With `mixup` too, each batch is mixed by one of them, in turn at random.
        crop_scale: Smallest and largest share of the area, in (0, 1], of a random box that is cut out and resized
            (random resized crop, from a picture kept 1.3 times as large); None cuts nothing.
        crop_ratio: Smallest and largest width / height of that box, as a factor on the input's own, in [0.1, 10];
            3/4 to 4/3 by default.
    """

    flip: Flip | None = None
    rotation: float | None = None
    zoom: float | None = None
    translation: float | None = None
    shear: float | None = None
    perspective: float | None = None
    brightness: float | None = None
    contrast: float | None = None
    saturation: float | None = None
    hue: float | None = None
    blur: float | None = None
    noise: float | None = None
    erasing: float | None = None
    rand_augment: float | None = None
    mixup: float | None = None
    cutmix: float | None = None
    crop_scale: tuple[float, float] | None = None
    crop_ratio: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        problems = []
        if self.flip is not None and self.flip not in get_args(Flip):
            problems.append(f"flip: must be one of {', '.join(get_args(Flip))}. Received: {self.flip!r}.")
        for name, most in LARGEST.items():
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= most:
                problems.append(f"{name}: must be in [0, {most:g}], where 0 turns it off. Received: {value:g}.")
        for name, least, most in (("crop_scale", 0.0, 1.0), ("crop_ratio", 0.1, 10.0)):
            pair = getattr(self, name)
            if pair is not None and not (least <= pair[0] <= pair[1] <= most and pair[0] > 0.0):
                problems.append(
                    f"{name}: must be two numbers in {'(' if least == 0.0 else '['}{least:g}, {most:g}], the smaller"
                    f" first. Received: {list(pair)}."
                )
        if self.crop_ratio is not None and self.crop_scale is None:
            problems.append(f"crop_ratio: needs crop_scale, such as [0.5, 1]. Received: {list(self.crop_ratio)} alone.")
        if problems:
            raise ConfigError("\n".join(problems))

    @property
    def changes_pictures(self) -> bool:
        """Whether any picture would be changed or mixed."""
        return self.crop_scale is not None or any(_on(getattr(self, name)) for name in ("flip", *LARGEST))

    @property
    def mixes(self) -> bool:
        """Whether pictures and labels of a batch are mixed."""
        return _on(self.mixup) or _on(self.cutmix)

    def active(self) -> dict[str, float | str | tuple[float, float]]:
        """Return the knobs that do something, by name."""
        names = [field.name for field in dataclasses.fields(self)]
        return {name: getattr(self, name) for name in names if _on(getattr(self, name))}


def _on(value: object) -> bool:
    return value not in (None, "none", 0)


def knob_text(value: object) -> str:
    """Write a knob's value for people."""
    if isinstance(value, tuple):
        return " to ".join(f"{item:g}" for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


#: Preset -> its values. What a preset leaves out is off.
PRESETS: dict[Augmentation, AugmentConfig] = {
    "none": AugmentConfig(),
    "light": AugmentConfig(translation=0.08, zoom=0.12, rotation=0.03, contrast=0.25),
    "standard": AugmentConfig(flip="horizontal", translation=0.08, zoom=0.12, rotation=0.03, contrast=0.25),
    "strong": AugmentConfig(
        flip="horizontal",
        translation=0.12,
        zoom=0.2,
        rotation=0.06,
        shear=0.1,
        perspective=0.3,
        brightness=0.2,
        contrast=0.4,
        saturation=0.2,
        hue=0.05,
        blur=0.2,
        noise=6.0,
        erasing=0.25,
    ),
}


def resolve_augmentation(preset: Augmentation, knobs: AugmentConfig) -> AugmentConfig:
    """Lay the knobs that were set over a preset's values."""
    named = {field.name: getattr(knobs, field.name) for field in dataclasses.fields(knobs)}
    return dataclasses.replace(PRESETS[preset], **{name: value for name, value in named.items() if value is not None})
