"""`tfl verify ARTIFACT`."""

from __future__ import annotations

from pathlib import Path

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json
from tfl_cli._progress import make_progress
from tfl_cli._tables import print_verifications


@click.command("verify")
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(), help="Held-out data; by default those of the run it lies in.")
@click.option("--split", help="A split of the data.")
@json_flag
def command(artifact: Path, data: str | None, split: str | None, as_json: bool) -> int:
    """Prove in a fresh process that ARTIFACT does what the float model does.

    Given a run or a bundle, every artefact in it is verified. Exit status 1 when a proof fails.
    """
    from tfl.model import load

    with make_progress() as progress:
        proofs = load(artifact, progress=progress).verify(data, split=split)
    passed = all(proof.passed for proof in proofs)
    if as_json:
        print_json([proof.to_dict() for proof in proofs])
    else:
        print_verifications(proofs)
    return 0 if passed else 1
