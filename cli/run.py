"""`tfl run DATA`: every stage."""

from __future__ import annotations

from typing import Any

import click

from tfl_cli._options import (
    BENCHMARK_FLAGS,
    DATA_FLAGS,
    EXPORT_FLAGS,
    TRAIN_FLAGS,
    bad_data_flags,
    json_flag,
    output_flags,
    setting_flags,
)
from tfl_cli._run import run_and_print
from tfl_cli._sections import SectionedCommand

TABLES = (DATA_FLAGS, TRAIN_FLAGS, EXPORT_FLAGS, BENCHMARK_FLAGS)


@click.command("run", cls=SectionedCommand)
@click.argument("data", required=False, type=click.Path())
@setting_flags(*TABLES)
@bad_data_flags
@output_flags
@json_flag
def command(data: str | None, as_json: bool, **options: Any) -> int:
    r"""Do all stages on DATA, a folder with one sub-folder of pictures per class.

    Check, split, train, evaluate, export to every target, verify, benchmark, report. The exit status is
    0 when everything holds, 1 when a stage or a cell failed, 2 for a mistake in what was asked.

    \b
    tfl run photos
    tfl run photos --backbone keras_applications:MobileNetV2 --target openvino,tflite --precision fp32,int8
    """
    from tfl.pipeline import STAGES

    return run_and_print(data, options, TABLES, stages=tuple(STAGES), as_json=as_json, command="run")
