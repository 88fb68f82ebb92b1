"""`tfl errors`: what an error means, without a network."""

from __future__ import annotations

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json, print_table


@click.command("errors")
@click.argument("code", required=False)
@json_flag
def command(code: str | None, as_json: bool) -> None:
    r"""Explain the error CODE: what it means, why it comes, what to do. Without CODE, list all of them.

    The line below every error names its code. CODE may also be the name of a class, as records of failures have it.

    \b
    tfl errors data-error
    """
    from tfl.core.error_guide import explain, read_guide

    if code is None:
        if as_json:
            print_json([item.to_dict() for item in read_guide()])
        else:
            print_table(
                ["code", "exit status", "meaning"], [[item.code, item.exit_code, item.meaning] for item in read_guide()]
            )
        return
    found = explain(code)
    if as_json:
        print_json(found.to_dict())
        return
    click.echo(
        f"{found.code} (exit status {found.exit_code}{f', {found.error}' if found.error else ''})\n{found.meaning}"
    )
    for item in found.symptoms:
        click.echo(f"\n  {item.message}\n    Why:        {item.why}\n    What to do: {item.remedy}")
