"""Fitting linear models of scikit-learn on as many threads as help."""

from __future__ import annotations

import contextlib
from typing import Any

from tfl.core.extras import require

#: Multiplications of one step over all samples (samples x features x classes) from which a second thread helps. Below
#: it the threads of BLAS and OpenMP wait for each other, and spin while they do.
_SHARED_FROM = 2e9


def fit_linear(model: Any, features: Any, labels: Any, *, class_count: int) -> None:
    """Fit a linear model, on one thread where more would only wait for each other.

    Args:
        model: An estimator of scikit-learn.
        features: `(samples, features)`, dense or sparse.
        labels: `(samples,)` class indices.
        class_count: Number of classes.
    """
    # Of a sparse matrix, only what is not 0 is multiplied.
    multiplications = int(getattr(features, "nnz", features.size)) * class_count
    with contextlib.ExitStack() as stack:
        if multiplications < _SHARED_FROM:
            stack.enter_context(require("threadpoolctl", purpose="a linear model").threadpool_limits(1))
        model.fit(features, labels)
