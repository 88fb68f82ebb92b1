"""How an error is told: for people on standard error, and with `--json` as the one document on standard output."""

from __future__ import annotations

import sys

import click

from tfl_cli._output import print_json


def tell_error(message: str, *, hint: str, code: str, exit_code: int) -> None:
    """Write an error with its next step and the command that explains it."""
    click.echo(f"Error: {message}", err=True)
    if hint:
        click.echo(hint, err=True)
    point_to_guide(message, hint=hint, code=code, exit_code=exit_code)


def point_to_guide(message: str, *, hint: str, code: str, exit_code: int) -> None:
    """Name the command that explains an error that was told already, and write the document."""
    click.echo(f"Explained: tfl errors {code}", err=True)
    if _wants_json(sys.argv[1:]):
        print_json({"error": {"code": code, "message": message, "hint": hint, "exit_code": exit_code}})


def _wants_json(arguments: list[str]) -> bool:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return "--json" in arguments[:end]
