"""`tfl data relabel`: a new version of the data from a table with decisions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfl.core.errors import OutputExistsError, UserError
from tfl_cli._options import json_flag
from tfl_cli._output import print_json, print_next, print_table, quoted

if TYPE_CHECKING:
    from tfl.data.manifest import Manifest


@click.group("relabel")
def command() -> None:
    """Put decisions about labels into effect."""


@command.command("apply")
@click.argument("table", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path), help="What the table is about: a run or a saved manifest.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The new version; manifest-<n>.json beside TABLE by default."
)
@click.option(
    "--new-class", "new_classes", multiple=True, metavar="NAME", help="A class that the data do not have yet."
)
@json_flag
def apply_command(
    table: Path, data: Path | None, out: Path | None, new_classes: tuple[str, ...], as_json: bool
) -> None:
    """Make a new version of the data from TABLE, in which the column 'decision' is filled in.

    The files and the old version stay as they are; the new version is a manifest that every command takes as data.
    """
    from tfl.data.kinds import KINDS
    from tfl.data.relabel import apply_table

    manifest = _version(table, data)
    out = out or _free(table)
    if out.exists():
        raise OutputExistsError(f"{out} exists already.", hint="Choose another --out.")
    version, made = apply_table(manifest, table, new_classes=frozenset(new_classes))
    version.save(out)
    if as_json:
        print_json(made.to_dict() | {"out": str(out)})
        return
    rows = [
        ["relabelled", len(made.relabelled)],
        ["removed", len(made.removed)],
        ["kept", made.kept],
        ["not decided, kept", made.open],
    ]
    nouns = KINDS.get(version.kind).nouns
    print_table(["decision", nouns], rows)
    click.echo(f"New version: {out} ({len(version.examples)} {nouns}, made from {made.before[:12]})")
    print_next(
        f"tfl data diff {quoted(data or _run_around(table))} {quoted(out)}",
        f"tfl run {quoted(out)}",
    )


def _run_around(table: Path) -> Path:
    from tfl.core.run_folder import RunFolder

    folder = RunFolder.around(table.parent)
    if folder is None:
        raise UserError(f"{table} lies in no run, so its data are not known.", hint="Name them: --data RUN")
    return folder.path


def _version(table: Path, data: Path | None) -> Manifest:
    from tfl.core.run_folder import RUN_FILE, RunFolder
    from tfl.data.manifest import Manifest

    if not table.is_file():
        raise UserError(f"The table {table} does not exist.", hint="Make it: tfl data review RUN")
    place = data or _run_around(table)
    if (place / RUN_FILE).is_file():
        return Manifest.load(RunFolder(place).manifest_file)
    if not place.is_file():
        raise UserError(f"{place} is neither a run nor a saved manifest.", hint="Name the run that was reviewed.")
    return Manifest.load(place)


def _free(table: Path) -> Path:
    number = 2
    while (table.parent / f"manifest-{number}.json").exists():
        number += 1
    return table.parent / f"manifest-{number}.json"
