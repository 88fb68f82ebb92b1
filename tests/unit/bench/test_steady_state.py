"""The end of a warm-up, on simulated series."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tfl.bench.steady_state import find_steady_state, pelt


def _series(generator, *, warm_up, steady, level=5.0, slower=2.0, noise=0.03, outliers=0.0):
    values = np.concatenate([np.full(warm_up, level * slower), np.full(steady, level)])
    values *= np.exp(generator.normal(0.0, noise, len(values)))
    hit = generator.random(len(values)) < outliers
    return np.where(hit, values * generator.uniform(2, 10, len(values)), values)


@hypothesis_settings(max_examples=40)
@given(st.integers(4, 80), st.integers(200, 1500), st.floats(1.3, 5.0), st.integers(0, 10_000))
def test_a_slow_start_is_cut_off_and_little_more(warm_up, steady, slower, seed):
    found = find_steady_state(_series(np.random.default_rng(seed), warm_up=warm_up, steady=steady, slower=slower))
    block = max(5, -(-(warm_up + steady) // 300))
    # A start shorter than three blocks can't be told from an outlier.
    if warm_up >= 3 * block:
        assert warm_up - block <= found.warm_up <= warm_up + 3 * block
        assert found.is_steady


@pytest.mark.parametrize("noise", [0.005, 0.05, 0.2])
def test_a_steady_series_loses_almost_nothing(noise):
    lost = []
    for seed in range(30):
        count = (50, 300, 1000)[seed % 3]
        values = 3.0 * np.exp(np.random.default_rng(seed).normal(0.0, noise, count))
        lost.append(find_steady_state(values).warm_up > 0.1 * count + 10)
    # Chance looks like a change now and then: in so short a series as 50 the more.
    assert sum(lost) <= 3


def test_outliers_are_no_change_of_level():
    found = find_steady_state(_series(np.random.default_rng(3), warm_up=30, steady=900, outliers=0.02))
    assert 20 <= found.warm_up <= 60
    assert found.is_steady


def test_a_level_that_changes_late_is_not_steady_and_not_warm_up():
    generator = np.random.default_rng(8)
    values = 4.0 * np.exp(generator.normal(0.0, 0.02, 900))
    values[600:700] *= 1.8
    found = find_steady_state(values)
    assert found.warm_up == 0
    assert not found.is_steady
    assert any(570 <= change <= 630 for change in found.changes)


def test_a_fast_start_before_a_throttled_rest_is_cut_off_too():
    found = find_steady_state(_series(np.random.default_rng(2), warm_up=100, steady=600, slower=0.6))
    assert found.warm_up == pytest.approx(100, abs=12)


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 49])
def test_too_few_timings_are_left_as_they_are(values):
    found = find_steady_state(values)
    assert (found.warm_up, found.is_steady) == (0, True)


def test_a_series_without_noise_is_cut_where_it_steps():
    assert find_steady_state([2.0] * 20 + [1.0] * 80).warm_up == 20


def test_pelt_finds_the_cuts_that_all_partitions_would_give():
    """Against the exact dynamic programme over every partition."""
    generator = np.random.default_rng(11)
    for _ in range(10):
        levels = np.repeat(generator.normal(0, 3, 4), generator.integers(4, 12, 4))
        values = levels + generator.normal(0, 1, len(levels))
        assert pelt(values, penalty=8.0) == _exact(values, 8.0, 2)


def _exact(values, penalty, least):
    count = len(values)
    best, previous = [-penalty] + [np.inf] * count, [0] * (count + 1)
    for end in range(least, count + 1):
        for start in range(end - least + 1):
            cost = best[start] + ((values[start:end] - values[start:end].mean()) ** 2).sum() + penalty
            if cost < best[end]:
                best[end], previous[end] = cost, start
    cuts, end = [], count
    while previous[end] > 0:
        end = previous[end]
        cuts.append(end)
    return cuts[::-1]
