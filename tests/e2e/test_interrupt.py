"""A run that is interrupted stops cleanly, says how to go on, and goes on to the same result."""

import json
import signal
import subprocess

import pytest

from tests.e2e.conftest import TFL, call

pytestmark = pytest.mark.slow
ARGUMENTS = ["--epochs", "12", "--patience", "12", "--set", "train.augmented_views=1", "--fine-tune", "2"]


def wait_for(process, text):
    """Read standard error until a line holds the text."""
    for line in process.stderr:
        if text in line:
            return
    pytest.fail(f"the process ended without saying '{text}'")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_and_resume_give_the_same_weights(colours, tmp_path, number):
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    assert call("train", colours, "--out", straight, *ARGUMENTS).returncode == 0
    process = subprocess.Popen(
        [TFL, "train", colours, "--out", stopped, *ARGUMENTS],
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background job ignores the interrupt, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(process, "Training")
    wait_for(process, "epoch")
    process.send_signal(number)
    message = process.communicate()[1]
    assert process.returncode == 130, message
    assert "--resume" in message
    assert "Traceback" not in message
    assert json.loads((stopped / "run.json").read_text())["status"] == "stopped"
    resumed = call("train", "--out", stopped, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    first, second = ((folder / "training" / "history.jsonl").read_text().splitlines() for folder in (straight, stopped))
    assert [{**json.loads(row), "seconds": 0} for row in first] == [{**json.loads(row), "seconds": 0} for row in second]
