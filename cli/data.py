"""`tfl data`: the table of its commands."""

from __future__ import annotations

import click

from tfl_cli._lazy import LazyGroup

#: Name -> (file in this folder, what the list of commands says).
COMMANDS = {
    "check": ("data_check", "Say what is wrong with data, file by file, and how to mend it."),
    "diff": ("data_diff", "Say what changed between two versions of data, or between the data of two runs."),
    "folds": ("data_folds", "Cut data into folds for cross-validation."),
}


@click.group("data", cls=LazyGroup, commands_table=COMMANDS)
def command() -> None:
    """Look at data, check and mend them before training."""
