"""`tfl data formats`: what can be read."""

from __future__ import annotations

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json, print_next


@click.command("formats")
@json_flag
def command(as_json: bool) -> None:
    """Explain every format that can be read, with an example."""
    from tfl.data.readers import READERS

    readers = {name: READERS.get(name) for name in READERS.names()}
    if as_json:
        print_json(
            [{"name": name, "summary": item.summary, "example": item.example.strip()} for name, item in readers.items()]
        )
        return
    for name, item in readers.items():
        click.echo(f"{name}: {item.summary}\n")
        for line in item.example.strip().splitlines():
            click.echo(f"    {line}" if line else "")
        click.echo()
    print_next("tfl data describe DATA", "tfl data check DATA")
