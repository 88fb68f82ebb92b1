"""What `tfl runs reproduce` prints for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tfl_cli._output import print_next, print_table, quoted

if TYPE_CHECKING:
    from tfl.reproduction import Reproduction

_SHOWN = 10


def print_reproduction(result: Reproduction) -> None:
    """Print the verdict, what differs in the results, and what was different beforehand."""
    click.echo(f"{result.out} against {result.run}: {result.verdict}")
    print_table(["figure", "before", "after"], [[item.name, item.before, item.after] for item in result.figures])
    click.echo(
        f"{len(result.flipped)} of {result.samples} answers differ;"
        f" largest difference of a probability: {result.max_abs_difference:.3g}"
    )
    _print_some("other answer", result.flipped)
    found = result.weight_differences
    click.echo(f"{len(found)} of {result.weights} weights differ{': the first are' if found else '.'}")
    if found:
        rows = [
            [item.layer, item.weight, item.what, f"{item.values} of {item.of}", f"{item.max_abs_difference:.3g}"]
            for item in found[:_SHOWN]
        ]
        print_table(["layer", "weight", "differs in", "values", "max difference"], rows)
    if result.first_epoch:
        click.echo(f"First epoch that differs: {result.first_epoch}")
    for title, lines in (
        ("settings changed since the run", result.settings),
        ("data", result.data),
        ("made with", result.made_with),
    ):
        _print_some(title, lines)
    if result.verdict != "identical" and not (result.settings or result.data or result.made_with):
        click.echo(
            "Settings, data, code, versions, machine and environment variables are the same, so the computation itself"
            " is not exactly repeatable here. On a GPU try TF_DETERMINISTIC_OPS=1."
        )
    print_next(f"tfl runs compare {quoted(result.run)} {quoted(result.out)}", f"tfl runs show {quoted(result.out)}")


def _print_some(title: str, lines: tuple[str, ...]) -> None:
    for line in lines[:_SHOWN]:
        click.echo(f"{title}: {line}")
    if len(lines) > _SHOWN:
        click.echo(f"{title}: ... and {len(lines) - _SHOWN} more; all with --json")
