"""`tfl models info`: one backbone."""

from __future__ import annotations

from typing import Any

import click

from tfl_cli._models import format_flags, format_of
from tfl_cli._output import print_json, print_next, print_table, quoted


@click.command("info")
@click.argument("name")
@format_flags
def command(name: str, shown_as: Any, as_json: bool) -> None:
    """Tell all that is known of one backbone, written source:name, or by a name that only one source lists."""
    from tfl.catalogue import facts_table, model_info
    from tfl.report.tables import markdown_table

    wanted = format_of(shown_as, as_json=as_json)
    entry = model_info(name)
    if wanted == "json":
        print_json(entry.to_dict())
        return
    table = facts_table(entry)
    if wanted == "markdown":
        click.echo(markdown_table(table.head, table.rows), nl=False)
        return
    print_table(table.head, table.rows)
    spec = quoted(entry.spec)
    if entry.available_offline:
        commands = [f"tfl run YOUR_DATA --backbone {spec}"]
        if not entry.measured:
            commands.append(f"tfl models recommend YOUR_DATA --backbone {spec}")
        print_next(*commands)
    else:
        print_next(
            f"tfl models fetch {spec}",
            f"tfl models import {spec} FILE",
            f"tfl run YOUR_DATA --backbone {spec}",
        )
