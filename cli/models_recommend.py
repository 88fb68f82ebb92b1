"""`tfl models recommend`: which backbone to take for data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfl_cli._options import READ_FLAGS, bad_data_flags, json_flag, read_flags
from tfl_cli._output import print_json, print_next, print_table, quoted
from tfl_cli._progress import make_progress


@click.command("recommend")
@click.argument("data", type=click.Path())
@click.option("--max-latency-ms", type=click.FloatRange(min=0, min_open=True), help="At most so long for one sample.")
@click.option(
    "--min-accuracy", type=click.FloatRange(0, 1, min_open=True), help="At least so accurate, as a share in (0, 1]."
)
@click.option("--backbone", "backbones", multiple=True, metavar="SPEC", help="Examine this one; may be repeated.")
@click.option("--image-size", type=int, help="Height and width in pixels; each backbone's own by default.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the splits and the folds.")
@click.option("--out", type=click.Path(path_type=Path), help="Draw accuracy against latency into this PNG.")
@read_flags
@bad_data_flags
@json_flag
def command(
    data: str,
    max_latency_ms: float | None,
    min_accuracy: float | None,
    backbones: tuple[str, ...],
    image_size: int | None,
    seed: int,
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Recommend a backbone for DATA: accuracy of a linear probe in 5 folds, LogME, measured latency and size.

    Examines all backbones that load now without a network, or those named. The test split that a run with the same
    seed would have is left alone. The exit status is 1 when no backbone keeps the limits.
    """
    from tfl.recommendation import HEAD, recommend, rows_of

    settings: dict[str, object] = {
        f"data.{name}": options[name] for name in READ_FLAGS.values() if options.get(name) is not None
    }
    settings |= {"data.reader": options["reader"]} if options.get("reader") else {}
    settings |= {"data.allow": list(options["allow"])} if options["allow"] else {}
    settings |= {"data.bad_files": "skip"} if options["skip_bad"] else {}
    with make_progress() as progress:
        result = recommend(
            data,
            backbones=backbones,
            max_latency_ms=max_latency_ms,
            min_accuracy=min_accuracy,
            image_size=image_size,
            seed=seed,
            settings=settings,
            chart=out,
            progress=progress,
        )
    code = 0 if result.recommended else 1
    if as_json:
        print_json(result.to_dict())
        return code
    print_table(HEAD, rows_of(result))
    click.echo("* recommended, - no other is both faster and better")
    for spec, reason in result.failures.items():
        click.echo(f"{spec} could not be examined: {reason}")
    click.echo(f"{result.reason} ({result.sample_count} samples, {result.folds} folds.)")
    if out is not None:
        click.echo(f"Chart: {out}")
    for remark in result.remarks:
        click.echo(remark)
    commands = [f"tfl models fetch {quoted(item.backbone)}" for item in result.not_here[:1]]
    if result.recommended:
        commands.insert(0, f"tfl run {quoted(data)} --backbone {quoted(result.recommended)}")
    if commands:
        print_next(*commands)
    return code
