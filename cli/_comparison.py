"""What `tfl runs compare` prints for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tfl_cli._output import print_table

if TYPE_CHECKING:
    from tfl.comparison import Comparison


def print_comparison(comparison: Comparison) -> None:
    """Print a table for each kind of difference, and the results."""
    from tfl.comparison import OTHER_DATA, SECTION_TITLES, shown_name, shown_value

    head = ["", *(run.run for run in comparison.runs)]
    rows = list(comparison.rows())
    for section, title in SECTION_TITLES.items():
        lines = [
            [shown_name(section, name), *(shown_value(name, value) for value in values)]
            for kind, name, values in rows
            if kind == section and any(value is not None for value in values)
        ]
        if lines:
            print_table(head, lines, title=title)
    same = [title for section, title in SECTION_TITLES.items() if not any(kind == section for kind, _, _ in rows)]
    for title in same:
        click.echo(f"{title}: none.")
    if not comparison.is_same_data:
        click.echo(OTHER_DATA)
