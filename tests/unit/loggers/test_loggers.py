"""What each logger wrote is read back with the program it is for."""

import csv
import json
import subprocess
import sys
import textwrap

import pytest

from tests.unit.training.told import Told
from tfl.core.errors import ConfigError, MissingExtraError, NotFoundError, UserError
from tfl.core.log_config import LogConfig
from tfl.loggers import Ending, LogPlan, choose_loggers
from tfl.training.logs import PLAN_FILE, TrainingLog, finish_log, read_history

HEAD = [
    {"stage": "head", "epoch": epoch, "loss": loss, "val_loss": loss + 0.125}
    for epoch, loss in ((1, 1.0), (2, 0.5), (3, 0.25))
]
FINE = [
    {"stage": "fine_tune", "epoch": epoch, "loss": loss, "val_loss": loss, "learning_rate": 0.5**epoch}
    for epoch, loss in ((1, 0.2), (2, 0.1))
]


@pytest.fixture
def training(tmp_path):
    folder = tmp_path / "runs" / "photos-1" / "training"
    folder.mkdir(parents=True)
    (folder.parent / "config.yaml").write_text("seed: 3\n")
    return folder


def plan(*loggers, uri=""):
    return LogPlan(
        loggers=loggers,
        config=LogConfig(loggers=loggers, mlflow_uri=uri, mlflow_experiment="photos"),
        run_name="photos-1",
        params={"seed": "3", "data.path": "x" * 7000},
        tags={"data_fingerprint": "f" * 64},
        files=("config.yaml",),
    )


def log_all(folder, chosen):
    """Log a head, stop in the second stage, and go on from its checkpoint as another process would."""
    chosen.save(folder / PLAN_FILE)
    log = TrainingLog(folder)
    log.rewind("head", [])
    for row in HEAD:
        log.add(dict(row))
    log.rewind("fine_tune", [])
    log.add(dict(FINE[0]))
    log = TrainingLog(folder)
    log.rewind("head", [dict(row) for row in HEAD])
    log.rewind("fine_tune", [dict(FINE[0])])
    log.add(dict(FINE[1]))
    log.close()
    return log


