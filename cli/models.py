"""`tfl models`: the table of its commands."""

from __future__ import annotations

import click

from tfl_cli._lazy import LazyGroup

#: Name -> (file in this folder, what the list of commands says).
COMMANDS = {
    "list": ("models_list", "List known backbones with size, cost, published score, licence and latency here."),
    "search": ("models_search", "Search them by words, misspelt ones too."),
    "info": ("models_info", "Tell all that is known of one backbone."),
    "recommend": ("models_recommend", "Recommend a backbone for data: a probe of each, and its measured latency."),
    "fetch": ("models_fetch", "Download what a backbone needs into the cache."),
    "import": ("models_import", "Put a file that was carried here by hand where a backbone looks for it."),
}


@click.group("models", cls=LazyGroup, commands_table=COMMANDS)
def command() -> None:
    """List, search, describe, fetch, import and recommend pretrained backbones."""
