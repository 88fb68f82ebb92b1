import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfl.bench.paired import mcnemar
from tfl.compress.paired import agresti_min, compare_paired, judge
from tfl.core.errors import DataError
from tfl.tasks import TASKS

ACCURACY = TASKS.get("image_classification").metric_of
SIDES = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def answers(right):
    """Two classes, the truth is 0: a right answer and a wrong one."""
    return np.array([[0.9, 0.1] if item else [0.2, 0.8] for item in right], dtype=np.float32)


def compare(pairs, *, seed=0, resamples=300):
    before, after = zip(*pairs, strict=True)
    return compare_paired(
        [0] * len(pairs),
        answers(before),
        answers(after),
        metric=ACCURACY,
        metric_name="accuracy",
        seed=seed,
        resamples=resamples,
    )


@settings(max_examples=50, deadline=None)
@given(SIDES)
def test_the_interval_holds_the_drop_and_turns_round_with_the_sides(pairs):
    drop = compare(pairs)
    assert drop.low <= drop.drop <= drop.high
    assert drop.drop == pytest.approx((drop.lost - drop.gained) / len(pairs))
    assert drop.flipped == drop.lost + drop.gained
    turned = compare([(after, before) for before, after in pairs])
    assert turned.drop == pytest.approx(-drop.drop)
    assert (turned.lost, turned.gained, turned.p_value) == (drop.gained, drop.lost, drop.p_value)
    assert (turned.low, turned.high) == pytest.approx((-drop.high, -drop.low), abs=0.02)


@settings(max_examples=30, deadline=None)
@given(SIDES, st.integers(0, 5))
def test_the_seed_decides_the_interval(pairs, seed):
    assert compare(pairs, seed=seed) == compare(pairs, seed=seed)


@settings(max_examples=50, deadline=None)
@given(SIDES)
def test_a_statement_is_what_the_interval_says(pairs):
    drop = compare(pairs)
    for allowed in (-0.5, 0.0, 0.01, 0.1, 1.0):
        statement = judge(drop, max_drop=allowed)
        expected = "within" if drop.high <= allowed else "exceeded" if drop.low > allowed else "too few samples to say"
        assert statement.outcome == expected
        if statement.needed_samples is not None:
            assert statement.outcome == "too few samples to say"
            assert statement.needed_samples > drop.sample_count


def test_a_few_samples_without_a_difference_prove_nothing():
    assert judge(compare([(True, True)] * 20), max_drop=0.01).outcome == "too few samples to say"
    assert judge(compare([(True, True)] * 2000), max_drop=0.01).outcome == "within"


def test_a_drop_of_half_is_exceeded():
    drop = compare([(True, True)] * 50 + [(True, False)] * 50)
    assert judge(drop, max_drop=0.01).outcome == "exceeded"
    assert drop.drop == pytest.approx(0.5)
    assert drop.p_value == pytest.approx(2 * 0.5**50)


@settings(max_examples=100)
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_twice_the_smaller_binomial_tail(lost, gained):
    total = lost + gained
    tail = sum(math.comb(total, count) for count in range(min(lost, gained) + 1))
    assert mcnemar(lost, gained) == pytest.approx(min(1.0, 2 * tail / 2**total))


def test_the_interval_covers_the_true_drop_as_often_as_it_says():
    generator = np.random.default_rng(0)
    for sample_count, lost, gained in ((60, 0.02, 0.01), (150, 0.05, 0.02), (150, 0.01, 0.0)):
        covered = 0
        for _ in range(400):
            counts = generator.multinomial(sample_count, [lost, gained, 1 - lost - gained])
            low, high = agresti_min(int(counts[0]), int(counts[1]), sample_count)
            covered += low <= lost - gained <= high
        assert covered / 400 >= 0.93, (sample_count, lost, gained)


def test_the_number_of_samples_named_does_do():
    """A sample of that size, drawn from the observed shares, tells in at least 80 % of the cases, as planned."""
    drop = compare([(True, True)] * 144 + [(True, False)] * 3 + [(False, True)] * 3)
    needed = judge(drop, max_drop=0.03).needed_samples
    assert needed is not None
    generator = np.random.default_rng(0)
    told = 0
    for _ in range(300):
        counts = generator.multinomial(needed, [3 / 150, 3 / 150, 144 / 150])
        told += agresti_min(int(counts[0]), int(counts[1]), needed)[1] <= 0.03
    assert told / 300 >= 0.75


def test_a_metric_that_is_no_share_has_the_bootstrap_alone():
    def sureness(truth, outputs):
        return float(outputs[np.arange(len(truth)), np.asarray(truth)].mean())

    drop = compare_paired(
        [0] * 40,
        answers([True] * 40),
        answers([True] * 39 + [False]),
        metric=sureness,
        metric_name="sureness",
        seed=0,
        resamples=200,
    )
    assert drop.drop == pytest.approx(0.7 / 40, rel=1e-5)
    assert "Agresti" not in drop.method
    assert math.isfinite(drop.high)


def test_answers_of_other_samples_are_refused():
    with pytest.raises(DataError, match="same samples"):
        compare_paired([0], answers([True]), answers([True, True]), metric=ACCURACY, metric_name="a", seed=0)
    with pytest.raises(DataError, match="at least one"):
        compare_paired([], answers([]), answers([]), metric=ACCURACY, metric_name="a", seed=0)