def test_files_hold_every_row_once_and_every_column(training):
    log = log_all(training, plan("csv_file", "json_lines"))
    assert log.rows == HEAD + FINE
    assert read_history(training) == HEAD + FINE
    assert [json.loads(line) for line in (training / "history.jsonl").read_text().splitlines()] == HEAD + FINE
    with (training / "history.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["stage", "epoch", "loss", "val_loss", "learning_rate"]
    assert [row["learning_rate"] for row in rows] == ["", "", "", "0.5", "0.25"]
    assert [float(row["loss"]) for row in rows] == [1.0, 0.5, 0.25, 0.2, 0.1]


def test_tensorboard_reads_every_step_once(training):
    pytest.importorskip("tensorflow")
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log_all(training, plan("tensorboard", "json_lines"))
    events = accumulator.EventAccumulator(str(training / "tensorboard"), size_guidance={"tensors": 0})
    events.Reload()
    assert set(events.Tags()["tensors"]) == {"loss", "val_loss", "learning_rate"}

    def read(name):
        from tensorboard.util import tensor_util

        return [(item.step, float(tensor_util.make_ndarray(item.tensor_proto))) for item in events.Tensors(name)]

    assert read("loss") == [(step, pytest.approx(row["loss"])) for step, row in enumerate(HEAD + FINE, 1)]
    assert read("learning_rate") == [(4, 0.5), (5, 0.25)]


@pytest.mark.slow
def test_a_log_that_cannot_be_written_is_told_once_and_whole_when_it_can(tmp_path):
    pytest.importorskip("tensorflow")
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    folder, told = tmp_path / "training", Told()
    folder.write_text("in the way")
    log = TrainingLog(folder, plan=plan("csv_file", "tensorboard", "json_lines"), progress=told)
    rows = [{"stage": "head", "epoch": epoch, "loss": 1.0 / epoch} for epoch in (1, 2, 3)]
    for row in rows[:2]:
        log.add(row)
    folder.unlink()
    log.add(rows[2])
    log.close()
    assert len([text for text in told.results if "The log is behind" in text]) == 1
    assert read_history(folder) == rows
    assert len((folder / "history.csv").read_text().splitlines()) == 4
    events = accumulator.EventAccumulator(str(folder / "tensorboard"), size_guidance={"tensors": 0})
    events.Reload()
    assert [event.step for event in events.Tensors("loss")] == [1, 2, 3]


def test_an_interrupted_run_is_one_run_of_mlflow_with_each_metric_once(training):
    tracking = pytest.importorskip("mlflow.tracking")
    chosen = plan("mlflow", "json_lines")
    log_all(training, chosen)
    report = training.parent / "report.html"
    report.write_text("<p>all well</p>")
    for _ in range(2):
        finish_log(training, Ending(status="done", metrics={"accuracy": 0.75}, files=("report.html",)))
    client = tracking.MlflowClient(f"sqlite:///{training.parent.parent / 'mlruns' / 'mlflow.db'}")
    (experiment,) = [item for item in client.search_experiments() if item.name == "photos"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "photos-1"
    assert run.info.status == "FINISHED"
    assert run.data.params["seed"] == "3"
    assert run.data.params["data.path"] == "x" * 6000
    assert run.data.tags["data_fingerprint"] == "f" * 64
    history = {name: client.get_metric_history(run.info.run_id, name) for name in run.data.metrics}
    steps = {name: [(item.step, item.value) for item in items] for name, items in history.items()}
    assert steps == {
        "loss": [(step, row["loss"]) for step, row in enumerate(HEAD + FINE, 1)],
        "val_loss": [(step, row["val_loss"]) for step, row in enumerate(HEAD + FINE, 1)],
        "learning_rate": [(4, 0.5), (5, 0.25)],
        "test/accuracy": [(0, 0.75)],
    }
    assert {item.path for item in client.list_artifacts(run.info.run_id)} == {"config.yaml", "report.html"}
    artifacts = training.parent.parent / "mlruns" / "artifacts"
    assert [path.read_text() for path in artifacts.rglob("report.html")] == ["<p>all well</p>"]


def test_what_mlflow_did_not_take_is_sent_at_the_end(training, caplog):
    tracking = pytest.importorskip("mlflow.tracking")
    chosen = plan("mlflow", "json_lines")
    chosen.save(training / PLAN_FILE)
    log = TrainingLog(training)
    log.add(dict(HEAD[0]))
    store = training.parent.parent / "mlruns" / "mlflow.db"
    client = tracking.MlflowClient(f"sqlite:///{store}")
    run_id = json.loads((training / "mlflow.json").read_text())["run_id"]
    client.delete_run(run_id)
    log.add(dict(HEAD[1]))
    log.add(dict(HEAD[2]))
    assert "MLflow takes no more" in caplog.text
    client.restore_run(run_id)
    finish_log(training, Ending(status="stopped"))
    assert [item.step for item in client.get_metric_history(run_id, "loss")] == [1, 2, 3]
    assert client.get_run(run_id).info.status == "KILLED"


def test_runs_that_begin_at_once_share_a_new_store(tmp_path):
    tracking = pytest.importorskip("mlflow.tracking")
    code = """
        import sys
        from pathlib import Path
        from tfl.training.logs import TrainingLog
        log = TrainingLog(Path(sys.argv[1]))
        log.add({"stage": "head", "epoch": 1, "loss": 1.0})
        log.close()
    """
    processes = []
    for name in ("first", "second"):
        folder = tmp_path / "runs" / name / "training"
        folder.mkdir(parents=True)
        (folder.parent / "config.yaml").write_text("seed: 3\n")
        plan("mlflow", "json_lines").save(folder / PLAN_FILE)
        command = [sys.executable, "-c", textwrap.dedent(code), str(folder)]
        processes.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
    assert [process.communicate()[1] for process in processes] == ["", ""]
    client = tracking.MlflowClient(f"sqlite:///{tmp_path / 'runs' / 'mlruns' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("photos")
    assert len(client.search_runs([experiment.experiment_id])) == 2


def test_mlflow_says_nothing_and_reports_its_use_to_nobody(training):
    pytest.importorskip("mlflow")
    plan("mlflow", "json_lines").save(training / PLAN_FILE)
    code = """
        import os, sys
        from pathlib import Path
        from tfl.training.logs import TrainingLog
        log = TrainingLog(Path(sys.argv[1]))
        log.add({"stage": "head", "epoch": 1, "loss": 1.0})
        log.close()
        from mlflow.telemetry.utils import is_telemetry_disabled
        print(is_telemetry_disabled())
    """
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(training)], capture_output=True, text=True, check=True
    )
    assert process.stdout == "True\n"
    assert process.stderr == ""


def test_an_unknown_logger_gets_the_closest_name():
    with pytest.raises(NotFoundError, match="Did you mean 'tensorboard'"):
        choose_loggers(LogConfig(loggers=("tensorbord",)))


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("http://127.0.0.1:9/", "no MLflow server answers"),
        ("file:///tmp/mlruns", "maintenance"),
        ("bogus://x", "bogus"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_before_the_training(uri, words):
    pytest.importorskip("mlflow")
    with pytest.raises(UserError, match=words) as raised:
        choose_loggers(LogConfig(loggers=("mlflow",), mlflow_uri=uri))
    assert raised.value.message.startswith("log.mlflow_uri: ")
    assert raised.value.hint


def test_a_password_in_the_address_is_refused_because_the_config_is_shown():
    with pytest.raises(ConfigError, match="MLFLOW_TRACKING_PASSWORD"):
        LogConfig(mlflow_uri="https://me:secret@server/")


def test_the_history_is_always_kept():
    assert choose_loggers(LogConfig(loggers=("csv_file",))) == (("csv_file", "json_lines"), {})


def test_a_missing_package_stops_only_what_was_asked_for(monkeypatch):
    # An import path that leads nowhere but to tfl is what an installation without the extras looks like.
    from tfl import loggers

    for name in loggers.LOGGERS.names():
        loggers.LOGGERS.get(name)
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.path_importer_cache", {})
    for module in ("tensorflow", "mlflow"):
        for name in [name for name in sys.modules if name.split(".")[0] == module]:
            monkeypatch.delitem(sys.modules, name)
    assert choose_loggers(LogConfig()) == (
        ("csv_file", "json_lines"),
        {"tensorboard": "The logger 'tensorboard' needs the package 'tensorflow', which is not installed."},
    )
    with pytest.raises(MissingExtraError, match="The logger 'mlflow' needs the package 'mlflow', which") as raised:
        choose_loggers(LogConfig(loggers=("csv_file", "mlflow")))
    assert 'pip install "tfl[mlflow]"' in raised.value.hint
