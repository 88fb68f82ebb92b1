"""Studies: whole, stopped, killed and gone on with."""

import dataclasses
import json
import os
import signal
import subprocess

import pytest

import tfl
from tests.e2e.conftest import TFL, assert_user_error, call, call_json
from tfl.core.config import read_yaml, resolve_config
from tfl.core.errors import ConfigError, JobError, OutputExistsError, UserError
from tfl.core.progress import Progress
from tfl.report.facts import read_facts
from tfl.report.study import TuneResult
from tfl.tuning.records import StudyRecord
from tfl.tuning.space import parse_space
from tfl.tuning.storage import JOURNAL_FILE, locked, mend_journal, open_study
from tfl.tuning.worker import Allowance, work

optuna = pytest.importorskip("optuna")
pytest.importorskip("tensorflow")

SPACE = ["train.learning_rate=1e-4:1e-1:log", "train.epochs=3,6"]
#: The default backbone is right whatever the settings, and nothing would be of importance.
BACKBONE = "embedded:sketchnet"
QUICK = {"train.augmentation": "none", "train.precision": "float32", "model.image_size": 32, "model.backbone": BACKBONE}
FLAGS = ["--space", SPACE[0], "--space", SPACE[1], "--space-only", "--image-size", "32", "--augment", "none"]
FLAGS += ["--backbone", BACKBONE]


class Ending(Progress):
    """Interrupts when a trial begins, as Ctrl-C would."""

    def __init__(self, trial):
        super().__init__()
        self.trial = trial

    def stage(self, title, *, number, total):
        super().stage(title, number=number, total=total)
        if title == f"Trial {self.trial}":
            raise KeyboardInterrupt


def search(colours, study, **changes):
    options = {"trials": 4, "space": SPACE, "only_named": True, "settings": QUICK, "pruner": "none"}
    return tfl.tune(colours, study=study, **{**options, **changes})


@pytest.fixture(scope="module")
def searched(colours, tmp_path_factory):
    study = tmp_path_factory.mktemp("studies") / "colours"
    with pytest.raises(KeyboardInterrupt):
        search(colours, study, progress=Ending(1))
    return study, search(colours, study)


@pytest.mark.slow
def test_a_study_that_was_interrupted_goes_on_to_its_end(searched):
    study, result = searched
    assert (study / "best.yaml").is_file()
    assert TuneResult.load(study / "result.json") == result
    assert [trial.state for trial in result.trials] == ["complete"] * 4
    # Trial 1 was interrupted and taken up again with the values it had.
    optuna_trials = open_study(study, StudyRecord.load(study / "study.json"), worker=0).trials
    retried = [trial for trial in optuna_trials if "retries" in trial.user_attrs]
    assert [trial.user_attrs["retries"] for trial in retried] == [1]
    assert len(optuna_trials) == 5


@pytest.mark.slow
def test_the_best_is_by_the_validation_split_and_trains_as_it_is(searched):
    study, result = searched
    values = {trial.number: trial.value for trial in result.trials}
    assert result.best_value == min(values.values()) == values[result.best]
    assert result.trials[0].params == {"train.learning_rate": pytest.approx(0.003)} | {
        "train.epochs": result.trials[0].params["train.epochs"]
    }
    assert result.first_value == values[0]
    config = resolve_config(read_yaml(study / "best.yaml"), {})
    assert config.train.learning_rate == result.best_params["train.learning_rate"]
    assert (config.out, config.model.image_size) == ("", 32)
    # What the trial said of itself is what its history says; the test split left no trace.
    best = result.trials[[trial.number for trial in result.trials].index(result.best)]
    rows = [
        json.loads(line)
        for line in (study / "trials" / f"{result.best:05d}" / "training" / "history.jsonl").read_text().splitlines()
    ]
    assert result.best_value == pytest.approx(min(row["val_loss"] for row in rows), rel=1e-6)
    assert best.validation_accuracy in {row["val_accuracy"] for row in rows}
    assert not list(study.rglob("test.json"))
    assert (study / "history.png").stat().st_size > 5000
    assert str(result.best) in result._repr_html_()


@pytest.mark.slow
def test_more_trials_of_the_same_study_are_added_and_other_settings_refused(searched, colours):
    study, result = searched
    assert search(colours, study) == result
    more = search(colours, study, trials=6)
    assert len(more.trials) == 6
    assert more.trials[:4] == result.trials
    assert set(more.importance) == {"train.learning_rate", "train.epochs"}
    assert sum(more.importance.values()) == pytest.approx(1.0, abs=0.01)
    with pytest.raises(OutputExistsError, match="space differs"):
        search(colours, study, space=SPACE[:1])
    with pytest.raises(OutputExistsError, match=r"learning_rate|image_size"):
        search(colours, study, settings={**QUICK, "model.image_size": 48})


@pytest.mark.slow
def test_a_run_with_the_best_settings_tells_its_search(searched, colours, tmp_path):
    study, result = searched
    model = tfl.fit(colours, config=study / "best.yaml", out=tmp_path / "run")
    folder = model.run
    config = resolve_config(read_yaml(folder.config_file), {})
    assert config.study == str(study)
    assert config.train.learning_rate == result.best_params["train.learning_rate"]
    assert TuneResult.load(folder.search_dir / "result.json").best == result.best
    facts = read_facts(folder.path)
    assert facts.has_search_splits
    report = folder.report_file.read_text(encoding="utf-8")
    assert "on the very splits of this run" in report
    assert "changed after the search" not in report
    # Another seed is another split, and then the search may have looked at what is now the test split.
    other = tfl.fit(colours, config=study / "best.yaml", out=tmp_path / "other", seed=1, learning_rate=0.5, epochs=1)
    text = other.run.report_file.read_text(encoding="utf-8")
    assert "may have chosen" in text
    assert "changed after the search" in text
    # What a search writes is no part of what decides a run.
    assert "study" not in facts.record.settings


