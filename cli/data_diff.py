"""`tfl data diff`: what changed between two versions of data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfl_cli._output import print_json, print_table
from tfl_cli._progress import make_progress

if TYPE_CHECKING:
    from tfl.core.progress import Progress
    from tfl.data.manifest import Manifest

_SHOWN = 30


@click.command("diff")
@click.argument("before", type=click.Path())
@click.argument("after", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def command(before: str, after: str, as_json: bool) -> int:
    """Say what changed from BEFORE to AFTER: runs, their manifest.json, or data.

    Exit status 0 when nothing changed, 1 when something did.
    """
    from tfl.data.versions import diff_manifests

    with make_progress() as progress:
        versions = [_manifest(place, progress) for place in (before, after)]
    diff = diff_manifests(*versions, names=(before, after))
    if as_json:
        print_json(diff.to_dict())
        return 0 if diff.is_same else 1
    click.echo(f"{diff.before}: {diff.examples_before} examples, fingerprint {diff.fingerprint_before[:12]}")
    click.echo(f"{diff.after}: {diff.examples_after} examples, fingerprint {diff.fingerprint_after[:12]}")
    if diff.is_same:
        click.echo("Nothing changed.")
        return 0
    print_table(["change", "samples"], [["unchanged", diff.unchanged], *([*item] for item in diff.counts.items())])
    rows = [[item.kind, item.path, item.before, item.after] for item in diff.changes[:_SHOWN]]
    print_table(["change", "sample", "before", "after"], rows)
    if len(diff.changes) > _SHOWN:
        click.echo(f"... and {len(diff.changes) - _SHOWN} more; all with --json.")
    return 1


def _manifest(data: str, progress: Progress) -> Manifest:
    """Read a run's manifest, a saved one, or data; the latter's files are read for their digests."""
    from tfl.core.run_folder import RUN_FILE, RunFolder
    from tfl.data.check import check
    from tfl.data.loading import read_manifest
    from tfl.data.manifest import Manifest

    place = Path(data)
    if (place / RUN_FILE).is_file():
        return Manifest.load(RunFolder(place).manifest_file)
    if place.name == "manifest.json" and place.is_file():
        return Manifest.load(place)
    return check(read_manifest(data), progress=progress)[1]
