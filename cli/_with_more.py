"""A command that has others below it and still works as it did alone."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class CommandWithMore(click.Command):
    """A command; when its first argument is the name of one below it, that one runs.

    A path that is called like one of them is named with its folder, such as `./verify`.

    Args:
        more: Name -> (file in this folder, what the list of commands says).
        **options: Of every click command.
    """

    def __init__(self, *, more: Mapping[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(**options)
        self._more = more

    @property
    def more(self) -> tuple[str, ...]:
        """Names of the commands below it."""
        return tuple(self._more)

    def below(self, name: str) -> click.Command:
        """Return the command below it of that name."""
        command: click.Command = importlib.import_module(f"tfl_cli.{self._more[name][0]}").command
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in self._more:
            return self.below(args[0]).make_context(f"{info_name} {args[0]}", args[1:], parent=parent, **extra)
        return super().make_context(info_name, args, parent=parent, **extra)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._more.items()])
