"""`tfl models`: pretrained backbones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfl_cli._output import print_json, print_next, print_table, quoted
from tfl_cli.models_recommend import command as recommend_command


@click.group("models")
def command() -> None:
    """List, describe, fetch, import and recommend pretrained backbones."""


command.add_command(recommend_command)


@command.command("list")
@click.option("--task", help="Only those for this kind of input, such as image_classification.")
@click.option("--source", help="Only those of this source, such as keras_applications.")
@click.option("--max-parameters", type=int, help="Only those with at most so many weights.")
@click.option("--offline", is_flag=True, help="Only those that load now without a network.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def list_command(
    task: str | None, source: str | None, max_parameters: int | None, offline: bool, as_json: bool
) -> None:
    """List known backbones. Any other TF Hub handle works too, as tfhub:HANDLE."""
    from tfl.api import list_models

    models = list_models(task=task, source=source, max_parameters=max_parameters, offline=offline)
    if as_json:
        print_json([item.to_dict() for item in models])
        return
    rows = [
        [
            item.spec,
            f"{item.preprocessing.height}x{item.preprocessing.width}",
            _number(item.parameters),
            _number(item.feature_size),
            item.licence,
            "yes" if item.available_offline else "",
        ]
        for item in models
    ]
    print_table(["backbone", "input", "parameters", "features", "licence", "offline now"], rows)
    if not rows:
        click.echo("No backbone fits. Widen the filters.")
    print_next("tfl models info keras_applications:MobileNetV2", "tfl run YOUR_DATA --backbone embedded:sketchnet")


@command.command("info")
@click.argument("spec")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def info_command(spec: str, as_json: bool) -> None:
    """Describe one backbone, written source:name."""
    from tfl.api import model_info

    info = model_info(spec)
    if as_json:
        print_json(info.to_dict())
        return
    rows = [
        ["backbone", info.spec],
        ["task", info.task],
        *([name, text] for name, text in info.preprocessing.described),
        ["smallest input", f"{info.min_size} x {info.min_size}" if info.min_size else ""],
        ["parameters", _number(info.parameters)],
        ["features", _number(info.feature_size)],
        ["weights", info.weights_origin],
        ["licence", info.licence],
        ["offline now", "yes" if info.available_offline else "no"],
        ["note", info.note],
    ]
    print_table(["", ""], [row for row in rows if row[1]])
    if info.available_offline:
        print_next(f"tfl run YOUR_DATA --backbone {quoted(info.spec)}")
    else:
        print_next(f"tfl models fetch {quoted(info.spec)}", f"tfl models import {quoted(info.spec)} FILE")


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


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
