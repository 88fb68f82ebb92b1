"""`tfl compress RUN`: quantization-aware training, pruning, clustering."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfl_cli._options import json_flag, one_way
from tfl_cli._output import command_line, print_json, print_next, print_table, quoted
from tfl_cli._progress import make_progress

if TYPE_CHECKING:
    from tfl.bench.records import Cell
    from tfl.compress.records import Compression

_METHODS = ("qat", "prune", "cluster", "prune+qat", "cluster+qat", "prune+cluster", "prune+cluster+qat")


@click.command("compress")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--method", type=click.Choice(_METHODS), required=True, help="Steps, each keeping what the last reached.")
@click.option("--epochs", type=int, default=3, show_default=True, help="Of each step.")
@click.option("--lr", "learning_rate", type=float, default=1e-4, show_default=True, help="Learning rate of Adam.")
@click.option("--batch-size", type=int, default=32, show_default=True, help="Samples per step.")
@click.option(
    "--batch-norm", type=click.Choice(["frozen", "learn"]), default="frozen", show_default=True, help="Of all layers."
)
@click.option("--sparsity", type=float, default=0.5, show_default=True, help="Share of weights that become 0.")
@click.option(
    "--schedule",
    type=click.Choice(["polynomial", "constant"]),
    default="polynomial",
    show_default=True,
    help="How the sparsity rises.",
)
@click.option("--block", default="1x1", show_default=True, help="Weights that become 0 together, such as 2x4.")
@click.option("--m-by-n", default="", help="Zeros among neighbours, such as 2:4.")
@click.option("--clusters", type=int, default=16, show_default=True, help="Different weights per layer.")
@click.option(
    "--minutes", type=float, default=0.0, show_default=True, help="After which no epoch of a step is begun; 0 for none."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the order and the augmentation.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the new run; <run>-<method> by default.")
@click.option("--resume", is_flag=True, help="Go on after the last epoch that was done in it.")
@click.option("--overwrite", is_flag=True, help="Replace the run in --out.")
@json_flag
def command(run: Path, out: Path | None, resume: bool, overwrite: bool, as_json: bool, **options: Any) -> int:
    r"""Train RUN's network smaller, on RUN's own training pictures. Exit status 1 when an export failed.

    \b
    tfl compress runs/photos-1 --method qat --epochs 5
    tfl compress runs/photos-1 --method prune+qat --sparsity 0.8
    """
    from tfl.bench.cells import ExportSummary
    from tfl.compress.records import CompressSettings
    from tfl.compression import compress_run
    from tfl.core.run_folder import RunFolder

    if_exists = one_way(resume=resume, overwrite=overwrite)
    settings = CompressSettings(**options)
    place = out or RunFolder(run).beside(settings.suffix)
    with make_progress() as progress:
        made = compress_run(
            run,
            settings,
            out=place,
            if_exists=if_exists,
            command=command_line(),
            progress=progress,
        )
    exports = ExportSummary.of_run(RunFolder(place))
    if as_json:
        print_json(
            {"run": str(place), "compression": made.to_dict(), "cells": [cell.to_dict() for cell in exports.cells]}
        )
    else:
        _print(made, exports.cells, place)
    return 1 if exports.failed_names else 0


def _print(made: Compression, cells: tuple[Cell, ...], place: Path) -> None:
    from tfl.compress.tables import compression_lines, compression_table
    from tfl_cli._tables import print_cells

    plain = compression_table(made)
    print_table(plain.head, plain.rows, title=plain.title)
    for line in compression_lines(made)[1:]:
        click.echo(line)
    click.echo(f"Speed: {made.speed}.")
    if cells:
        print_cells(cells)
    print_next(f"tfl export {quoted(place)}", f"tfl benchmark {quoted(place)}", f"tfl report {quoted(place)}")
