import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.compress.ranking import Score, fewest, rank_layers


@given(st.integers(1, 200), st.integers(0, 250))
def test_the_fewest_are_found_where_more_always_help(count, needed):
    asked = []

    def holds(number):
        asked.append(number)
        return number >= needed

    found = fewest(count, holds)
    assert found == (max(needed, 1) if needed <= count else None)
    assert all(1 <= number <= count for number in asked)
    assert len(set(asked)) == len(asked) <= 2 * count.bit_length() + 2


@given(st.lists(st.booleans(), min_size=1, max_size=50))
def test_what_is_found_does_hold_whatever_the_metric_does(answers):
    found = fewest(len(answers), lambda number: answers[number - 1])
    assert found is None or answers[found - 1]
    if found is None:
        assert not answers[-1]


def test_the_metric_ranks_and_the_log_loss_breaks_ties():
    scores = {
        "a": Score(0.80, 0.5),
        "b": Score(0.90, 0.6),
        "c": Score(0.80, 0.4),
        "d": Score(0.70, 0.1),
        "e": Score(0.80, 0.5),
        "f": Score(0.80, float("nan")),
    }
    ranked = rank_layers(list(scores), Score(0.75, 0.7), scores.__getitem__)
    assert [layer for layer, _, _ in ranked] == ["b", "c", "a", "e", "f", "d"]
    assert ranked[0][1:] == pytest.approx((0.15, 0.1))
