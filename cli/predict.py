"""`tfl predict MODEL FILE...`."""

from __future__ import annotations

from pathlib import Path

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json, print_next, quoted


@click.command("predict")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="How many classes to rank.")
@click.option("--threads", type=int, default=0, help="Processor threads; 0 lets the engine choose.")
@json_flag
def command(model: Path, files: tuple[Path, ...], top: int, threads: int, as_json: bool) -> int:
    """Answer for FILES (pictures, or folders of pictures) with MODEL: a run, a bundle or any artefact.

    A picture that can't be read is said so and the others are answered; the exit status is then 2.
    """
    from tfl.core.errors import DataError
    from tfl.model import load

    opened = load(model, threads=threads)
    answers, bad = [], []
    pictures = _pictures(files)
    for file in pictures:
        try:
            answers += opened.predict(file, top=top)
        except DataError as error:
            bad.append({"source": str(file), "error": error.message})
            click.echo(f"Error: {error.message}", err=True)
    opened.close()
    if as_json:
        print_json({"model": opened.name, "predictions": [item.to_dict() for item in answers], "errors": bad})
        return 2 if bad else 0
    for answer in answers:
        ranking = ", ".join(f"{item.label} {item.probability:.3f}" for item in answer.ranking)
        click.echo(f"{answer.source}: {answer.label} ({ranking})")
    if answers and opened.run is not None:
        print_next(f"tfl evaluate {quoted(model)}", f"tfl predict {quoted(model)} {quoted(files[0])} --json")
    return 2 if bad else 0


def _pictures(files: tuple[Path, ...]) -> list[Path]:
    found: list[Path] = []
    for file in files:
        if file.is_dir():
            found += sorted(item for item in file.rglob("*") if item.is_file() and not item.name.startswith("."))
        else:
            found.append(file)
    return found
