"""`tfl data describe`: what was understood."""

from __future__ import annotations

from typing import Any

import click

from tfl_cli._options import json_flag, named_columns, read_flags, read_named
from tfl_cli._output import print_json, print_next, print_table, quoted


@click.command("describe")
@click.argument("data", type=click.Path())
@read_flags
@json_flag
def command(data: str, as_json: bool, **options: Any) -> None:
    """Say what was understood of DATA, before any sample is looked at."""
    from tfl.data.describe import describe
    from tfl.data.kinds import KINDS

    found = describe(read_named(data, options))
    if as_json:
        print_json(found.to_dict())
        return
    kind = KINDS.get(found.kind)
    click.echo(f"{found.examples} {kind.nouns} in {len(found.class_counts)} classes, read as {found.reader}")
    if found.source:
        click.echo(f"from {found.source}")
    click.echo(f"below {found.root}")
    if found.multi_label:
        click.echo(f"A {kind.noun} may have several labels.")
    if found.groups:
        click.echo(f"{found.groups} groups, each kept on one side of a split.")
    print_table(["class", kind.nouns], [[label, count] for label, count in found.class_counts.items()])
    if found.split_counts:
        rows = [[name, count, found.split_meanings[name]] for name, count in found.split_counts.items()]
        print_table(["split", kind.nouns, "taken for"], rows)
    else:
        click.echo("The data come without splits; tfl makes them.")
    if found.columns:
        rows = [
            [item.name, item.distinct, ", ".join(f"{value or '(none)'}: {n}" for value, n in item.frequent.items())]
            for item in found.columns
        ]
        print_table(["column", "values", "most frequent"], rows, title="Further columns")
    for note in found.notes:
        click.echo(f"{note.path}: {note.message}.")
    if found.problem_count:
        print_table(["rule", "what"], [[item.rule, item.message] for item in found.problems], title="Can't be used")
        if found.problem_count > len(found.problems):
            click.echo(f"... and {found.problem_count - len(found.problems)} more; see tfl data check.")
    named = named_columns(options)
    print_next(f"tfl data check {quoted(data)}{named}", f"tfl run {quoted(data)}{named}")
