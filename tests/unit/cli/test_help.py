"""The help of every command."""

import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from tfl.core.config import RunConfig
from tfl_cli.main import tfl


@pytest.mark.parametrize("name", tfl.list_commands(click.Context(tfl)))
def test_examples_stand_on_lines_of_their_own(name):
    found = CliRunner().invoke(tfl, [name, "--help"])
    assert found.exit_code == 0, found.output
    assert "\\b" not in found.output
    examples = [line for line in found.output.splitlines() if line.strip().startswith(f"tfl {name} ")]
    assert not any(line.count(f"tfl {name} ") > 1 for line in examples)


@pytest.mark.parametrize("name", ["run", "train", "tune"])
def test_settings_stand_under_headings_with_their_defaults(name):
    found = CliRunner().invoke(tfl, [name, "--help"])
    lines = found.output.splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert {"Data:", "Network:", "Training:", "This command:"} <= set(titles)
    text = " ".join(found.output.split())
    assert f"Most epochs of the head. [default: {RunConfig().train.epochs}]" in text
    assert f"[default: {RunConfig().model.backbone}]" in text
    command = tfl.get_command(click.Context(tfl), name)
    flags = {flag for option in command.params if isinstance(option, click.Option) for flag in option.opts}
    assert all(any(line.strip().startswith(flag) or f", {flag}" in line for line in lines) for flag in flags)


def test_a_shell_completes_the_last_of_several_targets():
    run = tfl.get_command(click.Context(tfl), "run")
    (option,) = [item for item in run.params if item.name == "target"]
    proposed = option.shell_complete(click.Context(run), "openvino,t")
    assert [item.value for item in proposed] == ["openvino,tflite"]


def test_help_of_a_run_loads_no_numpy():
    code = "import sys; import tfl_cli.run; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("words", "at", "proposed"),
    [
        ("tfl ex", "1", ["plain,export"]),
        ("tfl data ch", "2", ["plain,check"]),
        ("tfl export r --target o", "4", ["plain,onnx", "plain,openvino"]),
    ],
)
def test_a_shell_completes_as_the_tutorial_says(words, at, proposed):
    environment = {**os.environ, "_TFL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": at}
    code = "import sys; sys.argv = ['tfl']; from tfl_cli.main import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split() == proposed
