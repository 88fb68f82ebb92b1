"""A group of commands whose files are imported only when they run."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from tfl.core.errors import closest


class LazyGroup(click.Group):
    """Commands by name from a table; unknown names get the closest one.

    Args:
        commands_table: Name -> (file in this folder, what the list of commands says).
        **options: Of every click group.
    """

    def __init__(self, *, commands_table: Mapping[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(**options)
        self._table = commands_table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._table:
            return None
        command: click.Command = importlib.import_module(f"tfl_cli.{self._table[cmd_name][0]}").command
        # Raw docstrings spell click's mark of lines that are not to be wrapped in two characters.
        command.help = (command.help or "").replace("\\b\n", "\b\n")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self._table and not name.startswith("-"):
            ctx.fail(f"There is no command '{name}'.{closest(name, self._table)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._table.items()])