class Ends(Allowance):
    """Time that is over when the first epoch ends."""

    asked = 0

    @property
    def is_over(self):
        type(self).asked += 1
        return type(self).asked > 1


@pytest.mark.slow
def test_time_that_ends_within_a_trial_leaves_it_to_be_taken_up_again(colours, tmp_path):
    study = tmp_path / "s"
    with pytest.raises(KeyboardInterrupt):
        search(colours, study, progress=Ending(0))
    work(study, Ends(lambda: True, None, 0), worker=0, progress=Progress())
    begun = open_study(study, StudyRecord.load(study / "study.json"), worker=0).trials[1]
    assert (begun.state.name, len(begun.intermediate_values)) == ("RUNNING", 1)
    result = search(colours, study, trials=2)
    assert [trial.state for trial in result.trials] == ["complete"] * 2


@pytest.mark.slow
def test_a_time_limit_keeps_what_is_there(colours, tmp_path):
    with pytest.raises(JobError, match=r"No trial of .* \(0 begun\)"):
        search(colours, tmp_path / "s", trials=None, time_limit="0.001s")
    result = search(colours, tmp_path / "s", trials=1)
    assert [trial.state for trial in result.trials] == ["complete"]


@pytest.mark.slow
def test_a_killed_study_goes_on(colours, tmp_path):
    command = [TFL, "tune", colours, "--study", tmp_path / "s", "--trials", "3", "--pruner", "none", *FLAGS]
    process = subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if line.startswith("[2/3] Trial 1"):
            break
    os.kill(process.pid, signal.SIGKILL)
    process.stderr.close()
    process.wait()
    document = call_json(*command[1:])
    assert [trial["state"] for trial in document["trials"]] == ["complete"] * 3
    assert resolve_config(read_yaml(tmp_path / "s" / "best.yaml"), {}).data.path == str(colours)


@pytest.mark.slow
def test_two_workers_share_the_trials(colours, tmp_path):
    document = call_json("tune", colours, "--study", tmp_path / "s", "--trials", "4", "--workers", "2", *FLAGS)
    assert len(document["trials"]) == 4
    assert {trial["state"] for trial in document["trials"]} <= {"complete", "pruned"}
    assert sorted(path.name for path in (tmp_path / "s" / "logs").iterdir()) == ["worker-0.log", "worker-1.log"]


@pytest.mark.slow
def test_a_database_holds_the_trials_where_one_is_named(colours, tmp_path):
    result = search(colours, tmp_path / "s", trials=1, storage=f"sqlite:///{tmp_path / 'study.db'}")
    assert len(result.trials) == 1
    assert (tmp_path / "study.db").stat().st_size > 0
    assert not (tmp_path / "s" / JOURNAL_FILE).exists()


def test_mistakes_are_told_before_any_work(colours, tmp_path):
    study = tmp_path / "s"
    assert_user_error(call("tune", colours, "--study", study, "--space", "train.lerning_rate=1:2"), "learning_rate")
    assert_user_error(call("tune", colours, "--study", study, "--time-limit", "ten"), "1h30m")
    assert_user_error(call("tune", "--study", study), "which data")
    with pytest.raises(UserError, match="can't be opened"):
        search(colours, study, storage="nothing://here")
    assert not study.exists()
    with pytest.raises(ConfigError, match="at least 1"):
        search(colours, study, workers=0)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputExistsError, match="left alone"):
        search(colours, tmp_path / "other")


def record():
    return StudyRecord(
        config=resolve_config({}, {}),
        space=parse_space(SPACE),
        objective="loss",
        pruner="median",
        storage="journal",
    )


def test_another_study_of_the_same_name_in_a_database_is_left_alone(tmp_path):
    stored = dataclasses.replace(record(), storage=f"sqlite:///{tmp_path / 'study.db'}")
    first, second = tmp_path / "here" / "photos", tmp_path / "there" / "photos"
    for folder in (first, second):
        folder.mkdir(parents=True)
    open_study(first, stored, worker=0).ask()
    assert len(open_study(second, stored, worker=0).trials) == 1
    with pytest.raises(OutputExistsError, match="'photos' with other settings"):
        open_study(second, dataclasses.replace(stored, objective="accuracy"), worker=0)


def test_a_line_that_a_kill_left_unfinished_is_cut_off(tmp_path):
    open_study(tmp_path, record(), worker=0).ask()
    file = tmp_path / JOURNAL_FILE
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"op_code": 4, "work')
    mend_journal(tmp_path)
    assert file.read_bytes() == whole
    assert len(open_study(tmp_path, record(), worker=0).trials) == 1


def test_a_study_is_worked_on_by_one_call(tmp_path):
    with locked(tmp_path), pytest.raises(JobError, match="Another process"), locked(tmp_path):
        pass


def test_the_same_seed_draws_the_same_values(tmp_path):
    drawn = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        trial = open_study(tmp_path / name, record(), worker=0).ask()
        drawn.append([item.suggest(trial) for item in record().space])
    (tmp_path / "c").mkdir()
    other = open_study(tmp_path / "c", record(), worker=1).ask()
    assert drawn[0] == drawn[1] != [item.suggest(other) for item in record().space]
