"""Scores against values computed by hand or by scikit-learn's own functions."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfl.core.errors import DataError, JobError
from tfl.tasks import TASKS, Evaluation, calibration_bins, expected_calibration_error, wilson_interval

TASK = TASKS.get("image_classification")
LABELS = ("ant", "bee", "cat")
TRUTH = [0, 0, 0, 1, 1, 2]
OUTPUTS = np.array(
    [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.9, 0.0], [0.3, 0.5, 0.2], [0.1, 0.6, 0.3]],
    dtype=np.float32,
)


def score(truth=TRUTH, outputs=OUTPUTS, labels=LABELS):
    paths = [f"{index}.png" for index in range(len(truth))]
    return TASK.score(truth, outputs, labels=labels, paths=paths, split="test", model="bundle")


def test_counts_by_hand():
    scores = score()
    assert scores.accuracy == pytest.approx(4 / 6)
    assert scores.sample_count == 6
    assert scores.confusion == ((2, 1, 0), (0, 2, 0), (0, 1, 0))
    ant, bee, cat = scores.per_class
    assert (ant.precision, ant.recall, ant.f1, ant.support) == pytest.approx((1.0, 2 / 3, 0.8, 3))
    assert (bee.precision, bee.recall, bee.f1, bee.support) == pytest.approx((0.5, 1.0, 2 / 3, 2))
    assert (cat.precision, cat.recall, cat.f1, cat.support) == (0.0, 0.0, 0.0, 1)
    assert scores.macro_f1 == pytest.approx((0.8 + 2 / 3) / 3)
    assert [(pair.truth, pair.predicted, pair.count) for pair in scores.most_confused] == [
        ("ant", "bee", 1),
        ("cat", "bee", 1),
    ]


def test_losses_by_hand():
    scores = score()
    losses = [-math.log(value) for value in (0.8, 0.6, 0.2, 0.9, 0.5, 0.3)]
    assert scores.log_loss == pytest.approx(sum(losses) / 6, rel=1e-6)
    worst, second = scores.top_losses[:2]
    assert (worst.path, worst.truth, worst.predicted) == ("2.png", "ant", "bee")
    assert (worst.confidence, worst.loss) == pytest.approx((0.7, -math.log(0.2)), rel=1e-6)
    assert second.path == "5.png"


def test_a_certain_wrong_answer_costs_a_finite_loss():
    scores = score([0, 1], np.array([[0.0, 1.0], [0.0, 1.0]], dtype=np.float32), ("a", "b"))
    assert scores.top_losses[0].loss == pytest.approx(-math.log(np.finfo(np.float32).eps))


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_areas_are_scikit_learns(classes):
    metrics = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(classes)
    outputs = generator.dirichlet(np.ones(classes), 80).astype(np.float32)
    truth = [*range(classes), *generator.integers(0, classes, 80 - classes).tolist()]
    scores = score(truth, outputs, [str(index) for index in range(classes)])
    wide = outputs.astype(np.float64) / outputs.sum(axis=1, keepdims=True, dtype=np.float64)
    given_outputs = wide[:, 1] if classes == 2 else wide
    expected = metrics.roc_auc_score(truth, given_outputs, multi_class="ovr", average="macro")
    assert scores.roc_auc == pytest.approx(expected, abs=1e-6)
    assert scores.log_loss == pytest.approx(metrics.log_loss(truth, wide), rel=1e-5)
    assert scores.macro_f1 == pytest.approx(metrics.f1_score(truth, outputs.argmax(axis=1), average="macro"))


def test_area_is_undefined_without_a_class():
    scores = score([0, 0, 1, 1, 1, 0])
    assert math.isnan(scores.roc_auc)
    restored = Evaluation.from_dict(json.loads(json.dumps(scores.to_dict())))
    assert math.isnan(restored.roc_auc)
    assert restored.confusion == scores.confusion


def test_a_class_that_plays_no_part_does_not_lower_the_mean():
    outputs = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]], dtype=np.float32)
    assert score([0, 1], outputs).macro_f1 == 1.0


def test_wilson_interval_of_the_literature():
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 and 15 of 148.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_wilson_interval_holds_the_share(pair):
    low, high = wilson_interval(*pair)
    assert 0.0 <= low <= pair[0] / pair[1] <= high <= 1.0
    assert low < high


def test_calibration_error_by_hand():
    # Confidences 0.8 (right), 0.6 (right), 0.7 (wrong), 0.9 (right), 0.5 (right), 0.6 (wrong); with bins 1/15 wide
    # only the two of 0.6 share one.
    expected = (0.2 + abs(2 * 0.6 - 1) + 0.7 + 0.1 + 0.5) / 6
    assert expected_calibration_error(TRUTH, OUTPUTS) == pytest.approx(expected, abs=1e-6)
    counts, _, _ = calibration_bins(TRUTH, OUTPUTS)
    assert counts.sum() == 6
    assert len(counts) == 15


def test_metric_is_the_accuracy_and_a_row_that_is_not_finite_is_wrong():
    assert TASK.metric == "accuracy"
    assert TASK.metric_of(TRUTH, OUTPUTS) == pytest.approx(4 / 6)
    broken = OUTPUTS.copy()
    broken[0, 0] = np.nan
    assert TASK.metric_of(TRUTH, broken) == pytest.approx(3 / 6)


def test_decode_ranks():
    answer = TASK.decode(OUTPUTS[4], LABELS, source="x.png", top=2)
    assert (answer.source, answer.label) == ("x.png", "bee")
    assert [(item.label, round(item.probability, 6)) for item in answer.ranking] == [("bee", 0.5), ("ant", 0.3)]


def test_decode_needs_no_heavy_import():
    code = (
        "import sys, numpy as np\n"
        "from tfl.tasks import TASKS\n"
        "task = TASKS.get('image_classification')\n"
        "task.decode(np.array([0.4, 0.6], dtype=np.float32), ['a', 'b'], source='x')\n"
        "task.metric_of([1], np.array([[0.4, 0.6]], dtype=np.float32))\n"
        "print(sorted({'tensorflow', 'keras', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("truth", "outputs", "words"),
    [
        ([], np.empty((0, 3), dtype=np.float32), "no samples"),
        ([0, 1], OUTPUTS, r"shape \(2, 3\)"),
        ([3, 0, 0, 0, 0, 0], OUTPUTS, r"in \[0, 2\]"),
        (TRUTH, OUTPUTS[:, :2], r"shape \(6, 3\)"),
    ],
)
def test_what_does_not_fit_is_refused(truth, outputs, words):
    with pytest.raises(DataError, match=words):
        score(truth, outputs)


def test_outputs_that_are_not_finite_are_not_scored():
    broken = OUTPUTS.copy()
    broken[1] = np.inf
    with pytest.raises(JobError, match="1 of 6 outputs are not finite"):
        score(TRUTH, broken)


def test_decode_refuses_another_number_of_classes():
    with pytest.raises(DataError, match=r"x\.png: the output must have shape \(3,\)"):
        TASK.decode(OUTPUTS[0, :2], LABELS, source="x.png")


def test_head_gives_float32_probabilities_and_repeats():
    keras = pytest.importorskip("keras")
    features = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    first, again = (TASK.build_head(6, 3, dropout=0.5, seed=11) for _ in range(2))
    outputs = np.asarray(first(features, training=False))
    assert (first.name, outputs.shape, outputs.dtype) == ("head", (4, 3), np.float32)
    np.testing.assert_allclose(outputs.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(outputs, np.asarray(again(features, training=False)))
    other = TASK.build_head(6, 3, dropout=0.5, seed=12)
    assert np.abs(outputs - np.asarray(other(features, training=False))).max() > 1e-3
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        assert TASK.build_head(6, 3, dropout=0.0, seed=1).output.dtype == "float32"
    finally:
        keras.config.set_dtype_policy(before)
