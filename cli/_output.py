"""Results on standard output: tables for people, one JSON document for programs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click


def print_json(data: Any) -> None:
    """Write one JSON document and nothing else."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def print_table(
    head: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "", folded: Sequence[str] | None = None
) -> None:
    """Write a table; columns whose cells are all numbers are set to the right.

    Args:
        head: Column titles.
        rows: One value per column.
        title: Above the table, or empty.
        folded: The columns that a narrow terminal may fold; all by default.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for index, name in enumerate(head):
        cells = [str(row[index]) for row in rows]
        numeric = bool(cells) and all(cell == "" or cell.replace(",", "")[:1] in "-+.0123456789" for cell in cells)
        whole = folded is not None and name not in folded
        table.add_column(name, justify="right" if numeric else "left", overflow="fold", no_wrap=whole)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    # A pipe or a file gets the whole width, because a table folded at 80 columns can't be read back.
    width = None if sys.stdout.isatty() else 200
    Console(width=width).print(table)


def print_next(*commands: str) -> None:
    """Write the commands to go on with, ready to paste."""
    click.echo("\nNext:")
    for command in commands:
        click.echo(f"  {command}")


def quoted(path: str | Path) -> str:
    """Quote a path for the shell."""
    return shlex.quote(str(path))


def command_line() -> str:
    """Return this process's command line, quoted."""
    return "tfl " + shlex.join(sys.argv[1:])
