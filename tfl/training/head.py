"""The head on frozen features: a logistic regression at once, then by gradient where that helps."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from tfl.core.errors import JobError
from tfl.core.extras import require
from tfl.data.contract import Floats
from tfl.training.checkpoint import StageState, assign_variables, read_variables
from tfl.training.feed import Labels, one_hot
from tfl.training.linear import fit_linear
from tfl.training.network import dense_of, fold_std, standardization
from tfl.training.work import Work, make_feeds, train_stage

#: Inverse strengths of the L2 penalty on standardized features that are tried; validation chooses.
_STRENGTHS = (0.001, 0.01, 0.1, 1.0)
_MOST_ITERATIONS = 300
#: More are sampled, evenly in their order: the instant answer is to come within seconds.
_MOST_SAMPLES = 20_000


def train_head(work: Work) -> tuple[dict[str, StageState], Floats]:
    """Train the head on the features of the untouched and the augmented views.

    Returns:
        `instant` and `head`, whichever were done; and the mean `(features,)`, which is taken off what the head gets.

    Raises:
        JobError: The features don't fit on the disk, or the loss is not finite.
    """
    train, samples = work.config.train, work.samples
    learned = work.frozen.features(samples.train)
    chosen = work.frozen.features(samples.validation)
    # The untouched view alone says what is usual.
    mean, std = standardization(learned)
    states = {}
    if train.instant:
        states["instant"] = _instant(work, (learned - mean) / std, (chosen - mean) / std)
    if train.epochs and not work.goals.stopped_by:
        labels: Labels | Floats = samples.train.labels
        if samples.augmentation.changes_pictures and train.augmented_views:
            more = work.frozen.required(work.frozen.varied(samples, train.augmented_views, ""))
            if samples.augmentation.mixes:
                labels = np.concatenate([one_hot(labels, samples.class_count), more.labels])
            else:
                labels = np.tile(samples.train.labels, 1 + train.augmented_views)
            learned = np.concatenate([learned, np.asarray(more.values, dtype=np.float32)])
        states["head"] = _by_gradient(work, (learned - mean) / std, labels, (chosen - mean) / std)
    fold_std(work.head, std)
    return states, mean


def _instant(work: Work, learned: Floats, chosen: Floats) -> StageState:
    """Fit multinomial logistic regressions by L-BFGS and give the head the weights of the best one."""
    path = work.folder.training_dir / "instant.state"
    state = StageState.load(path)
    if state is None:
        start = time.monotonic()
        state = StageState(best=_regression(work, learned, chosen), epoch=1, best_epoch=1, stopped_by="epochs")
        assign_variables(work.head.variables, state.best)
        scores = _scores(work, learned, chosen)
        row: dict[str, Any] = {"stage": "instant", "epoch": 1, **scores, "learning_rate": 0.0}
        state.best_loss = scores["val_loss"]
        state.seconds = time.monotonic() - start
        row["seconds"] = round(state.seconds, 3)
        state.history = [row]
        if work.goals.reached(row):
            state.stopped_by = work.goals.stopped_by
        try:
            state.save(path)
        except JobError as error:
            work.progress.result(f"{error.message} Training goes on without this checkpoint.")
        work.log.rewind("instant", [])
        work.log.add(row)
    else:
        assign_variables(work.head.variables, state.best)
        work.goals.carry(state.seconds)
        work.goals.reached(state.history[0])
        work.log.rewind("instant", state.history)
    share = state.history[0]["val_accuracy"]
    work.progress.result(f"instant answer: {share:.3f} of the validation samples right ({state.seconds:.1f} s to fit)")
    return state


def _regression(work: Work, learned: Floats, chosen: Floats) -> list[Any]:
    """Return the head's variables with the regression's weights in them."""
    linear_model = require("sklearn.linear_model", purpose="the instant answer")
    metrics = require("sklearn.metrics", purpose="the instant answer")
    labels, classes = work.samples.train.labels, np.arange(work.samples.class_count)
    rows = np.linspace(0, len(labels) - 1, min(len(labels), _MOST_SAMPLES)).astype(int)
    best: tuple[float, Any] | None = None
    balanced = "balanced" if "balanced" in (work.config.train.class_weights, work.config.train.sampling) else None
    model = linear_model.LogisticRegression(max_iter=_MOST_ITERATIONS, class_weight=balanced, warm_start=True)
    for strength in _STRENGTHS:
        model.set_params(C=strength)
        fit_linear(model, learned[rows], labels[rows], class_count=len(classes))
        answers = np.zeros((len(chosen), len(classes)))
        answers[:, model.classes_] = model.predict_proba(chosen)
        answers /= answers.sum(axis=1, keepdims=True)
        loss = float(metrics.log_loss(work.samples.validation.labels, answers, labels=classes))
        if best is None or loss < best[0]:
            best = loss, _softmax_weights(model, len(classes))
        work.progress.update("logistic regression", done=_STRENGTHS.index(strength) + 1, total=len(_STRENGTHS))
    if best is None:
        raise JobError("No logistic regression could be fitted.")
    before = read_variables(work.head.variables)
    dense_of(work.head).set_weights(best[1])
    after = read_variables(work.head.variables)
    assign_variables(work.head.variables, before)
    return after


def _softmax_weights(model: Any, class_count: int) -> list[Floats]:
    """Turn the coefficients into a kernel `(features, classes)` and a bias; classes without samples get no chance."""
    kernel = np.zeros((model.coef_.shape[1], class_count), dtype=np.float32)
    bias = np.full(class_count, -20.0, dtype=np.float32)
    if len(model.coef_) == 1:
        # Two classes: the one score is the difference of the two.
        kernel[:, model.classes_] = np.stack([-model.coef_[0], model.coef_[0]], axis=1) / 2
        bias[model.classes_] = np.array([-1, 1]) * model.intercept_[0] / 2
    else:
        kernel[:, model.classes_] = model.coef_.T
        bias[model.classes_] = model.intercept_
    return [kernel, bias]


def _scores(work: Work, learned: Floats, chosen: Floats) -> dict[str, float]:
    result = {}
    for prefix, features, part in (("", learned, work.samples.train), ("val_", chosen, work.samples.validation)):
        answers = np.asarray(work.head(features, training=False), dtype=np.float64)
        right = answers[np.arange(len(features)), part.labels]
        result[f"{prefix}loss"] = float(-np.log(np.maximum(right, 1e-7)).mean())
        result[f"{prefix}accuracy"] = float((answers.argmax(axis=1) == part.labels).mean())
    return result


def _by_gradient(work: Work, learned: Floats, labels: Labels | Floats, chosen: Floats) -> StageState:
    train = work.config.train
    feeds = make_feeds(
        work, (learned, labels), (chosen, work.samples.validation.labels), batch_size=train.head_batch_size, salt=0
    )
    rate, start_counts = train.learning_rate, train.instant
    return train_stage(work, "head", work.head, feeds, epochs=train.epochs, rate=rate, start_counts=start_counts)
