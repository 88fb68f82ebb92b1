"""`tfl runs leaderboard`: runs of the same data side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json, print_next, print_table, quoted


@click.command("leaderboard")
@click.argument("root", type=click.Path(path_type=Path), default=Path("runs"))
@click.option(
    "--sort",
    type=click.Choice(["metric", "seconds", "latency", "size"]),
    default="metric",
    show_default=True,
    help="Best metric first, or least seconds of training, latency or size.",
)
@click.option("--data", default="", metavar="FINGERPRINT", help="Only runs of these data; the first digits do.")
@json_flag
def command(root: Path, sort: Any, data: str, as_json: bool) -> None:
    """Rank the runs below ROOT (runs by default).

    Only runs of the same data with the same test split stand in one table. Every figure is from a run's records.
    """
    from tfl.ranking import HEAD, leaderboard, rows_of, title_of

    board = leaderboard(root, sort=sort, data=data)
    if as_json:
        print_json(board.to_dict())
        return
    if not board.groups:
        click.echo(f"There are no runs to rank below {root}.")
    for group in board.groups:
        click.echo(title_of(group))
        print_table(HEAD, rows_of(group))
        if any(place.is_level for place in group.places):
            click.echo("= the interval reaches that of the best run: the difference may be chance.")
        if group.note:
            click.echo(group.note)
    if len(board.groups) > 1:
        click.echo("The tables are of different data or test splits; figures of two tables do not compare.")
    for run, reason in board.left_out.items():
        click.echo(f"Left out: {run}: {reason}")
    if board.groups:
        print_next(f"tfl runs show {quoted(board.groups[0].places[0].run)}")
    else:
        print_next("tfl run YOUR_DATA")
