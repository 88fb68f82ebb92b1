"""LogME against the evidence's definition."""

import math

import numpy as np
import pytest

from tfl.training.evidence import log_maximum_evidence

optimize = pytest.importorskip("scipy.optimize")


def slow_evidence(features, target):
    """Maximise log N(y; 0, I/beta + F F'/alpha), the definition before any algebra, over a grid and then downhill."""
    count = len(target)
    gram = features @ features.T

    def negative(logs):
        alpha, beta = np.exp(logs)
        covariance = np.eye(count) / beta + gram / alpha
        _, log_determinant = np.linalg.slogdet(covariance)
        quadratic = target @ np.linalg.solve(covariance, target)
        return 0.5 * (count * math.log(2 * math.pi) + log_determinant + quadratic)

    start = min(((a, b) for a in range(-3, 8) for b in range(-3, 8)), key=negative)
    return -optimize.minimize(negative, start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9}).fun / count


@pytest.mark.parametrize(("samples", "columns"), [(40, 5), (30, 60)])
def test_it_is_the_maximum_of_the_evidence(samples, columns):
    generator = np.random.default_rng(1)
    labels = np.arange(samples) % 3
    features = generator.normal(size=(samples, columns)) + 0.8 * np.eye(3, columns)[labels] * 2
    wanted = np.mean([slow_evidence(features, (labels == index).astype(float)) for index in range(3)])
    got = log_maximum_evidence(features.astype(np.float64), labels, class_count=3)
    assert got == pytest.approx(wanted, abs=1e-5)


def test_features_that_tell_the_classes_apart_score_more():
    generator = np.random.default_rng(2)
    labels = np.arange(90) % 3
    noise = generator.normal(size=(90, 20)).astype(np.float32)
    scores = [
        log_maximum_evidence(noise + np.float32(shift) * np.eye(3, 20)[labels], labels, class_count=3)
        for shift in (0.0, 1.0, 4.0)
    ]
    assert scores == sorted(scores)
    assert scores[2] > scores[0] + 0.5


def test_features_that_fit_without_error_stay_finite():
    labels = np.arange(6) % 2
    score = log_maximum_evidence(np.eye(2, dtype=np.float32)[labels], labels, class_count=2)
    assert math.isfinite(score)
    assert math.isfinite(log_maximum_evidence(np.zeros((6, 3), dtype=np.float32), labels, class_count=2))
