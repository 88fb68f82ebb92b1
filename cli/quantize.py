"""`tfl quantize RUN`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfl_cli._options import COMPLETIONS, json_flag, list_option, names_or
from tfl_cli._output import print_json, print_next, print_table, quoted
from tfl_cli._progress import make_progress

if TYPE_CHECKING:
    from tfl.compress.ladder_records import Approach, Ladder, Try

_SHOWN_LAYERS = 10


@click.command("quantize")
@click.argument("run", type=click.Path(path_type=Path))
@list_option(
    "--target",
    shell_complete=COMPLETIONS["--target"],
    help="Targets, comma-separated; by default all that have a quantizer.",
)
@click.option("--max-drop", type=click.FloatRange(0.0, 1.0), default=0.01, show_default=True, help="Of the metric.")
@click.option("--confident", is_flag=True, help="Ask it of the upper end of the drop's interval, not of the drop.")
@click.option(
    "--calibration-size",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Training samples that set ranges; at most half of them are taken.",
)
@click.option("--calibration-method", help="How every int8 rung sets its ranges; each target has its own.")
@click.option(
    "--approach",
    type=click.Choice(["auto", "ptq", "qat"]),
    default="auto",
    show_default=True,
    help="Quantize after training (ptq), train on for it (qat), or ptq and then qat where no int8 holds (auto).",
)
@click.option("--qat-epochs", type=click.IntRange(1), default=10, show_default=True, help="Of the training for it.")
@click.option(
    "--qat-minutes",
    type=click.FloatRange(0.0),
    default=30.0,
    show_default=True,
    help="After which no epoch of it is begun; 0 sets no limit.",
)
@click.option("--qat-lr", type=float, default=1e-4, show_default=True, help="Learning rate of it.")
@click.option("--again", is_flag=True, help="Climb also where the record of the same question is there.")
@json_flag
def command(
    run: Path,
    target: str | None,
    max_drop: float,
    confident: bool,
    calibration_size: int,
    calibration_method: str | None,
    approach: Approach,
    qat_epochs: int,
    qat_minutes: float,
    qat_lr: float,
    again: bool,
    as_json: bool,
) -> int:
    r"""Find the smallest, fastest quantization of RUN whose metric falls by at most --max-drop, target by target.

    Where no int8 after training holds, the network is trained on with quantization simulated, if the target can use
    that. The run's own network stays as it is.

    Exit status 1 when a target has none, or when the test split says that it fell by more.

    \b
    tfl quantize runs/photos-1 --target openvino,tflite,onnx --max-drop 0.01
    tfl quantize runs/photos-1 --target tflite --approach qat --qat-epochs 5
    """
    from tfl.compress.ladder_records import LadderSettings
    from tfl.core.config import load_config
    from tfl.model import load

    with make_progress() as progress:
        model = load(run, progress=progress)
        settings = LadderSettings(
            max_drop=max_drop,
            confident=confident,
            calibration_samples=calibration_size,
            calibration_method=calibration_method or "",
            approach=approach,
            qat_epochs=qat_epochs,
            qat_minutes=qat_minutes,
            qat_learning_rate=qat_lr,
            seed=load_config(model.run).seed if model.run is not None else 0,
        )
        result = model.quantize(names_or(target, ()), settings=settings, again=again)
    if as_json:
        print_json({**result.to_dict(), "holds": result.holds})
        return 0 if result.holds else 1
    for ladder in result.ladders:
        _print_ladder(ladder)
    print_next(f"tfl report {quoted(run)}", f"tfl benchmark {quoted(run)}")
    return 0 if result.holds else 1


def _print_ladder(ladder: Ladder) -> None:
    from tfl.compress.ladder_run import describe

    tries = ladder.climb.tries if ladder.climb is not None else ()
    head = ["rung", "precision", "status", "drop", "95 % interval", "MB", "latency to fp32", "layers in float", "s"]
    print_table(head, [_row(tried) for tried in tries], title=f"{ladder.target}: on the samples that choose")
    for tried in tries:
        if tried.reason:
            click.echo(f"{tried.rung}: {tried.reason.splitlines()[0]}")
        left = [item for item in tried.ranking if item.left_in_float]
        for item in left[:_SHOWN_LAYERS]:
            click.echo(f"  left in float: {item.layer} ({item.metric_gain:+.4f}, log loss {-item.log_loss_gain:+.4f})")
        if len(left) > _SHOWN_LAYERS:
            click.echo(f"  ... and {len(left) - _SHOWN_LAYERS} more; all with --json.")
    click.echo(describe(ladder))
    if ladder.cell is not None and ladder.cell.failure is not None:
        click.echo(f"{ladder.cell.name}: FAILED in {ladder.cell.failure.stage}: {ladder.cell.failure.message}")


def _row(tried: Try) -> list[str]:
    drop, speed = tried.drop, tried.speed
    left = tried.recipe.float_layers if tried.recipe is not None else ()
    return [
        tried.rung,
        tried.precision,
        {"holds": "holds", "drops": "falls too far", "failed": "FAILED"}[tried.status],
        f"{drop.drop:+.4f}" if drop else "",
        f"{drop.low:+.4f} to {drop.high:+.4f}" if drop else "",
        f"{tried.size_bytes / 1e6:.2f}" if tried.size_bytes else "",
        f"{speed.ratio:.2f} ({speed.low:.2f} to {speed.high:.2f})" if speed else "",
        f"{len(left)} of {len(tried.ranking)}" if tried.ranking else "",
        f"{tried.seconds:.0f}",
    ]
