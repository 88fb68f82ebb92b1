"""After an error the command line names its code, and the code is explained."""

import json
import os

import pytest

from tests.e2e.conftest import call


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["run", "missing"], "data-error", 2),
        (["run", "missing", "--set", "train.epoch=3"], "config-error", 2),
        (["runs", "show", "missing"], "not-found-error", 2),
        (["tune"], "user-error", 2),
        (["trian"], "usage-error", 2),
        (["verify", "--nothing"], "usage-error", 2),
    ],
)
def test_the_code_stands_below_the_error_and_in_the_document(arguments, code, exit_code, tmp_path):
    told = call(*arguments, cwd=tmp_path)
    assert told.returncode == exit_code
    assert told.stdout == ""
    assert told.stderr.splitlines()[-1] == f"Explained: tfl errors {code}"
    document = call(*arguments, "--json", cwd=tmp_path)
    error = json.loads(document.stdout)["error"]
    assert (error["code"], error["exit_code"]) == (code, exit_code)
    assert error["message"] in document.stderr.replace("Error: ", "")
    explained = call("errors", code, cwd=tmp_path)
    assert explained.returncode == 0
    assert "What to do:" in explained.stdout


def test_a_fault_is_told_with_its_own_code(tmp_path):
    planted = "import tfl.core.error_guide as guide\n\nguide.read_guide = lambda: 1 / 0\n"
    (tmp_path / "sitecustomize.py").write_text(planted)
    paths = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    told = call("errors", "--json", cwd=tmp_path, PYTHONPATH=os.pathsep.join(filter(None, paths)))
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    assert "TFL_DEBUG=1" in told.stderr
    assert json.loads(told.stdout)["error"]["code"] == "unexpected-error"


def test_help_is_no_error(tmp_path):
    for arguments in ([], ["runs"], ["--help"], ["errors", "--help"]):
        assert "Explained:" not in call(*arguments, cwd=tmp_path).stderr


def test_a_text_that_looks_like_the_flag_asks_for_no_document(tmp_path):
    told = call("predict", "missing", "--", "--json", cwd=tmp_path)
    assert told.returncode == 2
    assert told.stdout == ""
