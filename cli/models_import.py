"""`tfl models import`: a file that was carried here by hand."""

from __future__ import annotations

from pathlib import Path

import click

from tfl_cli._models import print_files, source_of
from tfl_cli._options import json_flag


@click.command("import")
@click.argument("spec")
@click.argument("file", type=click.Path(path_type=Path))
@json_flag
def command(spec: str, file: Path, as_json: bool) -> None:
    """Put FILE, carried here by hand, where the backbone SPEC looks for it."""
    source, name, full = source_of(spec)
    print_files(source.import_file(name, file), full, as_json=as_json)
