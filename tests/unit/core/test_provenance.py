"""Where a result came from: code, packages, machine and environment variables."""

import dataclasses
import importlib.metadata
import shutil
import subprocess

import pytest

from tfl.core.environment import environment_differences, read_environment, read_gpus
from tfl.core.provenance import read_code_version, read_packages
from tfl.core.version import __version__


def git(folder, *arguments):
    command = ["git", "-C", str(folder), "-c", "user.name=n", "-c", "user.email=e@example.org", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    if shutil.which("git") is None:
        pytest.skip("there is no git")
    package = tmp_path / "checkout" / "tfl"
    package.mkdir(parents=True)
    (package / "code.py").write_text("x = 1\n")
    git(package.parent, "init", "--quiet")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "--quiet", "-m", "Begin")
    return package


def test_a_checkout_has_its_commit_and_says_when_the_code_was_changed(checkout):
    commit = git(checkout, "rev-parse", "HEAD")
    (checkout.parent / "notes.txt").write_text("not code")
    version = read_code_version(checkout)
    assert (version.commit, version.state, version.version) == (commit, "clean", __version__)
    (checkout / "code.py").write_text("x = 2\n")
    changed = read_code_version(checkout)
    assert changed.state == "dirty"
    assert changed.digest != version.digest
    assert str(changed) == f"{__version__} at {commit[:12]}, changed to {changed.digest[:12]}"
    (checkout / "code.py").write_text("x = 1\n")
    assert read_code_version(checkout) == version


def test_an_installed_package_does_not_take_the_commit_of_the_repository_around_it(checkout):
    installed = checkout.parent / ".venv" / "site-packages" / "tfl"
    installed.mkdir(parents=True)
    version = read_code_version(installed)
    assert (version.commit, version.state) == ("", "unknown")
    assert str(version) == __version__


def test_packages_are_what_tfl_stands_on_and_not_what_lies_beside_it():
    packages = read_packages()
    assert packages["numpy"] == importlib.metadata.version("numpy")
    assert {"click", "pillow", "pyyaml", "rich"} <= set(packages)
    # Needed by rich, not by tfl itself.
    assert "pygments" in packages
    assert list(packages) == sorted(packages)


def test_variables_that_change_results_are_kept_and_secrets_are_not(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("TF_DETERMINISTIC_OPS", "1")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("TF_VAR_password", "hidden")
    monkeypatch.setenv("TF_API_KEY", "hidden")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    monkeypatch.setenv("HOME_OF_NOBODY", "x")
    variables = read_environment().variables
    assert {"OMP_NUM_THREADS": "3", "TF_DETERMINISTIC_OPS": "1", "PYTHONHASHSEED": "7"}.items() <= variables.items()
    assert not {"TF_VAR_password", "TF_API_KEY", "TF_CPP_MIN_LOG_LEVEL", "HOME_OF_NOBODY"} & set(variables)


def test_gpus_are_read_from_the_driver_without_using_it(tmp_path):
    for number, model in enumerate(("NVIDIA H200", "NVIDIA L4")):
        place = tmp_path / "gpus" / f"0000:0{number}:00.0"
        place.mkdir(parents=True)
        (place / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 20{number}\nGPU UUID: \t GPU-1\n")
    (tmp_path / "version").write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build\nGCC version: 13.2.0\n"
    )
    assert read_gpus(tmp_path) == ("NVIDIA H200, driver 570.86.15", "NVIDIA L4, driver 570.86.15")


def test_differences_of_environments_are_named_one_by_one():
    before = read_environment()
    assert environment_differences(before, before) == ()
    after = dataclasses.replace(
        before,
        cpu="another",
        gpus=("NVIDIA L4",),
        versions={**before.versions, "numpy": "0.1"},
        variables={**before.variables, "TF_ENABLE_ONEDNN_OPTS": "0"},
    )
    assert set(environment_differences(before, after)) == {
        f"cpu: {before.cpu} -> another",
        f"gpus: {', '.join(before.gpus)} -> NVIDIA L4",
        f"versions.numpy: {before.versions['numpy']} -> 0.1",
        "variables.TF_ENABLE_ONEDNN_OPTS: none -> 0",
    }
