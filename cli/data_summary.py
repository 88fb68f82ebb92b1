"""`tfl data summary`: follow one picture from its file to the model's input."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfl_cli._options import read_flags, read_named
from tfl_cli._output import print_json, print_table


@click.command("summary")
@click.argument("data", type=click.Path())
@read_flags
@click.option("--backbone", default="embedded:sketchnet", help="Whose input contract, source:name.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def command(data: str, backbone: str, as_json: bool, **options: Any) -> int:
    """Print shape, type and range of the first picture of DATA after every step of the preprocessing."""
    from tfl.backbones import SOURCES, parse_spec
    from tfl.data.summary import summarize

    source, name = parse_spec(backbone)
    contract = SOURCES.get(source).info(name).preprocessing
    manifest = read_named(data, options)
    example = manifest.examples[0]
    steps = summarize(Path(manifest.root) / example.path, contract)
    if as_json:
        print_json({"path": example.path, "label": example.label, "steps": [step.to_dict() for step in steps]})
        return 0
    rows = [
        [step.name, " x ".join(map(str, step.shape)), step.dtype, f"{step.low:.4g}", f"{step.high:.4g}"]
        for step in steps
    ]
    print_table(["step", "shape", "type", "smallest", "largest"], rows, title=f"{example.path} ({example.label})")
    return 0
