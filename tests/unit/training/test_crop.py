"""Random boxes lie inside the picture, have the share and ratio that were asked for, and follow from their place."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tfl.core.augmentation import AugmentConfig
from tfl.data.preprocess import FILTERS, ImagePreprocessing
from tfl.training.crop import PRESIZE, draw_boxes, make_cropper, presized

CONTRACT = ImagePreprocessing(height=20, width=28)
shares = st.tuples(st.floats(0.05, 1.0), st.floats(0.05, 1.0)).map(lambda pair: tuple(sorted(pair)))
ratios = st.tuples(st.floats(0.1, 10.0), st.floats(0.1, 10.0)).map(lambda pair: tuple(sorted(pair)))


def larger(seed=0, count=6):
    shape = (count, presized(CONTRACT).height, presized(CONTRACT).width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@given(st.integers(1, 400), st.integers(1, 400), shares, ratios, st.integers(0, 2**32 - 1))
def test_boxes_lie_inside_and_have_their_share(height, width, scale, ratio, seed):
    boxes = draw_boxes(16, size=(height, width), scale=scale, ratio=ratio, generator=np.random.default_rng(seed))
    left, top, right, bottom = boxes.T
    assert (left >= 0).all()
    assert (top >= 0).all()
    assert (right <= width).all()
    assert (bottom <= height).all()
    share = (right - left) * (bottom - top) / (width * height)
    # Half a millionth is far above what float64 rounds and far below what could be seen.
    assert (share >= scale[0] - 5e-7).all()
    assert (share <= scale[1] + 5e-7).all()
    drawn = (right - left) / width / ((bottom - top) / height)
    fits = (ratio[0] <= 1 / share) & (ratio[1] >= share)
    assert (drawn[fits] >= ratio[0] * (1 - 1e-6)).all()
    assert (drawn[fits] <= ratio[1] * (1 + 1e-6)).all()


def test_boxes_use_the_whole_range_and_the_whole_picture():
    boxes = draw_boxes(
        4000, size=(100, 200), scale=(0.25, 0.75), ratio=(0.75, 4 / 3), generator=np.random.default_rng(0)
    )
    left, top, right, bottom = boxes.T
    share = (right - left) * (bottom - top) / 20000
    assert share.min() < 0.26
    assert share.max() > 0.74
    assert share.mean() == pytest.approx(0.5, abs=0.01)
    log_ratio = np.log((right - left) / (bottom - top) / 2)
    assert log_ratio.mean() == pytest.approx(0.0, abs=0.01)
    assert ((left + right) / 2).mean() == pytest.approx(100, abs=2)
    assert ((top + bottom) / 2).mean() == pytest.approx(50, abs=1)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos"])
def test_the_whole_picture_at_its_own_ratio_is_a_plain_resize(interpolation):
    contract = dataclasses.replace(CONTRACT, interpolation=interpolation)
    batch = larger()
    values = AugmentConfig(crop_scale=(1.0, 1.0), crop_ratio=(1.0, 1.0))
    result = make_cropper(values, contract, seed=1)(batch, 0, 0)
    plain = [np.asarray(Image.fromarray(row).resize((28, 20), FILTERS[interpolation])) for row in batch]
    np.testing.assert_array_equal(result, plain)


def test_draws_follow_from_seed_epoch_and_batch_index():
    values, batch = AugmentConfig(crop_scale=(0.3, 0.9)), larger()
    crop, again = (make_cropper(values, CONTRACT, seed=3) for _ in range(2))
    first = crop(batch, 2, 1)
    assert first.shape == (6, 20, 28, 3)
    assert first.dtype == np.uint8
    crop(batch, 2, 2)
    np.testing.assert_array_equal(crop(batch, 2, 1), first)
    np.testing.assert_array_equal(again(batch, 2, 1), first)
    others = [again(batch, 1, 1), again(batch, 2, 0), make_cropper(values, CONTRACT, seed=4)(batch, 2, 1)]
    assert all(not np.array_equal(first, other) for other in others)


def test_without_a_scale_the_batch_is_left_alone():
    batch = larger()
    assert make_cropper(AugmentConfig(rotation=0.1), CONTRACT, seed=0)(batch, 0, 0) is batch


def test_the_store_is_larger_and_of_the_same_method():
    wide = ImagePreprocessing(height=224, width=160, resize="pad", jpeg_draft=True)
    assert presized(wide) == dataclasses.replace(wide, height=291, width=208)
    assert pytest.approx(1.3) == PRESIZE
