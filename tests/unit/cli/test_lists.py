"""A list takes commas, repetition, or both; nothing that was named is dropped."""

import click
import pytest
from click.testing import CliRunner

from tfl_cli._options import EXPORT_FLAGS, list_option, names_or, resolve, setting_flags


@pytest.mark.parametrize(
    "arguments",
    [["--name", "a,b,c"], ["--name", "a", "--name", "b", "--name", "c"], ["--name", "a, b", "--name", "c"]],
)
def test_every_way_to_give_a_list_is_the_same_list(arguments):
    @click.command()
    @list_option("--name")
    def command(name):
        click.echo("|".join(names_or(name, ())))

    assert CliRunner().invoke(command, arguments).output == "a|b|c\n"
    assert CliRunner().invoke(command, []).output == "\n"


def test_settings_take_repeated_targets():
    @click.command()
    @setting_flags(EXPORT_FLAGS)
    def command(**options):
        click.echo(resolve(options, EXPORT_FLAGS, data__path="photos").export.targets)

    arguments = ["--target", "openvino", "--target", "tflite,onnx"]
    assert CliRunner().invoke(command, arguments).output == "('openvino', 'tflite', 'onnx')\n"
