"""A range that every runtime reads alike has its zero on a whole level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.compress.ranges import pixel_range, pixel_values, settled
from tfl.data.preprocess import ImagePreprocessing

LEVELS = 255
NORMALIZATIONS = {
    "minus one to one": {"scale": 1 / 127.5, "mean": (1.0, 1.0, 1.0)},
    "nought to one": {"scale": 1 / 255},
    "levels": {},
    "mean and deviation": {"scale": 1 / 255, "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    "mean alone": {"mean": (103.939, 116.779, 123.68)},
    "halves": {"scale": 1 / 255, "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
}


def levels_of(values, low, high, rounding):
    """Quantize as an engine does that rounds so, in float32."""
    step = np.float32(high - low) / np.float32(LEVELS)
    return np.clip(rounding(values / step) + round(-low / float(step)), 0, LEVELS)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_every_way_to_round_takes_a_pixel_to_the_same_level(name):
    values = pixel_values(ImagePreprocessing(height=8, width=8, **NORMALIZATIONS[name]))
    assert values.shape == (1, 256, 1, 3)
    low, high = pixel_range(values)
    assert settled(low, high) == pytest.approx((low, high), rel=1e-5, abs=1e-9)
    up = levels_of(values, low, high, lambda level: np.floor(level + np.float32(0.5)))
    even = levels_of(values, low, high, np.rint)
    away = levels_of(values, low, high, lambda level: np.sign(level) * np.floor(np.abs(level) + np.float32(0.5)))
    assert np.mean(up != even) <= 0.01
    assert np.mean(away != even) <= 0.01
    # A pixel is at most a level off at the ends, where the range stops.
    step = (high - low) / LEVELS
    assert np.abs((even - round(-low / step)) * step - values).max() <= step


def test_a_range_that_just_holds_pixels_in_minus_one_to_one_would_put_them_halfway():
    values = pixel_values(ImagePreprocessing(height=8, width=8, **NORMALIZATIONS["minus one to one"]))
    low, high = settled(-1.0, 1.0)
    even = levels_of(values, low, high, np.rint)
    away = levels_of(values, low, high, lambda level: np.sign(level) * np.floor(np.abs(level) + np.float32(0.5)))
    assert np.mean(even != away) > 0.2
    assert max(map(abs, pixel_range(values))) < 1.02


finite = st.floats(min_value=2.0**-10, max_value=2.0**10, width=32)


def test_pixels_in_minus_one_to_one_lie_halfway_and_go_to_the_level_that_the_simulation_takes():
    low, high = settled(-1.0, 1.0)
    assert low == pytest.approx(-127 * 2 / LEVELS, rel=1e-6)
    assert high == pytest.approx(128 * 2 / LEVELS, rel=1e-6)


@given(finite, finite)
def test_a_settled_range_has_its_zero_on_a_level_and_stays(below, above):
    low, high = settled(-below, above)
    step = (high - low) / LEVELS
    assert step == pytest.approx((below + above) / LEVELS, rel=1e-5)
    # A rounding that goes up, one that goes down and one to the even neighbour must come to the same level.
    assert abs(-low / step - round(-low / step)) < 1e-3
    assert abs(low + below) <= step / 2 * (1 + 1e-3)
    again = settled(low, high)
    np.testing.assert_allclose(again, (low, high), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("low", "high"), [(0.0, 6.0), (-3.0, 0.0)])
def test_a_range_that_ends_at_zero_stays(low, high):
    assert settled(low, high) == pytest.approx((low, high), rel=1e-6)


def test_a_range_of_a_dead_channel_stays():
    assert settled(0.0, 0.0) == (0.0, 0.0)
