"""`tfl models list`: all known backbones."""

from __future__ import annotations

from typing import Any

import click

from tfl_cli._models import filter_flags, show_list


@click.command("list")
@filter_flags
def command(**options: Any) -> int:
    """List known backbones. Any other TF Hub handle or local folder works too, as tfhub:HANDLE.

    A limit leaves out what its figure is not known of, and says how many. The exit status is 1 when a source could not
    be listed; the others are shown all the same.
    """
    return show_list("", options)
