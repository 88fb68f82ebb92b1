"""`tfl models list` shows every backbone, whatever it takes."""

from click.testing import CliRunner

from tfl_cli.models import command


def test_backbones_of_pictures_and_of_texts_stand_in_one_table():
    found = CliRunner().invoke(command, ["list", "--source", "embedded"])
    assert found.exit_code == 0, found.output
    assert "96 x 96 x 3" in found.output
    assert "embedded:ngrams" in found.output
