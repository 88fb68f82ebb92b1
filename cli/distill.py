"""`tfl distill RUN --student BACKBONE`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfl_cli._options import json_flag, one_way
from tfl_cli._output import command_line, print_json, print_next, print_table, quoted
from tfl_cli._progress import make_progress


@click.command("distill")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--student", required=True, help="Backbone that learns, source:name. See: tfl models list")
@click.option("--temperature", type=float, default=4.0, show_default=True, help="What logits are divided by.")
@click.option("--alpha", type=float, default=0.9, show_default=True, help="Share of the teacher in the loss.")
@click.option(
    "--features", type=float, default=0.0, show_default=True, help="Weight of the distance to the teacher's features."
)
@click.option("--epochs", type=int, default=20, show_default=True, help="Most epochs.")
@click.option("--lr", "learning_rate", type=float, default=1e-4, show_default=True, help="Constant learning rate.")
@click.option("--batch-size", type=int, default=32, show_default=True, help="Samples per step.")
@click.option("--layers", type=int, default=0, show_default=True, help="Last layers that learn; 0 means all.")
@click.option(
    "--batch-norm",
    type=click.Choice(["frozen", "learn"]),
    default="frozen",
    show_default=True,
    help="Of the layers that learn.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the order and the augmentation.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the new run; <run>-<student> by default.")
@click.option("--resume", is_flag=True, help="Go on after the last checkpoint in it.")
@click.option("--overwrite", is_flag=True, help="Replace the run in --out.")
@json_flag
def command(run: Path, out: Path | None, resume: bool, overwrite: bool, as_json: bool, **options: Any) -> int:
    r"""Let a smaller network learn from RUN's: from its answers and, if asked, its features.

    \b
    tfl distill runs/photos-1 --student keras_applications:MobileNetV3Small
    """
    from tfl.compress.distill import DistillSettings
    from tfl.compress.tables import distillation_lines, distillation_table
    from tfl.core.run_folder import RunFolder
    from tfl.distillation import distill_run

    if_exists = one_way(resume=resume, overwrite=overwrite)
    settings = DistillSettings(**options)
    place = out or RunFolder(run).beside(settings.suffix)
    with make_progress() as progress:
        made = distill_run(
            run,
            settings,
            out=place,
            if_exists=if_exists,
            command=command_line(),
            progress=progress,
        )
    if as_json:
        print_json({"run": str(place), "distillation": made.to_dict()})
        return 0
    plain = distillation_table(made)
    print_table(plain.head, plain.rows, title=plain.title)
    for line in distillation_lines(made)[1:]:
        click.echo(line)
    click.echo(f"Speed: {made.speed}.")
    print_next(f"tfl export {quoted(place)}", f"tfl report {quoted(place)}")
    return 0
