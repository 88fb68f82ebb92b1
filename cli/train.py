"""`tfl train DATA`: check, split, train, evaluate, report."""

from __future__ import annotations

from typing import Any

import click

from tfl_cli._options import DATA_FLAGS, FOLD_FLAGS, TRAIN_FLAGS, bad_data_flags, json_flag, output_flags, setting_flags
from tfl_cli._run import run_and_print
from tfl_cli._sections import SectionedCommand

TABLES = (DATA_FLAGS, TRAIN_FLAGS, FOLD_FLAGS)


@click.command("train", cls=SectionedCommand)
@click.argument("data", required=False, type=click.Path())
@setting_flags(*TABLES)
@bad_data_flags
@output_flags
@json_flag
def command(data: str | None, as_json: bool, **options: Any) -> int:
    r"""Train on DATA and evaluate, without exports.

    \b
    tfl train photos --epochs 20 --fine-tune 10 --augment standard
    tfl train photos --folds 5
    """
    from tfl.pipeline import TRAINING_STAGES

    return run_and_print(data, options, TABLES, stages=TRAINING_STAGES, as_json=as_json, command="train")
