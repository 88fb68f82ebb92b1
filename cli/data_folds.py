"""`tfl data folds`: cut data for cross-validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfl_cli._options import read_flags, read_named
from tfl_cli._output import print_json, print_table
from tfl_cli._progress import make_progress


@click.command("folds")
@click.argument("data", type=click.Path())
@click.option("--k", type=int, default=5, show_default=True, help="Folds of each repeat.")
@click.option("--repeats", type=int, default=1, show_default=True, help="How often the data are cut anew.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed gives other cuts.")
@read_flags
@click.option("--out", type=click.Path(path_type=Path), help="Write the folds as JSON to this file, which is new.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def command(
    data: str,
    k: int,
    repeats: int,
    seed: int,
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Cut DATA into K folds for cross-validation. Copies, near copies and groups stay together."""
    from tfl.core.errors import OutputExistsError
    from tfl.data.check import check
    from tfl.data.folds import Folds, k_folds

    if out is not None and out.exists():
        raise OutputExistsError(f"{out} exists already.", hint="Choose another --out.")
    manifest = read_named(data, options)
    with make_progress() as progress:
        report, manifest = check(manifest, progress=progress)
    folds = k_folds(manifest, k, repeats=repeats, seed=seed, duplicate_groups=report.duplicate_groups)
    record = Folds(k=k, repeats=repeats, seed=seed, data_fingerprint=manifest.fingerprint, folds=folds)
    if out is not None:
        record.save(out)
    if as_json:
        print_json(record.to_dict())
        return
    rows = [[fold.repeat, fold.fold, len(fold.train), len(fold.validation)] for fold in folds]
    print_table(["repeat", "fold", "train", "validation"], rows)
    if out is not None:
        click.echo(f"Folds: {out}")
