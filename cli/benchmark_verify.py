"""`tfl benchmark verify`: does a result come out again?"""

from __future__ import annotations

from pathlib import Path

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json
from tfl_cli._progress import make_progress


@click.command("verify")
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--model", type=click.Path(path_type=Path), help="What was measured; the run around RESULT by default.")
@click.option("--data", type=click.Path(), help="Real inputs with classes; by default those of the run.")
@json_flag
def command(result: Path, model: Path | None, data: str | None, as_json: bool) -> int:
    """Measure again what RESULT says, with its own suite, and compare times, files and accuracy.

    Exit status 1 where a cell is faster or slower beyond the noise, of other files, or of another accuracy.
    """
    from tfl.benchmarking import verify_result
    from tfl_cli._scenarios import print_comparison

    with make_progress() as progress:
        measured, comparison = verify_result(result, model=model, data=data, progress=progress)
    if as_json:
        print_json({"path": str(measured.path), "is_reproduced": comparison.is_reproduced, **comparison.to_dict()})
    else:
        print_comparison(comparison, old="then", new="now")
        click.echo("It came out again." if comparison.is_reproduced else "It did NOT come out again.")
    return 0 if comparison.is_reproduced else 1
