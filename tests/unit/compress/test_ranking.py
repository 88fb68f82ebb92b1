import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.compress.ranking import Score, rank_layers, search_layers


@given(st.integers(1, 60), st.data(), st.integers(0, 4))
def test_the_fewest_are_found_where_each_layer_costs_what_it_costs(count, data, rerankings):
    costs = data.draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))
    allowed = data.draw(st.integers(0, sum(costs)))
    layers = [f"layer{index}" for index in range(count)]
    cost_of = dict(zip(layers, costs, strict=True))

    def left(kept):
        return sum(cost_of[layer] for layer in layers if layer not in set(kept))

    found = search_layers(
        layers,
        score_with=lambda kept: Score(-left(kept), 0.0),
        holds=lambda kept: left(kept) <= allowed,
        most=count,
        rerankings=rerankings,
    )
    assert sorted(gain.layer for gain in found.gains) == sorted(layers)
    largest_first = sorted(costs, reverse=True)
    fewest = next(number for number in range(1, count + 1) if sum(largest_first[number:]) <= allowed)
    assert found.count == fewest
    assert all(gain.metric == cost_of[gain.layer] for gain in found.gains)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.data())
def test_what_is_found_does_hold_whatever_the_metric_does(answers, data):
    layers = [str(index) for index in range(len(answers))]
    most, asked = data.draw(st.integers(1, len(answers))), []

    def holds(kept):
        asked.append(len(kept))
        return answers[len(kept) - 1]

    found = search_layers(layers, score_with=lambda kept: Score(0.0, 0.0), holds=holds, most=most)
    assert max(asked) <= most
    if found.count is None:
        assert not answers[most - 1]
    else:
        assert answers[found.count - 1]


def test_a_layer_that_hides_the_others_is_mended_before_they_are_ranked():
    """With `worst` in int8 the model guesses, and `second` alone even looks harmful."""

    def score_with(kept):
        if "worst" not in kept:
            return Score(0.1 - 0.05 * ("second" in kept), 3.0)
        return Score(0.95 if "second" in kept else 0.6, 0.5)

    layers = ["a", "b", "second", "c", "d", "worst"]

    def holds(kept):
        return score_with(kept).metric > 0.9

    found = search_layers(layers, score_with=score_with, holds=holds, most=6)
    assert [gain.layer for gain in found.gains[:2]] == ["worst", "second"]
    assert found.count == 2
    assert found.gains[1].given == 1
    assert search_layers(layers, score_with=score_with, holds=holds, most=6, rerankings=0).count == 6


def test_the_metric_ranks_and_the_log_loss_breaks_ties():
    scores = {
        (): Score(0.75, 0.7),
        ("a",): Score(0.80, 0.5),
        ("b",): Score(0.90, 0.6),
        ("c",): Score(0.80, 0.4),
        ("d",): Score(0.70, 0.1),
        ("e",): Score(0.80, 0.5),
        ("f",): Score(0.80, float("nan")),
    }
    ranked = rank_layers("abcdef", (), lambda kept: scores[tuple(kept)])
    assert [gain.layer for gain in ranked] == ["b", "c", "a", "e", "f", "d"]
    assert (ranked[0].metric, ranked[0].log_loss, ranked[0].given) == pytest.approx((0.15, 0.1, 0))
