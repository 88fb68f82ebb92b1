"""What the commands of `tfl models` share: filters, formats, and how lists and files are told."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from tfl_cli._output import print_json, print_next, print_table, quoted
from tfl_cli._types import Count

if TYPE_CHECKING:
    from tfl.backbones import BackboneSource
    from tfl.catalogue import ModelList

Format = Literal["table", "json", "markdown"]
_F = TypeVar("_F", bound=Callable[..., Any])
_ABOVE_0 = click.FloatRange(min=0, min_open=True)
#: Columns of a terminal from which on the whole table fits.
_WIDE = 110
_FILTERS = (
    click.option("--task", help="Only those for this kind of input, such as image_classification."),
    click.option("--source", "sources", multiple=True, help="Only those of this source; may be repeated."),
    click.option(
        "--licence", "--license", "licences", multiple=True, help="Only those under this SPDX licence; may be repeated."
    ),
    click.option(
        "--max-parameters", "--max-params", "max_parameters", type=Count(), help="At most so many weights, such as 5M."
    ),
    click.option("--max-multiply-adds", type=Count(), help="At most so many for one sample, such as 300M or 1G."),
    click.option("--max-mb", type=_ABOVE_0, help="At most so large, in 10^6 bytes of weights in --precision."),
    click.option(
        "--precision",
        type=click.Choice(["fp32", "fp16", "int8"]),
        default="fp32",
        show_default=True,
        help="That sizes are told in.",
    ),
    click.option(
        "--min-score", type=click.FloatRange(0, 1, min_open=True), help="At least this published score, in (0, 1]."
    ),
    click.option("--max-latency-ms", type=_ABOVE_0, help="Only those measured on this machine with at most this."),
    click.option("--offline", is_flag=True, help="Only those that load now without a network."),
    click.option(
        "--sort",
        type=click.Choice(["source", "name", "parameters", "size", "multiply-adds", "score", "latency"]),
        help="What comes first: the least, or the best score.",
    ),
    click.option("--limit", type=click.IntRange(min=1), help="Show no more than so many."),
)
_FORMATS = (
    click.option(
        "--format",
        "shown_as",
        type=click.Choice(["table", "json", "markdown"]),
        help="How to print it.  [default: table]",
    ),
    click.option("--json", "as_json", is_flag=True, help="The same as --format json: one document on standard output."),
)


def filter_flags(command: _F) -> _F:
    """Give a command the filters and the order of a list."""
    for option in reversed((*_FILTERS, *_FORMATS)):
        command = option(command)
    return command


def format_flags(command: _F) -> _F:
    """Give a command `--format` and `--json`."""
    for option in reversed(_FORMATS):
        command = option(command)
    return command


def format_of(shown_as: Format | None, *, as_json: bool) -> Format:
    """Return the format that was asked for.

    Raises:
        click.UsageError: Two different ones were.
    """
    if as_json and shown_as not in (None, "json"):
        raise click.UsageError(f"--json and --format {shown_as} can't both be had. Leave one out.")
    return "json" if as_json else shown_as or "table"


def show_list(search: str, options: dict[str, Any]) -> int:
    """Print the backbones that the filters leave; return the exit status, 1 where a source could not be listed."""
    from tfl.catalogue import list_models

    wanted = format_of(options["shown_as"], as_json=options["as_json"])
    task = options["task"]
    found = list_models(
        search=search,
        task=task.replace("-", "_") if task else None,
        source=options["sources"] or None,
        licence=options["licences"],
        max_parameters=options["max_parameters"],
        max_multiply_adds=options["max_multiply_adds"],
        max_mb=options["max_mb"],
        min_score=options["min_score"],
        max_latency_ms=options["max_latency_ms"],
        precision=options["precision"],
        offline=options["offline"],
        sort=options["sort"],
    )
    shown = found.items[: options["limit"]]
    for failure in found.failures:
        click.echo(f"The source '{failure.source}' could not be listed: {failure.message}", err=True)
    if wanted == "json":
        print_json([item.to_dict() for item in shown])
    elif wanted == "markdown":
        _print_markdown(found, len(shown))
    else:
        _print_table(found, len(shown), search)
    return 1 if found.failures else 0


def _print_markdown(found: ModelList, count: int) -> None:
    from tfl.catalogue import entry_table
    from tfl.report.tables import markdown_table

    table = entry_table(found.items[:count], precision=found.precision)
    click.echo(markdown_table(table.head, table.rows), nl=False)


def _print_table(found: ModelList, count: int, search: str) -> None:
    from tfl.catalogue import entry_table, legend

    shown = found.items[:count]
    if shown:
        brief = sys.stdout.isatty() and shutil.get_terminal_size().columns < _WIDE
        table = entry_table(shown, precision=found.precision, brief=brief)
        print_table(table.head, table.rows, folded=("backbone",))
        more = f", {count} of them shown" if count < len(found) else ""
        here = sum(item.available_offline for item in found)
        click.echo(f"{len(found)} backbone{'s' if len(found) != 1 else ''}{more}; {here} can be loaded now.")
        click.echo(legend(shown))
        if brief:
            click.echo("A wider terminal shows size and licence too.")
    else:
        click.echo(_why_none(search))
    for line in found.remarks[: len(found.unknown)]:
        click.echo(line)
    if not shown:
        print_next("tfl models list", "tfl models search mobilenet")
        return
    first = next((item for item in shown if item.available_offline), shown[0])
    print_next(f"tfl models info {quoted(first.spec)}", "tfl models recommend YOUR_DATA")


def _why_none(search: str) -> str:
    from tfl.catalogue import list_models

    there = len(list_models(search=search)) if search else 1
    if not there:
        return f"No backbone is found for '{search}'."
    found = f"{there} found for '{search}', and the filters leave none" if search else "No backbone fits"
    return f"{found}. Widen the filters."


def source_of(spec: str) -> tuple[BackboneSource, str, str]:
    """Return the source of a backbone, its name there, and its spec; a name that only one source lists is enough."""
    from tfl.backbones import SOURCES, parse_spec
    from tfl.catalogue import find_entry

    full = spec if ":" in spec else find_entry(spec).spec
    source, name = parse_spec(full)
    return SOURCES.get(source), name, full


def print_files(files: tuple[Path, ...], spec: str, *, as_json: bool) -> None:
    """Print what was put in place."""
    if as_json:
        print_json([str(file) for file in files])
        return
    for file in files:
        click.echo(f"{file} is in place, its digest recorded.")
    print_next(f"tfl run YOUR_DATA --backbone {quoted(spec)}")
