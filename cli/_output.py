"""Results on standard output: tables for people, one JSON document for programs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console


def print_json(data: Any) -> None:
    """Write one JSON document and nothing else."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False, default=str))


def print_table(
    head: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: str = "",
    folded: Sequence[str] | None = None,
    keys: int = 1,
) -> None:
    """Write a table; columns whose cells are all numbers are set to the right.

    In a narrow terminal columns fold between words. A table that is still too wide is written in parts, one below the
    other, each with the columns that name its rows.

    Args:
        head: Column titles.
        rows: One value per column.
        title: Above the table, or empty.
        folded: The columns that a narrow terminal may fold; all by default.
        keys: How many columns name a row.
    """
    from rich.console import Console

    from tfl_cli._table_parts import cut_into_parts, measure_column, share_width

    # A pipe or a file gets the whole width, because a table folded at 80 columns can't be read back.
    console = Console(width=None if sys.stdout.isatty() else 200)
    texts = [[str(row[index]) for row in rows] for index in range(len(head))]
    columns = [
        measure_column([name, *cells], folds=folded is None or name in folded)
        for name, cells in zip(head, texts, strict=True)
    ]
    for number, part in enumerate(cut_into_parts(columns, width=console.width, keys=keys)):
        widths = share_width([columns[index] for index in part], width=console.width)
        _print_part(
            console,
            [(head[index], texts[index], width) for index, width in zip(part, widths, strict=True)],
            title=title if number == 0 else "",
        )


def _print_part(console: Console, columns: Sequence[tuple[str, Sequence[str], int]], *, title: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name, cells, width in columns:
        numeric = bool(cells) and all(cell == "" or cell.replace(",", "")[:1] in "-+.0123456789" for cell in cells)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold", width=width)
    for row in zip(*(cells for _, cells, _ in columns), strict=True):
        table.add_row(*map(Text, row))
    console.print(table)


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
