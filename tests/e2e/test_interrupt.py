"""A run that is interrupted stops cleanly, says how to go on, and goes on to the same result."""

import json
import signal
import subprocess

import pytest

import tfl
from tests.e2e.conftest import TFL, call
from tfl.bench.held_out import HeldOut
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder

pytestmark = pytest.mark.slow
ARGUMENTS = ["--epochs", "12", "--patience", "12", "--set", "train.augmented_views=1", "--fine-tune", "2"]


def wait_for(process, text):
    """Read standard error until a line holds the text."""
    for line in process.stderr:
        if text in line:
            return
    pytest.fail(f"the process ended without saying '{text}'")


@pytest.fixture(scope="module")
def straight(colours, tmp_path_factory):
    """A run that nobody interrupts; not to be changed."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    process = call("train", colours, "--out", folder, *ARGUMENTS)
    assert process.returncode == 0, process.stderr
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stop_and_resume_give_the_same_weights(colours, straight, tmp_path, number):
    stopped = tmp_path / "stopped"
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
    before = json.loads((stopped / "run.json").read_text())["stages"]["train"]
    assert before["status"] == "stopped"
    resumed = call("train", "--out", stopped, "--resume", OMP_NUM_THREADS="1")
    assert resumed.returncode == 0, resumed.stderr
    record = json.loads((stopped / "run.json").read_text())
    assert record["stages"]["train"]["seconds"] > before["seconds"]
    (entry,) = record["resumptions"]
    assert "--resume" in entry["command"]
    assert entry["changes"] == ["variables.OMP_NUM_THREADS: none -> 1"]
    first, second = ((folder / "training" / "history.jsonl").read_text().splitlines() for folder in (straight, stopped))
    assert [{**json.loads(row), "seconds": 0} for row in first] == [{**json.loads(row), "seconds": 0} for row in second]


def test_after_a_kill_the_next_sitting_says_what_may_have_been_and_gives_the_same_weights(colours, straight, tmp_path):
    killed = tmp_path / "killed"
    process = subprocess.Popen([TFL, "train", colours, "--out", killed, *ARGUMENTS], stderr=subprocess.PIPE, text=True)
    wait_for(process, "Training")
    wait_for(process, "epoch")
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    resumed = call("train", "--out", killed, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    for words in ("the sitting before ended without a word", "last memory", "--batch-size 16"):
        assert words in resumed.stderr
    first, second = (HeldOut.load(RunFolder(folder).predictions_file, folder) for folder in (straight, killed))
    assert first.outputs.tobytes() == second.outputs.tobytes()
    again = call("train", "--out", killed, "--resume")
    assert "without a word" not in again.stderr


class StopsInTheThirdEpoch(Progress):
    """Interrupts as Ctrl-C would."""

    def update(self, text, *, done=None, total=None):
        if text.startswith("epoch 3 "):
            raise KeyboardInterrupt


def test_an_interrupted_run_is_one_run_in_mlflow(colours, tmp_path):
    tracking = pytest.importorskip("mlflow.tracking")
    run = tmp_path / "runs" / "photos"
    options = {
        "out": run,
        "epochs": 5,
        "instant": False,
        "augmented_views": 0,
        "fine_tune_epochs": 1,
        "fine_tune_layers": 2,
        "settings": {"log.loggers": ["mlflow"]},
    }
    with pytest.raises(KeyboardInterrupt):
        tfl.fit(colours, progress=StopsInTheThirdEpoch(), **options)
    client = tracking.MlflowClient(f"sqlite:///{tmp_path / 'runs' / 'mlruns' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("tfl")
    (logged,) = client.search_runs([experiment.experiment_id])
    assert logged.info.status == "KILLED"
    assert [item.step for item in client.get_metric_history(logged.info.run_id, "loss")] == [1, 2]
    tfl.fit(colours, if_exists="resume", **options)
    (logged,) = client.search_runs([experiment.experiment_id])
    assert logged.info.status == "FINISHED"
    rows = [json.loads(row) for row in (run / "training" / "history.jsonl").read_text().splitlines()]
    for name in ("loss", "val_accuracy"):
        history = client.get_metric_history(logged.info.run_id, name)
        assert [(item.step, item.value) for item in history] == [(step, row[name]) for step, row in enumerate(rows, 1)]
    assert logged.data.params["train.epochs"] == "5"
    assert 0.0 <= logged.data.metrics["test/accuracy"] <= 1.0
    record = json.loads((run / "run.json").read_text())
    assert logged.data.tags["data_fingerprint"] == record["data_fingerprint"]
    assert logged.data.tags["git_commit"] == record["code"]["commit"]
    names = {item.path for item in client.list_artifacts(logged.info.run_id)}
    assert names == {"config.yaml", "report.html", "test.json"}
