"""What `tfl runs compare` prints for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tfl_cli._output import print_table

if TYPE_CHECKING:
    from tfl.comparison import Comparison

_TITLES = {
    "settings": "Settings that differ",
    "data": "Data that differ",
    "made_with": "Made with what differs",
    "results": "On the test split",
    "costs": "Cost",
}
_BYTES = "peak_rss_bytes"


def print_comparison(comparison: Comparison) -> None:
    """Print a table for each kind of difference, and the results."""
    from tfl.comparison import OTHER_DATA

    head = ["", *(run.run for run in comparison.runs)]
    rows = list(comparison.rows())
    for section, title in _TITLES.items():
        lines = [
            [_name(section, name), *(_cell(value, name) for value in values)]
            for kind, name, values in rows
            if kind == section and any(value is not None for value in values)
        ]
        if lines:
            print_table(head, lines, title=title)
    same = [title for section, title in _TITLES.items() if not any(kind == section for kind, _, _ in rows)]
    for title in same:
        click.echo(f"{title}: none.")
    if not comparison.is_same_data:
        click.echo(OTHER_DATA)


def _name(section: str, name: str) -> str:
    if name == _BYTES:
        return "peak memory, MB"
    return name.replace("_", " ") if section in ("results", "costs") else name


def _cell(value: Any, name: str) -> str:
    if value is None:
        return ""
    if name == _BYTES:
        return f"{value / 1e6:.0f}"
    if isinstance(value, float):
        return f"{value:.0f}" if value == int(value) and abs(value) > 1 else f"{value:.4g}"
    return str(value)
