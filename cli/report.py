"""`tfl report RUN`."""

from __future__ import annotations

from pathlib import Path

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@json_flag
def command(run: Path, as_json: bool) -> None:
    """Write RUN's report anew: one HTML file that opens from disk without a network."""
    from tfl.core.run_folder import RunFolder
    from tfl.report.html import write_report

    path = write_report(RunFolder.find(run).path)
    if as_json:
        print_json({"report": str(path)})
    else:
        click.echo(f"Report: {path}")
