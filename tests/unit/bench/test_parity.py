"""What counts as another decision."""

from __future__ import annotations

import numpy as np

from tfl.bench.parity import compare, count_tied_flips, note_on_certainty
from tfl.targets import Tolerance

INT8 = Tolerance(max_difference=0.4, mean_difference=0.025, agreement=0.95, metric_drop=0.02, reason="as int8 has it")
FLOAT = Tolerance(max_difference=1e-4, mean_difference=1e-5, agreement=1.0, metric_drop=0.0, reason="as float32 has it")


def _classes(*first: float) -> np.ndarray:
    return np.array([[value, 1 - value] for value in first], dtype=np.float32)


def test_a_decision_between_equals_says_nothing() -> None:
    reference, outputs = _classes(0.497, 0.5001, 0.9), _classes(0.512, 0.4999, 0.9)
    assert compare(reference, outputs).flipped == 2
    assert count_tied_flips(reference, outputs, INT8) == 2
    assert count_tied_flips(reference, outputs, FLOAT) == 0


def test_a_clear_decision_that_changed_counts() -> None:
    reference, outputs = _classes(0.55, 0.9, 0.52), _classes(0.45, 0.1, 0.53)
    assert compare(reference, outputs).flipped == 2
    assert count_tied_flips(reference, outputs, INT8) == 0


def test_the_two_nearest_of_many_classes_decide() -> None:
    reference = np.array([[0.4, 0.39, 0.21], [0.6, 0.2, 0.2]], dtype=np.float32)
    outputs = np.array([[0.39, 0.4, 0.21], [0.2, 0.6, 0.2]], dtype=np.float32)
    assert count_tied_flips(reference, outputs, INT8) == 1


def test_answers_that_are_all_certain_are_said_to_show_little() -> None:
    certain = np.array([[1.0, 0.0], [0.00001, 0.99999]], dtype=np.float32)
    assert "small differences would not show" in note_on_certainty([certain, certain])
    assert note_on_certainty([certain, _classes(0.9998)]) == ""
    assert note_on_certainty([_classes(0.6, 1.0)]) == ""
