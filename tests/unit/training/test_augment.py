"""Every knob changes pictures, what it draws follows from its place alone, and presets keep their pixels."""

import dataclasses
import itertools

import numpy as np
import pytest

from tfl.core.augmentation import LARGEST, PRESETS, AugmentConfig, resolve_augmentation
from tfl.core.config import resolve_config
from tfl.core.errors import ConfigError
from tfl.data.preprocess import ImagePreprocessing, normalize
from tfl.training.augment import make_augmenter

pytest.importorskip("keras")

CONTRACT = ImagePreprocessing(height=16, width=16, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))
KNOBS = {
    "flip": "both",
    "rotation": 0.2,
    "zoom": 0.3,
    "translation": 0.2,
    "shear": 0.3,
    "perspective": 1.0,
    "brightness": 0.3,
    "contrast": 0.5,
    "saturation": 0.4,
    "hue": 0.5,
    "blur": 1.0,
    "noise": 12.0,
    "erasing": 1.0,
    "rand_augment": 0.3,
    "crop_scale": (0.4, 0.8),
}


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)


def single(name):
    return AugmentConfig(**{name: KNOBS[name]})


def test_the_table_of_this_test_has_every_knob_that_changes_one_picture():
    assert {*KNOBS} == {"flip", "crop_scale", *LARGEST} - {"mixup", "cutmix"}


@pytest.mark.parametrize(
    "values",
    [pytest.param(single(name), id=name) for name in KNOBS]
    + [pytest.param(PRESETS[name], id=f"preset-{name}") for name in ("light", "standard", "strong")],
)
def test_what_is_drawn_follows_from_seed_epoch_and_batch(values, pixels):
    prepare, again = (make_augmenter(values, CONTRACT, seed=2) for _ in range(2))
    other_seed = make_augmenter(values, CONTRACT, seed=3)
    first = prepare(pixels, 1, 0)
    prepare(pixels, 2, 0)
    np.testing.assert_array_equal(first, again(pixels, 1, 0))
    np.testing.assert_array_equal(prepare(pixels, 1, 0), first)
    changed = [again(pixels, 2, 0), again(pixels, 1, 1), other_seed(pixels, 1, 0), normalize(pixels, CONTRACT)]
    for number, result in enumerate(changed):
        # A batch can draw the two of RandAugment's operations that change nothing here.
        assert not np.array_equal(first, result) or values.rand_augment, number
    low, high = CONTRACT.value_range
    assert first.dtype == np.float32
    assert first.min() >= low - 1e-5
    assert first.max() <= high + 1e-5


def test_rand_augment_changes_pictures_from_batch_to_batch(pixels):
    prepare = make_augmenter(single("rand_augment"), CONTRACT, seed=2)
    seen = {prepare(pixels, epoch, 0).tobytes() for epoch in range(6)}
    assert len(seen) >= 4


@pytest.mark.parametrize(
    ("preset", "means"),
    [
        ("light", [-0.7601, -0.2594, 0.2223, 0.7502]),
        ("standard", [-0.7411, -0.2284, 0.2459, 0.7339]),
        ("strong", [-0.7702, -0.0454, 0.4327, 0.4380]),
    ],
)
def test_presets_keep_what_they_draw(preset, means):
    """Means over a smooth ramp: they tell another draw, but not the rounding of another TensorFlow."""
    ramp = np.linspace(0, 255, 4 * 16 * 16 * 3).reshape(4, 16, 16, 3).astype(np.uint8)
    result = make_augmenter(PRESETS[preset], CONTRACT, seed=2)(ramp, 1, 3)
    np.testing.assert_allclose(result.mean(axis=(1, 2, 3)), means, atol=2e-3)


def test_strong_augmentation_keeps_what_the_channels_mean(pixels):
    rgb = ImagePreprocessing(height=16, width=16)
    bgr = ImagePreprocessing(height=16, width=16, channels="bgr")
    first, swapped = (make_augmenter(PRESETS["strong"], contract, seed=2)(pixels, 1, 0) for contract in (rgb, bgr))
    np.testing.assert_array_equal(first[..., ::-1], swapped)
    assert not np.array_equal(first, swapped)


def test_no_augmentation_is_the_contract_alone(pixels):
    prepare = make_augmenter(PRESETS["none"], CONTRACT, seed=2)
    np.testing.assert_array_equal(prepare(pixels, 3, 1), normalize(pixels, CONTRACT))


def test_flips_are_exact(pixels):
    plain = normalize(pixels, CONTRACT)
    for direction, axes in (("horizontal", [2]), ("vertical", [1]), ("both", [1, 2])):
        allowed = [
            plain,
            *(np.flip(plain, axis) for axis in axes),
            *([np.flip(plain, (1, 2))] if len(axes) > 1 else []),
        ]
        result = make_augmenter(AugmentConfig(flip=direction), CONTRACT, seed=2)(pixels, 0, 0)
        kinds = {
            next(number for number, candidate in enumerate(allowed) if np.array_equal(row, candidate[index]))
            for index, row in enumerate(result)
        }
        assert len(kinds) > 1


