import numpy as np
import pytest

from tfl.compress.distill import Answers, DistillSettings, accuracy_of, distillation_loss, label_rows, student_network
from tfl.core.errors import ConfigError

TRUTH = np.array([0, 2])
TEACHER = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], np.float32)
LOGITS = np.array([[1.0, -0.5, 0.3], [0.2, 0.1, 2.0]], np.float32)


def _softmax(values):
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _rows(features=0):
    seen = np.arange(2 * features, dtype=np.float32).reshape(2, features)
    return label_rows(TRUTH, 3, Answers(TEACHER, seen)), seen


def test_rows_hold_truth_answer_and_features():
    rows, seen = _rows(2)
    np.testing.assert_array_equal(rows[:, :3], [[1, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(rows[:, 3:6], TEACHER)
    np.testing.assert_array_equal(rows[:, 6:], seen)


@pytest.mark.parametrize(("temperature", "alpha"), [(1.0, 1.0), (4.0, 0.9), (2.0, 0.0)])
def test_the_loss_is_that_of_the_paper(temperature, alpha):
    settings = DistillSettings(student="embedded:sketchnet", temperature=temperature, alpha=alpha)
    found = np.asarray(distillation_loss(settings, 3)(_rows()[0], LOGITS))
    expected, received = _softmax(np.log(TEACHER) / temperature), _softmax(LOGITS / temperature)
    soft = (expected * np.log(expected / received)).sum(axis=1)
    hard = -np.log(_softmax(LOGITS))[[0, 1], TRUTH]
    np.testing.assert_allclose(found, alpha * temperature**2 * soft + (1 - alpha) * hard, rtol=1e-5)


def test_a_student_that_answers_as_the_teacher_has_no_soft_loss():
    settings = DistillSettings(student="embedded:sketchnet", alpha=1.0)
    found = np.asarray(distillation_loss(settings, 3)(_rows()[0], np.log(TEACHER)))
    np.testing.assert_allclose(found, 0.0, atol=1e-5)


def test_features_add_their_mean_squared_distance():
    rows, seen = _rows(2)
    with_features = DistillSettings(student="embedded:sketchnet", features=0.5)
    without = DistillSettings(student="embedded:sketchnet")
    outputs = np.concatenate([LOGITS, seen + np.array([[1.0, 3.0]])], axis=1).astype(np.float32)
    more = np.asarray(distillation_loss(with_features, 3)(rows, outputs))
    np.testing.assert_allclose(more - np.asarray(distillation_loss(without, 3)(rows[:, :6], LOGITS)), 2.5, rtol=1e-5)


def test_accuracy_is_that_of_the_truth():
    np.testing.assert_array_equal(np.asarray(accuracy_of(3)(_rows()[0], LOGITS)), [1.0, 1.0])
    np.testing.assert_array_equal(np.asarray(accuracy_of(3)(_rows()[0], LOGITS[::-1])), [0.0, 0.0])


@pytest.mark.parametrize("feature_count", [0, 5])
def test_the_student_begins_with_the_answers_of_its_head(feature_count):
    import keras

    from tfl.tasks import TASKS

    image = keras.Input((8, 8, 3))
    backbone = keras.Model(image, keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(6, 3)(image)))
    head = TASKS.get("image_classification").build_head(6, 3, dropout=0.2, seed=0)
    network, logits = student_network(backbone, head, feature_count=feature_count, dropout=0.2, seed=0)
    batch = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype(np.float32)
    outputs = np.asarray(network(batch))
    assert outputs.shape == (4, 3 + feature_count)
    np.testing.assert_allclose(_softmax(outputs[:, :3]), np.asarray(head(backbone(batch))), atol=1e-6)
    assert logits.get_weights()[0].shape == (6, 3)


@pytest.mark.parametrize(
    ("name", "value"), [("temperature", 0.0), ("alpha", 1.5), ("features", -1.0), ("epochs", 0), ("learning_rate", 1.0)]
)
def test_a_setting_out_of_range_is_refused_by_its_name(name, value):
    with pytest.raises(ConfigError, match=f"{name}: must be"):
        DistillSettings(**{"student": "embedded:sketchnet", name: value})
