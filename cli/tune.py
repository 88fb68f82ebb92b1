"""`tfl tune DATA`: search better settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfl.core.config import RunConfig
from tfl.core.errors import UserError
from tfl_cli._options import DATA_FLAGS, TRAIN_FLAGS, bad_data_flags, json_flag, resolve, setting_flags
from tfl_cli._output import print_json, print_next, print_table, quoted
from tfl_cli._progress import make_progress
from tfl_cli._sections import SectionedCommand

if TYPE_CHECKING:
    from tfl.report.study import TuneResult

#: A search has a time limit of its own.
TABLES = (DATA_FLAGS, {flag: what for flag, what in TRAIN_FLAGS.items() if flag != "--time-limit"})
_SHOWN = 15


@click.command("tune", cls=SectionedCommand)
@click.argument("data", required=False, type=click.Path())
@click.option("--trials", type=click.IntRange(min=1), help="Trials of the study in all; 20 where no limit is given.")
@click.option("--time-limit", metavar="TIME", help="Of this call, such as 10m or 1h30m.")
@click.option("--study", type=click.Path(path_type=Path), help="The study's folder; one that is there goes on.")
@click.option("--space", multiple=True, metavar="NAME=VALUES", help="NAME=LOW:HIGH[:log] or NAME=CHOICE,CHOICE.")
@click.option("--space-only", is_flag=True, help="Search nothing but what --space names.")
@click.option(
    "--objective",
    type=click.Choice(["loss", "accuracy"]),
    default="loss",
    show_default=True,
    help="Of the validation split.",
)
@click.option(
    "--pruner",
    type=click.Choice(["median", "none"]),
    default="median",
    show_default=True,
    help="End trials that are worse than the median at the same epoch.",
)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes that train.")
@click.option(
    "--storage", default="journal", show_default=True, help="'journal' (a file in the study) or a database's address."
)
@setting_flags(*TABLES)
@bad_data_flags
@json_flag
def command(
    data: str | None,
    trials: int | None,
    time_limit: str | None,
    study: Path | None,
    space: tuple[str, ...],
    space_only: bool,
    objective: Any,
    pruner: Any,
    workers: int,
    storage: str,
    as_json: bool,
    **options: Any,
) -> None:
    r"""Search settings of a training on DATA, or on the data of a config file, and write the best as a config.

    Judges by the validation split; the test split is never looked at. The same command with the same --study goes on
    where it was stopped.

    \b
    tfl tune photos --trials 30 --study studies/photos
    tfl tune photos --time-limit 10m --space train.learning_rate=1e-4:1e-1:log --space train.augmentation=none,light
    """
    from tfl.tuning import tune
    from tfl.tuning.study import next_folder

    config = _config(data, options)
    study = study or next_folder(config)
    try:
        with make_progress() as progress:
            result = tune(
                config,
                study=study,
                trials=trials,
                time_limit=time_limit,
                space=space,
                only_named=space_only,
                objective=objective,
                pruner=pruner,
                workers=workers,
                storage=storage,
                progress=progress,
            )
    except KeyboardInterrupt:
        click.echo(
            f"What is done is kept. Go on with the same command and --study {quoted(study)}; the best so far, where a"
            f" trial has completed: {study / 'best.yaml'}",
            err=True,
        )
        raise
    if as_json:
        print_json(result.to_dict())
        return
    _show(result)


def _config(data: str | None, options: dict[str, Any]) -> RunConfig:
    """Return the settings that every trial starts from."""
    if data and data.endswith((".yaml", ".yml")):
        if options["config_file"]:
            raise UserError("A config file was given twice: as DATA and with --config.")
        options["config_file"], data = Path(data), None
    fixed = {
        "data__path": data,
        "data__bad_files": "skip" if options["skip_bad"] else None,
        "data__allow": list(options["allow"]) or None,
    }
    config = resolve(options, *TABLES, **fixed)
    if not config.data.path:
        raise UserError(
            "Say which data: a folder with one sub-folder of pictures per class, or a table of texts.",
            hint="tfl tune FOLDER",
        )
    return config


def _show(result: TuneResult) -> None:
    from tfl.report.study import trial_head, trial_rows

    rows = trial_rows(result)
    print_table(trial_head(result), rows[:_SHOWN])
    if len(rows) > _SHOWN:
        click.echo(f"The best {_SHOWN} of {len(rows)}; all are in {result.study}/result.json.")
    if result.importance:
        print_table(["setting", "share of the variance"], [[name, f"{s:.3f}"] for name, s in result.importance.items()])
    before = "" if result.first_value is None else f" (the settings as they were: {result.first_value:.4f})"
    click.echo(
        f"Best: trial {result.best}, validation {result.objective} {result.best_value:.4f}{before}, on"
        f" {result.validation_samples} samples. The best of many on one split promises too much: the test split tells."
    )
    click.echo(f"Config: {result.config_file}")
    print_next(f"tfl train --config {quoted(result.config_file)}")
