"""What a task promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfl.core.config import resolve_config
from tfl.core.errors import ConfigError
from tfl.data.contract import Floats
from tfl.data.kinds import KINDS
from tfl.tasks import TASKS, Evaluation, Prediction, Task
from tfl.testing._statements import require_all

_LABELS = ("a", "b", "c")
_TRUTH = [0, 1, 2, 0, 1, 2]


def check_task(name: str) -> None:
    """Hold a task against everything it promises, with made-up answers and a small head.

    The metric must be a field of the evaluation with the same figure and must be larger for right answers; the
    evaluation must survive JSON; the decoded answer must name the largest output; and the head must go from
    features to one float32 output per class.

    Args:
        name: Of the task plug-in, built in or from an entry point.

    Raises:
        VerificationError: Names every promise that was broken.
        MissingExtraError: Keras is not installed.
    """
    task = TASKS.get(name)
    right, wrong = _outputs(0), _outputs(1)
    mixed = right.copy()
    mixed[0] = right[1]
    evaluation = _score(task, mixed)
    answer = task.decode(np.array([0.1, 0.2, 0.7], dtype=np.float32), _LABELS, source="x.png", top=2)
    head = task.build_head(5, len(_LABELS), dropout=0.1, seed=0)
    logits = np.asarray(head(np.zeros((2, 5), dtype=np.float32), training=False))
    figure = getattr(evaluation, task.metric, None)
    statements = {
        "it is a Task": isinstance(task, Task),
        "it knows its name": task.name == name,
        "its kind of data is there": task.kind in KINDS.names(),
        "its defaults are settings": _are_settings(task.defaults),
        "its summary is one line": bool(task.summary) and "\n" not in task.summary,
        "the metric is a field of the evaluation, with the same figure": figure is not None
        and abs(figure - task.metric_of(_TRUTH, mixed)) < 1e-12,
        "right answers have a larger metric than wrong ones": task.metric_of(_TRUTH, right)
        > task.metric_of(_TRUTH, wrong),
        "the evaluation survives JSON": Evaluation.from_dict(evaluation.to_dict()) == evaluation,
        "the answer is a Prediction that names the largest output": isinstance(answer, Prediction)
        and answer.label == "c",
        "the answer keeps its source and ranks as many as asked": answer.source == "x.png" and len(answer.ranking) == 2,
        "the head gives one float32 output per class": logits.shape == (2, len(_LABELS)) and logits.dtype == np.float32,
    }
    require_all(statements, who=name, contract="tasks")


def _are_settings(defaults: Mapping[str, Any]) -> bool:
    try:
        resolve_config({}, defaults)
    except ConfigError:
        return False
    return True


def _outputs(shift: int) -> Floats:
    outputs = np.full((len(_TRUTH), len(_LABELS)), 0.1, dtype=np.float32)
    for row, truth in enumerate(_TRUTH):
        outputs[row, (truth + shift) % len(_LABELS)] = 0.8
    return outputs


def _score(task: Task, outputs: Floats) -> Evaluation:
    paths = [f"{index}.png" for index in range(len(_TRUTH))]
    return task.score(_TRUTH, outputs, labels=_LABELS, paths=paths, split="test", model="bundle")
