"""LogME: how well labels can be explained by features, without training anything."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfl.data.contract import Floats

Doubles = npt.NDArray[np.float64]

_MOST_STEPS = 500
#: Relative change of the evidence at which the fixed point counts as reached.
_SETTLED = 1e-10
#: Keeps a perfect fit, whose noise would be nothing, finite.
_LEAST_SQUARE = 1e-12


def log_maximum_evidence(features: Floats, labels: Sequence[int], *, class_count: int) -> float:
    """Return the maximum log evidence of a linear model of the labels, per sample, averaged over the classes.

    K. You, Y. Liu, J. Wang and M. Long, "LogME: Practical assessment of pre-trained models for transfer learning",
    ICML 2021, equations 1 and 2 and algorithm 2. For each class, y in {0, 1} is modelled as F w + noise with
    w ~ N(0, 1/alpha) and noise ~ N(0, 1/beta), and alpha and beta are chosen to maximise

        n/2 log beta + d/2 log alpha - n/2 log 2 pi - beta/2 |F m - y|^2 - alpha/2 m'm - 1/2 log |A|

    with A = alpha I + beta F'F and m = beta A^-1 F'y, by MacKay's fixed point, here in the basis of F's singular
    vectors. Larger is better; values compare between backbones on the same samples only.

    Args:
        features: `(samples, features)`, any scale; no column of ones is added.
        labels: Class index of each sample.
        class_count: How many classes there are.
    """
    matrix = np.asarray(features, dtype=np.float64)
    left, singular, _ = np.linalg.svd(matrix, full_matrices=False)
    classes = np.asarray(labels)
    evidences = [_evidence(left, singular**2, (classes == index).astype(np.float64)) for index in range(class_count)]
    return float(np.mean(evidences))


def _evidence(left: Doubles, squares: Doubles, target: Doubles) -> float:
    """Maximise the evidence of one target; `squares` are the eigenvalues of F'F that need not be 0."""
    count = len(target)
    shares = left.T @ target
    outside = max(float(target @ target - shares @ shares), 0.0)
    alpha = beta = 1.0
    before = -math.inf
    value = before
    for _ in range(_MOST_STEPS):
        spread = alpha + beta * squares
        weight_square = float(np.sum(beta**2 * squares * shares**2 / spread**2))
        residual_square = float(np.sum((alpha * shares / spread) ** 2)) + outside
        value = 0.5 * (
            count * math.log(beta)
            + len(squares) * math.log(alpha)
            - count * math.log(2.0 * math.pi)
            - beta * residual_square
            - alpha * weight_square
            - float(np.sum(np.log(spread)))
        )
        if abs(value - before) <= _SETTLED * abs(value):
            break
        before = value
        used = float(np.sum(beta * squares / spread))
        alpha = max(used, _LEAST_SQUARE) / max(weight_square, _LEAST_SQUARE)
        beta = max(count - used, _LEAST_SQUARE) / max(residual_square, _LEAST_SQUARE)
    return value / count
