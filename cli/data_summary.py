"""`tfl data summary`: follow one picture from its file to the model's input."""

from __future__ import annotations

from typing import Any

import click

from tfl.core.config import DEFAULT_BACKBONE
from tfl_cli._options import augment_flags, chosen_augmentation, read_flags, read_named
from tfl_cli._output import print_json, print_table


@click.command("summary")
@click.argument("data", type=click.Path())
@read_flags
@click.option("--backbone", default=DEFAULT_BACKBONE, help="Whose input contract, source:name.")
@augment_flags
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def command(
    data: str,
    backbone: str,
    augment: str | None,
    assignments: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> int:
    """Print shape, type and range of the first picture of DATA after every step of the preprocessing.

    With --augment also the steps that training takes, one per knob that is on.
    """
    from tfl.backbones import backbone_info
    from tfl.core.augmentation import PRESETS
    from tfl.data.preprocess import as_pictures
    from tfl.report.data_summary import HEAD, summarize_sample

    augmentation = chosen_augmentation(augment, assignments) or PRESETS["none"]
    contract = as_pictures(backbone_info(backbone).preprocessing, purpose="tfl data summary")
    manifest = read_named(data, options)
    summary = summarize_sample(manifest, contract, backbone=backbone, augmentation=augmentation)
    if as_json:
        print_json(summary.to_dict())
        return 0
    print_table(HEAD, summary.rows(), title=summary.title)
    return 0
