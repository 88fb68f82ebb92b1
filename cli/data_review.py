"""`tfl data review`: which labels of a run's data are likely wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json, print_next, print_table, quoted
from tfl_cli._progress import make_progress

_SHOWN = 20


@click.command("review")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True, help="Folds of the judgement.")
@click.option("--most", type=click.IntRange(min=1), default=50, show_default=True, help="Most samples of each kind.")
@click.option("--seed", type=int, default=0, help="Of the folds.")
@click.option(
    "--judge",
    type=click.Choice(["auto", "probe"]),
    default="auto",
    show_default=True,
    help="'auto' uses the answers of the run's own cross-validation where there are any; 'probe' learns linear heads.",
)
@json_flag
def command(run: Path, folds: int, most: int, seed: int, judge: Any, as_json: bool) -> None:
    """Find labels of RUN's data that are likely wrong, and samples that are hard to tell.

    Every sample is judged by a model that has not seen it. Writes RUN/review: a page to look at, and a table to
    fill in for: tfl data relabel apply
    """
    from tfl.core.run_folder import RunFolder
    from tfl.review import PAGE_FILE, TABLE_FILE, review_run

    folder = RunFolder.find(run)
    with make_progress() as progress:
        review = review_run(folder, folds=folds, most=most, seed=seed, judge=judge, progress=progress)
    place = folder.path / "review"
    if as_json:
        print_json(review.to_dict() | {"page": str(place / PAGE_FILE), "table": str(place / TABLE_FILE)})
        return
    click.echo(
        f"{review.label_errors} of {review.examples} labels are likely wrong"
        f" ({review.accuracy:.3f} of all are confirmed, {review.folds} folds, judged by"
        f" {'linear heads' if review.judged_by == 'probe' else 'the cross-validated training'})."
    )
    counts = Counter(item.kind for item in review.items)
    rows = [
        [
            item.kind,
            item.path,
            item.label,
            f"{item.probability:.2f}",
            item.suggested,
            f"{item.suggested_probability:.2f}",
        ]
        for item in review.items[:_SHOWN]
    ]
    if rows:
        print_table(["kind", "file", "label", "likely", "suggested", "likely"], rows)
    if len(review.items) > _SHOWN:
        click.echo(", ".join(f"{count} x {kind}" for kind, count in counts.items()) + " in all.")
    click.echo(f"Page: {place / PAGE_FILE}")
    click.echo(f"Table: {place / TABLE_FILE}; write keep, accept, remove or a class into the column 'decision'.")
    print_next(f"tfl data relabel apply {quoted(place / TABLE_FILE)}")
