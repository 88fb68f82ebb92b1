"""Every registered task against the contract, and that the contract can fail."""

import pytest

from tfl.core.errors import VerificationError
from tfl.tasks import TASKS
from tfl.testing import check_task


@pytest.mark.parametrize("name", TASKS.names())
def test_a_task_keeps_its_promises(name):
    pytest.importorskip("keras")
    check_task(name)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"metric": "log_loss"}, "same figure"),
        ({"metric_of": lambda truth, outputs: 0.5}, "larger metric than wrong"),
        ({"summary": "two\nlines"}, "one line"),
    ],
)
def test_a_broken_promise_is_named(broken, words, monkeypatch):
    pytest.importorskip("keras")
    task = TASKS.get("image_classification")
    for name, value in broken.items():
        monkeypatch.setattr(task, name, value, raising=True)
    with pytest.raises(VerificationError, match=words):
        check_task("image_classification")
