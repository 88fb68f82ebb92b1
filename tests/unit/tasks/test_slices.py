"""Accuracy by slice: what is weaker is found, what is chance is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tfl.core.errors import UserError
from tfl.data.manifest import Example
from tfl.tasks import Evaluation, columns_of, slice_scores, wilson_interval
from tfl.tasks.image_classification import TASK


def example(index, **options):
    return Example(path=f"site{index % 2}/cat/{index}.jpg", label="cat", **options)


def cameras(counts):
    """Examples and answers: `{camera: (right, wrong)}`."""
    examples, right = [], []
    for camera, (hits, misses) in counts.items():
        for hit in [True] * hits + [False] * misses:
            examples.append(example(len(examples), attributes={"camera": camera}))
            right.append(hit)
    return examples, right


def test_a_weak_slice_comes_first_and_differs():
    scores = slice_scores(*cameras({"phone": (20, 20), "good": (195, 5), "new": (190, 10)}), ["camera"])
    assert [item.value for item in scores] == ["phone", "new", "good"]
    worst = scores[0]
    assert (worst.sample_count, worst.accuracy, worst.is_small) == (40, 0.5, False)
    assert (worst.accuracy_low, worst.accuracy_high) == wilson_interval(20, 40)
    assert worst.difference == pytest.approx(0.5 - 405 / 440)
    assert worst.differs


def test_the_p_value_is_fishers_adjusted_by_holm():
    examples, right = cameras({"a": (5, 5), "b": (30, 3), "c": (28, 2)})
    scores = {item.value: item for item in slice_scores(examples, right, ["camera"])}
    raw = {
        "a": stats.fisher_exact([[5, 5], [58, 5]]).pvalue,
        "b": stats.fisher_exact([[30, 3], [33, 7]]).pvalue,
        "c": stats.fisher_exact([[28, 2], [35, 8]]).pvalue,
    }
    ranked = sorted(raw, key=raw.__getitem__)
    assert ranked[0] == "a"
    assert scores["a"].p_value == pytest.approx(3 * raw["a"])
    assert scores[ranked[1]].p_value == pytest.approx(min(1, 2 * raw[ranked[1]]))
    assert scores["a"].is_small


def test_of_many_equal_slices_none_differs_by_chance():
    # Without adjustment, 1 of 20 would be expected to differ in every draw.
    generator = np.random.default_rng(0)
    alarms = 0
    for _ in range(20):
        counts = {
            str(camera): (int(hits), 40 - int(hits)) for camera, hits in enumerate(generator.binomial(40, 0.9, 40))
        }
        alarms += any(item.differs for item in slice_scores(*cameras(counts), ["camera"]))
    assert alarms <= 3


def test_folders_groups_and_missing_values_are_columns_too():
    examples = [
        example(0, group="walk", attributes={"light": ""}),
        example(1, group="", attributes={}),
    ]
    assert columns_of(examples) == ["light", "label", "group", "folder:1", "folder:2"]
    scores = slice_scores(examples, [True, False], ["folder:1", "group", "light", "label"])
    assert {(item.column, item.value, item.sample_count) for item in scores} == {
        ("folder:1", "site0", 1),
        ("folder:1", "site1", 1),
        ("group", "walk", 1),
        ("group", "(none)", 1),
        ("light", "(none)", 2),
        ("label", "cat", 2),
    }


def test_an_unknown_column_is_told_with_the_closest():
    examples, right = cameras({"phone": (3, 1)})
    with pytest.raises(UserError, match=r"no column 'camra' .* Did you mean 'camera'\?") as raised:
        slice_scores(examples, right, ["camra"])
    assert raised.value.hint == "Allowed: camera, label, folder:1, folder:2."


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=60))
def test_slices_of_a_column_hold_every_sample_once(samples):
    examples = [example(index, attributes={"camera": camera}) for index, (camera, _) in enumerate(samples)]
    right = [hit for _, hit in samples]
    scores = slice_scores(examples, right, ["camera"])
    assert sum(item.sample_count for item in scores) == len(samples)
    assert sum(item.accuracy * item.sample_count for item in scores) == pytest.approx(sum(right))
    assert all(0 <= item.accuracy_low <= item.accuracy <= item.accuracy_high <= 1 for item in scores)
    assert [item.accuracy for item in scores] == sorted(item.accuracy for item in scores)


def test_slices_survive_json():
    outputs = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    evaluation = TASK.score([0, 1], outputs, labels=("a", "b"), paths=["x", "y"], split="test", model="bundle")
    assert evaluation.slices == ()
    whole = Evaluation.from_dict(
        {
            **evaluation.to_dict(),
            "slices": [item.to_dict() for item in slice_scores([example(0), example(1)], [True, True], ["folder:1"])],
        }
    )
    assert [item.value for item in whole.slices] == ["site0", "site1"]
    old = evaluation.to_dict()
    del old["slices"]
    assert Evaluation.from_dict(old) == evaluation
