"""Runs are found, and the environment is read and never guessed."""

import dataclasses
import os

import pytest

from tfl.core.environment import DISTRIBUTIONS, ISA_FLAGS, Environment, peak_rss_bytes, read_environment
from tfl.core.errors import MissingExtraError, NotFoundError
from tfl.core.extras import EXTRA_OF_MODULE, install_command, is_installed, require, require_installed, version_of
from tfl.core.run_folder import RunFolder, RunRecord, StageRecord


def test_a_run_is_found_by_its_record(tmp_path):
    (tmp_path / "photos-1").mkdir()
    (tmp_path / "photos-1" / "run.json").write_text("{}")
    assert RunFolder.find(tmp_path / "photos-1").path == tmp_path / "photos-1"
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match=r"holds no run\.json"):
        RunFolder.find(tmp_path / "empty")
    with pytest.raises(NotFoundError, match=r"does not exist, so it is not a run\. Did you mean 'photos-1'"):
        RunFolder.find(tmp_path / "photos-2")
    with pytest.raises(NotFoundError, match="does not exist"):
        RunFolder.find(tmp_path / "none" / "photos-2")


def test_the_run_around_an_artefact_is_found(tmp_path):
    run = tmp_path / "run"
    artifact = RunFolder(run).artifacts_dir / "onnx-int8"
    artifact.mkdir(parents=True)
    assert RunFolder.around(artifact) is None
    (run / "run.json").write_text("{}")
    assert RunFolder.around(artifact) == RunFolder(run)
    assert RunFolder.around(run) == RunFolder(run)


def test_everything_of_a_run_lies_inside_it_and_apart(tmp_path):
    folder = RunFolder(tmp_path)
    places = {
        name: getattr(folder, name) for name in dir(RunFolder) if isinstance(getattr(RunFolder, name, None), property)
    }
    assert len(places) > 10
    assert len(set(places.values())) == len(places)
    for place in places.values():
        assert tmp_path in place.parents


def test_the_environment_is_read_and_saved_in_a_run(tmp_path):
    environment = read_environment()
    assert environment.cpu
    assert 1 <= environment.cpu_count <= os.cpu_count()
    assert environment.memory_bytes > 1 << 28
    assert set(environment.isa) <= set(ISA_FLAGS)
    assert set(environment.versions) <= set(DISTRIBUTIONS)
    assert {"numpy", "pillow"} <= set(environment.versions)
    record = RunRecord(
        name="x",
        created="2026-01-01T00:00:00+00:00",
        command="tfl run",
        tfl_version="0",
        status="running",
        stages={"check": StageRecord(status="done", seconds=1.5)},
        environment=environment,
    )
    record.save(tmp_path / "run.json")
    assert RunRecord.load(tmp_path / "run.json") == record
    assert dataclasses.replace(environment, cpu_quota=1.5) == Environment.from_dict(
        {**environment.to_dict(), "cpu_quota": 1.5}
    )


def test_peak_memory_never_falls():
    before = peak_rss_bytes()
    block = bytearray(1 << 25)
    assert len(block) == 1 << 25
    assert peak_rss_bytes() >= before > 1 << 20


def test_what_is_installed_is_found_without_an_import():
    assert is_installed("numpy")
    assert not is_installed("no_such_module_of_anyone")
    assert version_of("numpy")
    assert version_of("no-such-distribution-of-anyone") is None
    assert require("numpy.linalg", purpose="testing").__name__ == "numpy.linalg"
    require_installed("numpy", purpose="testing")


def test_every_optional_module_has_an_install_command():
    for module, extra in EXTRA_OF_MODULE.items():
        assert install_command(module) == f'pip install "tfl[{extra}]"'


@pytest.mark.parametrize("module", sorted(EXTRA_OF_MODULE))
def test_a_module_that_is_missing_names_its_purpose_and_its_command(module, monkeypatch):
    # An import path that leads nowhere is what an installation without the extras looks like.
    monkeypatch.setattr("sys.path", [])
    monkeypatch.delitem(__import__("sys").modules, module, raising=False)
    monkeypatch.setattr("sys.path_importer_cache", {})
    with pytest.raises(MissingExtraError) as raised:
        require_installed(f"{module}.part", purpose="the work")
    assert raised.value.message == f"The work needs the package '{module}', which is not installed."
    assert install_command(module) in raised.value.hint
