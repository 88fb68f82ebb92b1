"""`tfl data`: the table of its commands."""

from __future__ import annotations

import click

from tfl_cli._lazy import LazyGroup

#: Name -> (file in this folder, what the list of commands says).
COMMANDS = {
    "formats": ("data_formats", "Explain every format that can be read, with an example."),
    "describe": ("data_describe", "Say what was understood of data: classes, splits, groups, columns."),
    "check": ("data_check", "Say what is wrong with data, sample by sample, and how to mend it."),
    "review": ("data_review", "Find labels that are likely wrong, and samples that are hard to tell."),
    "relabel": ("data_relabel", "Make a new version of data from decisions about labels."),
    "summary": ("data_summary", "Follow one picture from its file to the model's input."),
    "show": ("data_show", "Show a few samples: pictures resized and augmented in every way, or texts."),
    "diff": ("data_diff", "Say what changed between two versions of data, or between the data of two runs."),
    "folds": ("data_folds", "Cut data into folds for cross-validation."),
}


@click.group("data", cls=LazyGroup, commands_table=COMMANDS)
def command() -> None:
    """Look at data, check and mend them before training."""
