"""A run's record says what went in and what it cost, over every process that worked on it."""

import dataclasses
import json

import pytest

from tfl.core.config import RunConfig, TrainConfig
from tfl.core.energy import EnergyMeter
from tfl.core.errors import OutputExistsError
from tfl.core.log_config import LogConfig
from tfl.core.run_folder import RunFolder, RunRecord, StageRecord
from tfl.run_record import StageMeter, deciding_settings, open_record, settings_digest


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run").mkdir()
    return RunFolder(tmp_path / "run")


def test_a_new_record_holds_every_input(folder):
    config = RunConfig(seed=5, out=str(folder.path))
    record = open_record(config, folder, command="tfl train photos")
    assert RunRecord.load(folder.record_file) == record
    assert record.settings["seed"] == 5
    assert "out" not in record.settings
    assert record.config_digest == settings_digest(record.settings)
    assert record.packages["numpy"]
    assert record.code.version
    assert record.resumptions == ()


def test_only_what_decides_results_is_in_the_digest():
    def digest(config):
        return settings_digest(deciding_settings(config))

    config = RunConfig()
    assert digest(config) == digest(dataclasses.replace(config, out="there", log=LogConfig(loggers=("csv_file",))))
    assert digest(config) != digest(dataclasses.replace(config, seed=1))
    assert digest(config) != digest(dataclasses.replace(config, train=TrainConfig(epochs=3)))


def test_going_on_notes_what_differs_from_the_process_before(folder, monkeypatch):
    config = RunConfig(out=str(folder.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    open_record(config, folder, command="tfl train photos")
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    record = open_record(config, folder, command="tfl train --resume")
    (entry,) = record.resumptions
    assert entry.command == "tfl train --resume"
    assert entry.changes == ("variables.OMP_NUM_THREADS: 2 -> 4",)
    with pytest.raises(OutputExistsError, match=r"other settings: seed: 0 -> 1"):
        open_record(dataclasses.replace(config, seed=1), folder, command="x")


def test_a_stage_that_is_tried_again_adds_up(tmp_path):
    place = tmp_path / "intel-rapl:0"
    place.mkdir()
    (place / "name").write_text("package-0")
    (place / "max_energy_range_uj").write_text("100000000")
    (place / "energy_uj").write_text("1000000")
    meter = StageMeter(EnergyMeter(tmp_path))
    (place / "energy_uj").write_text("3500000")
    first = meter.record("stopped", before=None)
    assert first.energy_joules == 2.5
    assert first.peak_rss_bytes > 1 << 20
    before = StageRecord(status="stopped", seconds=10.0, cpu_seconds=20.0, peak_rss_bytes=1 << 45, energy_joules=1.5)
    second = meter.record("done", before=before)
    assert second.status == "done"
    assert second.energy_joules == 4.0
    assert second.seconds >= 10.0
    assert second.cpu_seconds >= 20.0
    assert second.peak_rss_bytes == 1 << 45


def test_without_counters_there_is_no_figure_of_energy(tmp_path):
    entry = StageMeter(EnergyMeter(tmp_path)).record("done", before=None)
    assert entry.energy_joules is None
    assert entry.cpu_seconds >= 0.0


def test_a_record_of_an_older_version_is_read(folder):
    record = open_record(RunConfig(out=str(folder.path)), folder, command="tfl")
    data = record.to_dict()
    for name in (
        "by",
        "code",
        "settings",
        "config_digest",
        "data_fingerprint",
        "packages",
        "energy_note",
        "resumptions",
    ):
        del data[name]
    del data["environment"]["gpus"], data["environment"]["variables"]
    data["stages"] = {"check": {"schema": 1, "status": "done", "seconds": 1.5}}
    folder.record_file.write_text(json.dumps(data))
    old = RunRecord.load(folder.record_file)
    assert old.code is None
    assert old.stages["check"] == StageRecord(status="done", seconds=1.5)
    assert old.environment.gpus == ()