def test_a_knob_overrides_the_preset_and_zero_turns_it_off(pixels):
    values = resolve_augmentation("standard", AugmentConfig(rotation=0.2, flip="none", contrast=0))
    assert values == AugmentConfig(flip="none", rotation=0.2, zoom=0.12, translation=0.08, contrast=0)
    assert {*values.active()} == {"rotation", "zoom", "translation"}
    off = {name: 0.0 for name, value in PRESETS["strong"].active().items() if name != "flip"}
    nothing = resolve_augmentation("strong", AugmentConfig(flip="none", **off))
    assert not nothing.changes_pictures
    np.testing.assert_array_equal(make_augmenter(nothing, CONTRACT, seed=1)(pixels, 0, 0), normalize(pixels, CONTRACT))


def test_a_knob_that_is_off_leaves_the_draws_of_the_preset(pixels):
    same = resolve_augmentation("light", AugmentConfig(flip="none", mixup=0.0, noise=0.0))
    first, second = (make_augmenter(values, CONTRACT, seed=4)(pixels, 0, 0) for values in (PRESETS["light"], same))
    np.testing.assert_array_equal(first, second)


def test_all_knobs_out_of_range_are_named_at_once_with_what_is_allowed():
    with pytest.raises(ConfigError) as raised:
        resolve_config({"augment": {"rotation": 0.7, "mixup": -1, "crop_scale": [0.9, 0.5], "flip": "horizontal"}}, {})
    lines = raised.value.message
    assert "augment.rotation: must be in [0, 0.5], where 0 turns it off. Received: 0.7." in lines
    assert "augment.mixup: must be in [0, 10], where 0 turns it off. Received: -1." in lines
    assert "augment.crop_scale: must be two numbers in (0, 1], the smaller first. Received: [0.9, 0.5]." in lines


def test_names_that_are_not_known_get_the_closest_one():
    with pytest.raises(ConfigError, match=r"augment\.rotatoin: unknown key") as raised:
        resolve_config({}, {"augment.rotatoin": 0.1})
    assert "rotation" in raised.value.message
    with pytest.raises(ConfigError, match="crop_ratio: needs crop_scale"):
        AugmentConfig(crop_ratio=(0.5, 2.0))


@pytest.mark.parametrize(("name", "bad"), [*itertools.product(LARGEST, [-0.01, float("nan")])])
def test_no_knob_takes_less_than_nothing_or_no_number(name, bad):
    with pytest.raises(ConfigError, match=f"{name}: must be in"):
        AugmentConfig(**{name: bad})


def test_the_record_goes_through_yaml_settings_and_json():
    config = resolve_config({}, {"augment.crop_scale": [0.5, 1], "augment.rotation": 0.1})
    assert config.augment == AugmentConfig(crop_scale=(0.5, 1.0), rotation=0.1)
    assert type(config).from_dict(config.to_dict()) == config
    assert all(
        getattr(resolve_config({}, {}).augment, field.name) is None for field in dataclasses.fields(AugmentConfig)
    )


@pytest.mark.parametrize("name", ["perspective", "blur", "erasing"])
def test_shares_are_those_of_the_pictures(name, pixels):
    prepare = make_augmenter(AugmentConfig(**{name: 0.3}), CONTRACT, seed=2)
    plain = normalize(pixels, CONTRACT)
    changed = [(np.abs(prepare(pixels, epoch, 0) - plain).max(axis=(1, 2, 3)) > 1e-3).mean() for epoch in range(60)]
    # The standard deviation of a share over 720 pictures is 0.017.
    assert np.mean(changed) == pytest.approx(0.3, abs=0.06)


def test_saturation_keeps_brightness_and_hue():
    orange = np.broadcast_to(np.asarray([200, 150, 100], dtype=np.uint8), (32, 8, 8, 3))
    contract = ImagePreprocessing(height=8, width=8)
    red, green, blue = make_augmenter(AugmentConfig(saturation=0.5), contract, seed=2)(orange, 0, 0)[:, 0, 0].T
    # Three steps of float32 arithmetic through HSV and back, at 255.
    np.testing.assert_allclose(red, 200, atol=1e-2)
    np.testing.assert_allclose(red - green, (red - blue) / 2, atol=1e-2)
    assert blue.min() < 40
    assert blue.max() > 160


def test_contrast_rises_by_up_to_its_knob():
    ramp = np.broadcast_to(np.arange(96, 160, dtype=np.uint8).reshape(1, 8, 8, 1), (64, 8, 8, 3))
    contract = ImagePreprocessing(height=8, width=8)
    result = make_augmenter(AugmentConfig(contrast=0.4), contract, seed=2)(ramp, 0, 0)
    factors = result.std(axis=(1, 2, 3)) / ramp[0].std()
    assert 1.0 - 1e-4 <= factors.min() < 1.05
    assert 1.35 < factors.max() <= 1.4 + 1e-4
