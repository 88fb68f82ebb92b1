"""`tfl benchmark merge`: several machines, one table."""

from __future__ import annotations

from pathlib import Path

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json


@click.command("merge")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Write the merged record here.")
@json_flag
def command(results: tuple[Path, ...], out: Path | None, as_json: bool) -> None:
    """Put RESULTS of several machines side by side, a row per cell and artefact (by its files, not its name)."""
    from tfl.bench.merging import merge_results
    from tfl.benchmarking import read_measured
    from tfl_cli._scenarios import print_merged

    merged = merge_results([read_measured(path).result for path in results])
    if out is not None:
        merged.save(out)
    if as_json:
        print_json(merged.to_dict())
    else:
        print_merged(merged)
