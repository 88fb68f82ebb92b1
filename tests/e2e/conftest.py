"""The real CLI in a subprocess."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TFL = str(Path(sys.executable).with_name("tfl"))
QUICK = [
    "--epochs",
    "6",
    "--seconds",
    "0.1",
    "--set",
    "train.augmented_views=1",
    "--set",
    "benchmark.batch_sizes=[1,8]",
]


def call(*arguments, cwd=None, stdin=None, **environment):
    """Run `tfl` and return the finished process with text output."""
    environment = {**os.environ, **environment}
    return subprocess.run(
        [TFL, *map(str, arguments)], capture_output=True, text=True, input=stdin, cwd=cwd, env=environment
    )


def call_json(*arguments, code=0, **options):
    """Run `tfl ... --json`; standard output must be one JSON document and nothing else. A `code` of None is any."""
    process = call(*arguments, "--json", **options)
    assert code is None or process.returncode == code, process.stderr
    return json.loads(process.stdout)


def assert_user_error(process, *words):
    """A user's mistake: exit code 2, every word in the message, no traceback, nothing on standard output."""
    assert process.returncode == 2, process.stdout + process.stderr
    assert "Traceback" not in process.stderr
    assert process.stdout == ""
    for word in words:
        assert word in process.stderr, process.stderr


@pytest.fixture(scope="session")
def finished_run(colours, tmp_path_factory):
    """One whole run over drawn pictures, all targets; shared and not to be changed. Gives (folder, document)."""
    out = tmp_path_factory.mktemp("finished") / "run"
    document = call_json("run", colours, "--out", out, *QUICK, "--precision", "fp32,int8")
    return out, document
