"""`tfl predict MODEL INPUT...`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfl.core.errors import DataError, UserError
from tfl_cli._options import json_flag
from tfl_cli._output import print_json, print_next, quoted

if TYPE_CHECKING:
    from tfl.report.records import Passage
    from tfl.tasks import Prediction


@click.command("predict")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("inputs", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="How many classes to rank.")
@click.option("--explain", is_flag=True, help="Of texts, show which words speak for and against the answer.")
@click.option("--threads", type=int, default=0, help="Processor threads; 0 lets the engine choose.")
@json_flag
def command(model: Path, inputs: tuple[str, ...], top: int, explain: bool, threads: int, as_json: bool) -> int:
    """Answer for INPUTS with MODEL: a run, a bundle or any artefact.

    INPUTS are files of pictures or folders of them; for a model of texts the texts themselves in quotes, files or
    folders of texts, or - for one text a line on standard input. What can't be read is said so and the others are
    answered; the exit status is then 2.
    """
    from tfl.model import load

    opened = load(model, threads=threads)
    answers: list[Prediction] = []
    explained, bad = [], []
    for source in _sources(opened, inputs):
        try:
            answers += opened.predict(source, top=top)
            if explain:
                explained.append(opened.explain(source).items[0])
        except DataError as error:
            bad.append({"source": str(source), "error": error.message, "code": error.code})
            click.echo(f"Error: {error.message}", err=True)
    opened.close()
    if bad:
        click.echo(f"Explained: tfl errors {bad[0]['code']}", err=True)
    if as_json:
        document: dict[str, Any] = {"model": opened.name, "predictions": [item.to_dict() for item in answers]}
        document["errors"] = bad
        print_json(document | ({"explanations": [item.to_dict() for item in explained]} if explain else {}))
        return 2 if bad else 0
    for index, answer in enumerate(answers):
        ranking = ", ".join(f"{item.label} {item.probability:.3f}" for item in answer.ranking)
        click.echo(f"{answer.source}: {answer.label} ({ranking})")
        if explain:
            click.echo(f"  {_told(explained[index])}")
    if answers and opened.run is not None:
        print_next(f"tfl evaluate {quoted(model)}", f"tfl predict {quoted(model)} {quoted(inputs[0])} --json")
    return 2 if bad else 0


def _sources(opened: Any, inputs: tuple[str, ...]) -> list[Any]:
    """Return what the model answers, one by one."""
    found: list[Any] = []
    for item in inputs:
        if not item.strip():
            raise UserError("One of the inputs is empty.", hint="Leave it out, or put a text between the quotes.")
        if item == "-":
            found += [line.rstrip("\n") for line in sys.stdin if line.strip()]
        elif _is_folder(item):
            place = Path(item)
            files = (file for file in place.rglob("*") if file.is_file())
            found += sorted(
                file for file in files if not any(part.startswith(".") for part in file.relative_to(place).parts)
            )
        else:
            found.append(opened.preprocessing.source_of(item))
    return found


def _is_folder(item: str) -> bool:
    try:
        return Path(item).is_dir()
    except (OSError, ValueError):
        # A text may be longer than any name, or hold what no name may.
        return False


def _told(passage: Passage) -> str:
    """Mark words in a line: brackets for those that speak for the answer, the more the stronger; ~ against it."""
    words = []
    for piece in passage.pieces:
        text = piece.text.strip()
        depth = 2 if piece.weight > 0.6 else 1 if piece.weight > 0.2 else 0
        words.append("[" * depth + text + "]" * depth if piece.weight >= -0.2 else f"~{text}~")
    return " ".join(words)
