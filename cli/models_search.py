"""`tfl models search`: backbones by words."""

from __future__ import annotations

from typing import Any

import click

from tfl_cli._models import filter_flags, show_list


@click.command("search")
@click.argument("words", nargs=-1, required=True)
@filter_flags
def command(words: tuple[str, ...], **options: Any) -> int:
    r"""Search backbones by WORDS of names, families, tasks and origins; the best match comes first.

    Every word must be found, and may be misspelt: tfl models search mobilnet photos
    """
    return show_list(" ".join(words), options)
