from pathlib import Path

import numpy as np
import pytest

from tfl.bench.held_out import HeldOut
from tfl.compress.broken import flipped_samples
from tfl.core.errors import DataError


def test_flipped_samples_are_those_with_another_decision_the_surest_first():
    before = np.array([[0.6, 0.4], [0.1, 0.9], [0.2, 0.8], [0.7, 0.3]], dtype=np.float32)
    after = np.array([[0.45, 0.55], [0.2, 0.8], [0.9, 0.1], [0.51, 0.49]], dtype=np.float32)
    samples = HeldOut(Path("/"), ("a.png", "b.png", "c.png", "d.png"), (0, 1, 0, 0), before)
    first, second = flipped_samples(samples, after, ("cat", "dog"))
    assert (first.path, first.truth, first.float_answer, first.answer) == ("c.png", "cat", "dog", "cat")
    assert (first.float_probability, first.probability) == pytest.approx((0.8, 0.9))
    assert second.path == "a.png"


def test_without_the_float_models_answers_nothing_can_be_told():
    samples = HeldOut(Path("/"), ("a.png",), (0,), None)
    with pytest.raises(DataError, match="Both models' answers"):
        flipped_samples(samples, np.zeros((1, 2), dtype=np.float32), ("cat", "dog"))
