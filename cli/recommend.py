"""`tfl recommend`: which artefact of a run to take."""

from __future__ import annotations

from pathlib import Path

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json, print_next, print_table, quoted

_ABOVE_0 = click.FloatRange(min=0, min_open=True)


@click.command("recommend")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--max-latency-ms", type=_ABOVE_0, help="At most so long for one sample, tensor in, tensor out.")
@click.option("--min-accuracy", type=click.FloatRange(0, 1, min_open=True), help="At least this metric, in (0, 1].")
@click.option("--max-size-mb", type=_ABOVE_0, help="At most so large, in 10^6 bytes.")
@click.option("--max-memory-mb", type=_ABOVE_0, help="At most so much memory of the whole process, in 10^6 bytes.")
@click.option(
    "--percentile", type=click.Choice(["50", "90", "99"]), default="90", show_default=True, help="Of the latency."
)
@click.option("--out", type=click.Path(path_type=Path), help="Draw the artefacts and the bounds into this PNG.")
@json_flag
def command(
    run: Path,
    max_latency_ms: float | None,
    min_accuracy: float | None,
    max_size_mb: float | None,
    max_memory_mb: float | None,
    percentile: str,
    out: Path | None,
    as_json: bool,
) -> int:
    """Recommend one of RUN's artefacts, by the newest benchmark of it, and say why.

    Of those that keep all bounds and score within 0.01 of the best of them, the fastest. The exit status is 1 when none
    keeps them; then it says which is closest and which bound is broken least.
    """
    from tfl.bench.choice import Bounds
    from tfl.bench.choice_tables import choice_table
    from tfl.benchmarking import recommend_artifact
    from tfl.core.run_folder import RunFolder
    from tfl.resizing import artifact_dir_of

    bounds = Bounds.asked(
        max_latency_ms=max_latency_ms,
        min_metric=min_accuracy,
        max_size_mb=max_size_mb,
        max_memory_mb=max_memory_mb,
        percent=float(percentile),
    )
    choice = recommend_artifact(run, bounds, chart=out)
    code = 0 if choice.picked else 1
    if as_json:
        print_json(choice.to_dict())
        return code
    plain = choice_table(choice)
    print_table(plain.head, plain.rows)
    click.echo(plain.title)
    for name, why in choice.left_out.items():
        click.echo(f"{name} is left out: {why}")
    click.echo(choice.reason)
    click.echo(f"From {choice.source}")
    if out is not None:
        click.echo(f"Chart: {out}")
    from tfl.model import load

    around = RunFolder.around(run)
    if choice.picked and around is not None:
        artifact = next(item.artifact for item in choice.options if item.name == choice.picked)
        folder = artifact_dir_of(around, artifact)
        print_next(f"tfl predict {quoted(folder)} {load(folder).data.example}")
    return code
