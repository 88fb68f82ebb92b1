"""`tfl export RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfl_cli._options import COMPLETIONS, EXPORT_FLAGS, json_flag, list_option, names_or
from tfl_cli._output import print_json, print_next, quoted
from tfl_cli._progress import make_progress
from tfl_cli._tables import climb_commands, print_cells

if TYPE_CHECKING:
    from tfl.data.contract import Fusion


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@list_option("--target", shell_complete=COMPLETIONS["--target"], help=EXPORT_FLAGS["--target"][2])
@list_option("--precision", help="Precisions, comma-separated; fp32,fp16,int8 by default.")
@click.option("--calibration-samples", type=click.IntRange(1), default=200, show_default=True, help="For static int8.")
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Child processes at a time.")
@click.option(
    "--fuse-preprocessing",
    "fused",
    type=EXPORT_FLAGS["--fuse-preprocessing"][1],
    default="none",
    show_default=True,
    help=EXPORT_FLAGS["--fuse-preprocessing"][2],
)
@json_flag
def command(
    run: Path,
    target: str | None,
    precision: str | None,
    calibration_samples: int,
    workers: int,
    fused: Fusion,
    as_json: bool,
) -> int:
    r"""Export RUN and verify every artefact in a fresh process. Exit status 1 when a cell failed.

    \b
    tfl export runs/photos-1 --target openvino,tflite --precision fp32,int8
    tfl export runs/photos-1 --target openvino --precision int8 --fuse-preprocessing normalize
    """
    from tfl.core.config import DEFAULT_PRECISIONS
    from tfl.model import load

    with make_progress() as progress:
        opened = load(run, progress=progress)
        summary = opened.export(
            names_or(target, ()),
            names_or(precision, DEFAULT_PRECISIONS),
            calibration_samples=calibration_samples,
            workers=workers,
            fuse_preprocessing=fused,
        )
    failed = bool(summary.failed_names)
    if as_json:
        print_json(summary.to_dict())
        return 1 if failed else 0
    print_cells(summary.cells)
    good = next((cell for cell in summary.cells if cell.status == "ok"), None)
    commands = [f"tfl benchmark {quoted(run)}", f"tfl report {quoted(run)}"]
    if good is not None:
        commands.insert(0, f"tfl predict {quoted(run / good.artifact_dir)} {opened.data.example}")
    print_next(*commands, *climb_commands(summary, run))
    return 1 if failed else 0
