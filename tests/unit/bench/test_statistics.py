"""Statistics on simulated series whose truth is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.bench.statistics import binomial_cdf, compare, noise_floor, percentile, timings_needed, verdict
from tfl.core.errors import UserError


def test_the_binomial_distribution_is_exact():
    for count, share in ((1, 0.3), (10, 0.5), (400, 0.99)):
        exact = np.cumsum([math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(count + 1)])
        assert np.allclose(binomial_cdf(count, share), exact, atol=1e-9)


def test_how_many_timings_a_percentile_needs():
    assert [timings_needed(percent) for percent in (50, 90, 99)] == [6, 36, 368]
    assert timings_needed(99.9) == 3688


@given(st.integers(1, 600), st.sampled_from([50.0, 90.0, 99.0]), st.integers(0, 1000))
def test_a_percentile_is_withheld_exactly_where_timings_are_too_few(count, percent, seed):
    values = np.random.default_rng(seed).lognormal(1.0, 0.3, count)
    found = percentile(values, percent)
    assert (found.timings, found.needed) == (count, timings_needed(percent))
    if count < found.needed:
        assert found.value_ms is found.low_ms is found.high_ms is None
    else:
        assert values.min() <= found.low_ms <= found.value_ms <= found.high_ms <= values.max()


@pytest.mark.parametrize("percent", [50.0, 90.0, 99.0])
@pytest.mark.parametrize("count", [400, 1500])
def test_the_interval_holds_the_truth_as_often_as_it_says(percent, count):
    generator = np.random.default_rng(5)
    truth = np.exp(np.sqrt(2) * 0.5 * _inverse_error(2 * percent / 100 - 1))
    held = 0
    for _ in range(400):
        found = percentile(generator.lognormal(0.0, 0.5, count), percent)
        held += found.low_ms <= truth <= found.high_ms
    # 95 % at least; three standard errors of 400 trials are 3.3 %.
    assert held / 400 >= 0.917


def _inverse_error(value):
    low, high = -6.0, 6.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle) < value else (low, middle)
    return low


def test_a_percentile_outside_its_range_is_refused():
    with pytest.raises(UserError, match="100"):
        percentile([1.0], 100.0)


def _rounds(generator, *, count=5, timings=200, level=1.0, between=0.01):
    return [
        level * np.exp(generator.normal(0.0, between)) * generator.lognormal(0.0, 0.1, timings) for _ in range(count)
    ]


def test_a_real_difference_is_found_and_named_with_its_direction():
    generator = np.random.default_rng(1)
    old, new = _rounds(generator), _rounds(generator, level=0.8)
    found = compare(old, new, noise_floor=0.03)
    assert found.verdict == "faster"
    assert found.low < 0.8 < found.high or found.value == pytest.approx(0.8, rel=0.03)
    assert compare(new, old, noise_floor=0.03).verdict == "slower"


def test_the_same_thing_twice_is_no_difference_in_most_trials():
    generator = np.random.default_rng(2)
    trials = [compare(_rounds(generator), _rounds(generator), noise_floor=0.02) for _ in range(12)]
    assert sum(item.verdict != "no difference" for item in trials) <= 1


def test_few_rounds_give_a_wider_interval_than_many_timings_would():
    """Rounds that differ by 10 % can't tell 5 % apart, however many timings each has."""
    generator = np.random.default_rng(3)
    old = _rounds(generator, count=3, timings=2000, between=0.1)
    new = _rounds(generator, count=3, timings=2000, between=0.1)
    found = compare(old, new)
    assert found.high / found.low > 1.1


@given(st.floats(0.2, 5.0), st.integers(0, 100))
def test_a_ratio_is_the_factor_between_two_copies(factor, seed):
    values = np.random.default_rng(seed).lognormal(0.0, 0.2, 40)
    found = compare([values], [values * factor])
    assert found.value == pytest.approx(factor, rel=1e-9)
    assert found.low <= found.value <= found.high


@given(st.floats(0.5, 2.0), st.floats(1.0, 1.5), st.floats(0.0, 0.3))
def test_a_verdict_is_given_only_beyond_the_noise(low, widening, noise):
    high = low * widening
    said = verdict(low, high, noise)
    assert said == verdict(low, high, noise)
    if low <= 1.0 <= high:
        assert said == "no difference"
    if said == "slower":
        assert low > 1.0 + noise
    # Turned round, faster becomes slower.
    assert verdict(1 / high, 1 / low, noise) == {"faster": "slower", "slower": "faster"}.get(said, said)


def test_the_noise_floor_covers_what_an_a_a_run_shows():
    generator = np.random.default_rng(4)
    once, again = _rounds(generator, count=3), _rounds(generator, count=3)
    floor = noise_floor(once, again)
    assert compare(once, again, noise_floor=floor).verdict == "no difference"
    assert 0.0 < floor < 0.2


@pytest.mark.parametrize("bad", [[], [0.0, 1.0], [-1.0], [float("nan")]])
def test_timings_that_can_not_be_are_refused(bad):
    with pytest.raises(UserError, match="above 0"):
        compare([bad], [[1.0]])
