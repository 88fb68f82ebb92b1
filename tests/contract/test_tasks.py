"""What every registered task must do."""

import numpy as np
import pytest

from tfl.tasks import TASKS, Evaluation, Prediction, Task

LABELS = ("a", "b", "c")


@pytest.fixture(params=TASKS.names())
def task(request):
    return TASKS.get(request.param)


def outputs_of(truth, *, right):
    outputs = np.full((len(truth), len(LABELS)), 0.1, dtype=np.float32)
    answers = truth if right else [(index + 1) % len(LABELS) for index in truth]
    outputs[np.arange(len(truth)), answers] = 0.8
    return outputs


def score(task, outputs, truth):
    paths = [f"{index}.png" for index in range(len(truth))]
    return task.score(truth, outputs, labels=LABELS, paths=paths, split="test", model="bundle")


def test_declares_what_lists_show(task):
    assert isinstance(task, Task)
    assert task.summary
    assert task.metric


def test_metric_is_a_field_of_the_evaluation_and_the_same_figure(task):
    truth = [0, 1, 2, 0, 1, 2]
    outputs = outputs_of(truth, right=True)
    outputs[0] = outputs[1]
    assert getattr(score(task, outputs, truth), task.metric) == pytest.approx(task.metric_of(truth, outputs), abs=1e-12)


def test_metric_grows_with_right_answers(task):
    truth = [0, 1, 2]
    assert task.metric_of(truth, outputs_of(truth, right=True)) > task.metric_of(truth, outputs_of(truth, right=False))


def test_evaluation_survives_json(task, tmp_path):
    truth = [0, 1, 2, 0]
    scores = score(task, outputs_of(truth, right=True), truth)
    scores.save(tmp_path / "scores.json")
    assert Evaluation.load(tmp_path / "scores.json") == scores


def test_answer_names_the_largest_output(task):
    answer = task.decode(np.array([0.1, 0.2, 0.7], dtype=np.float32), LABELS, source="x.png", top=2)
    assert isinstance(answer, Prediction)
    assert (answer.source, answer.label, len(answer.ranking)) == ("x.png", "c", 2)


def test_head_fits_features_and_labels(task):
    pytest.importorskip("keras")
    head = task.build_head(5, len(LABELS), dropout=0.1, seed=0)
    outputs = np.asarray(head(np.zeros((2, 5), dtype=np.float32), training=False))
    assert (outputs.shape, outputs.dtype) == ((2, 3), np.float32)
