"""`tfl report RUN...`."""

from __future__ import annotations

from pathlib import Path

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json


@click.command("report")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("comparison.html"),
    show_default=True,
    help="The page that compares several runs; the report of one lies in the run.",
)
@json_flag
def command(runs: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Write RUN's report anew, or a page that compares several runs: one HTML file that opens without a network."""
    if len(runs) == 1:
        from tfl.core.run_folder import RunFolder
        from tfl.report.html import write_report

        path = write_report(RunFolder.find(runs[0]).path)
    else:
        from tfl.compared_page import write_comparison

        path = write_comparison(runs, out)
    if as_json:
        print_json({"report": str(path)})
    else:
        click.echo(f"{'Report' if len(runs) == 1 else 'Comparison'}: {path}")
