"""The help of every command."""

import click
import pytest
from click.testing import CliRunner

from tfl_cli.main import tfl


@pytest.mark.parametrize("name", tfl.list_commands(click.Context(tfl)))
def test_examples_stand_on_lines_of_their_own(name):
    found = CliRunner().invoke(tfl, [name, "--help"])
    assert found.exit_code == 0, found.output
    assert "\\b" not in found.output
    examples = [line for line in found.output.splitlines() if line.strip().startswith(f"tfl {name} ")]
    assert not any(line.count(f"tfl {name} ") > 1 for line in examples)
