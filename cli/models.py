"""`tfl models`: pretrained backbones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfl_cli._output import print_json, print_next, quoted
from tfl_cli.models_info import command as info_command
from tfl_cli.models_list import command as list_command
from tfl_cli.models_recommend import command as recommend_command
from tfl_cli.models_search import command as search_command


@click.group("models")
def command() -> None:
    """List, search, describe, fetch, import and recommend pretrained backbones."""


for _below in (list_command, search_command, info_command, recommend_command):
    command.add_command(_below)


@command.command("fetch")
@click.argument("spec")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def fetch_command(spec: str, as_json: bool) -> None:
    """Download what a backbone needs into the cache and record its digest."""
    source, name = _source(spec)
    _print_files(source.fetch(name), as_json, spec)


@command.command("import")
@click.argument("spec")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def import_command(spec: str, file: Path, as_json: bool) -> None:
    """Put FILE, carried here by hand, where the backbone SPEC looks for it."""
    source, name = _source(spec)
    _print_files(source.import_file(name, file), as_json, spec)


def _source(spec: str) -> tuple[Any, str]:
    from tfl.backbones import SOURCES, parse_spec

    source, name = parse_spec(spec)
    return SOURCES.get(source), name


def _print_files(files: tuple[Path, ...], as_json: bool, spec: str) -> None:
    if as_json:
        print_json([str(file) for file in files])
        return
    for file in files:
        click.echo(f"{file} is in place, its digest recorded.")
    print_next(f"tfl run YOUR_DATA --backbone {quoted(spec)}")
