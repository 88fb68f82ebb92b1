"""`tfl models fetch`: what a backbone needs, into the cache."""

from __future__ import annotations

import click

from tfl_cli._models import print_files, source_of
from tfl_cli._options import json_flag


@click.command("fetch")
@click.argument("spec")
@json_flag
def command(spec: str, as_json: bool) -> None:
    """Download what a backbone needs into the cache and record its digest."""
    source, name, full = source_of(spec)
    print_files(source.fetch(name), full, as_json=as_json)
