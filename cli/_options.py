"""Options that several commands share. Every flag is a dotted setting of the one config record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tfl.core.config import RunConfig, parse_assignment, read_yaml, resolve_config
from tfl.core.errors import UserError
from tfl.core.files import IfExists

if TYPE_CHECKING:
    from tfl.data.readers import ReadOptions

F = TypeVar("F", bound=Callable[..., Any])

#: Flag -> (dotted setting, type, help). `str,` marks a comma-separated list.
DATA_FLAGS: dict[str, tuple[str, Any, str]] = {
    "--reader": ("data.reader", str, "How to read the data; found out by default."),
    "--path-column": ("data.path_column", str, "Column of a manifest file with the files; guessed by default."),
    "--label-column": ("data.label_column", str, "Column with the classes; guessed by default."),
    "--split-column": ("data.split_column", str, "Column with the splits; guessed by default."),
    "--group-column": ("data.group_column", str, "Column of what must stay on one side of a split."),
    "--frame-rate": ("data.frame_rate", float, "Frames to take from each second of a video; one by default."),
    "--validation-fraction": ("data.validation_fraction", float, "Share of the data that chooses the epoch."),
    "--test-fraction": ("data.test_fraction", float, "Share of the data that is scored."),
}
TRAIN_FLAGS: dict[str, tuple[str, Any, str]] = {
    "--backbone": ("model.backbone", str, "Pretrained network, source:name. See: tfl models list"),
    "--image-size": ("model.image_size", int, "Height and width in pixels; the backbone's own by default."),
    "--epochs": ("train.epochs", int, "Most epochs of the head."),
    "--batch-size": ("train.batch_size", int, "Samples per step of the second stage."),
    "--learning-rate": ("train.learning_rate", float, "Of the head."),
    "--patience": ("train.patience", int, "Epochs without progress before a stage stops."),
    "--fine-tune": ("train.fine_tune_epochs", int, "Most epochs of training the backbone's last layers too."),
    "--fine-tune-layers": ("train.fine_tune_layers", int, "How many of the backbone's last layers; 0 means all."),
    "--fine-tune-rate": ("train.fine_tune_learning_rate", float, "Learning rate of that stage."),
    "--augment": (
        "train.augmentation",
        click.Choice(["none", "light", "standard", "strong"]),
        "Random changes of training pictures.",
    ),
    "--class-weights": ("train.class_weights", click.Choice(["none", "balanced"]), "Weigh rare classes more."),
    "--train-precision": (
        "train.precision",
        click.Choice(["auto", "float32", "mixed_bfloat16", "mixed_float16"]),
        "Arithmetic of the training.",
    ),
    "--seed": ("seed", int, "Of every random choice."),
}
EXPORT_FLAGS: dict[str, tuple[str, Any, str]] = {
    "--target": ("export.targets", "str,", "Targets, comma-separated; all by default."),
    "--precision": ("export.precisions", "str,", "Precisions, comma-separated; fp32,fp16,int8 by default."),
    "--calibration-samples": ("export.calibration_samples", int, "Training samples that set the ranges of int8."),
}
BENCHMARK_FLAGS: dict[str, tuple[str, Any, str]] = {
    "--seconds": ("benchmark.seconds", float, "How long each figure is measured."),
    "--threads": ("benchmark.threads", int, "Threads per engine; 0 lets it choose."),
    "--rounds": ("benchmark.rounds", int, "Repeat over all cells in turn; the spread is the noise floor."),
}


#: Flag -> parameter, of what may be said about data.
READ_FLAGS = {
    "--path-column": "path_column",
    "--label-column": "label_column",
    "--split-column": "split_column",
    "--group-column": "group_column",
    "--frame-rate": "frame_rate",
}


def read_flags(function: F) -> F:
    """Add `--reader` and the flags for columns, with the help texts of the training commands."""
    for flag in reversed(("--reader", *READ_FLAGS)):
        function = click.option(flag, _parameter(flag), type=DATA_FLAGS[flag][1], help=DATA_FLAGS[flag][2])(function)
    return function


def read_options(options: dict[str, Any]) -> ReadOptions:
    """Gather what was said about columns and videos."""
    from tfl.data.readers import ReadOptions

    return ReadOptions(**{name: options[name] for name in READ_FLAGS.values() if options[name]})


def _parameter(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def setting_flags(*tables: dict[str, tuple[str, Any, str]]) -> Callable[[F], F]:
    """Add the flags of the tables, and `--config` and `--set`."""

    def add(function: F) -> F:
        flags = [item for table in tables for item in table.items()]
        function = click.option(
            "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="Any setting, such as train.epochs=5."
        )(function)
        function = click.option(
            "--config", "config_file", type=click.Path(path_type=Path), help="YAML file with settings."
        )(function)
        for flag, (_, kind, text) in reversed(flags):
            function = click.option(flag, _parameter(flag), type=str if kind == "str," else kind, help=text)(function)
        return function

    return add


def resolve(options: dict[str, Any], *tables: dict[str, tuple[str, Any, str]], **fixed: Any) -> RunConfig:
    """Build the one config record: file first, then `--set`, then flags.

    Args:
        options: What click passed to the command.
        *tables: Those given to `setting_flags`.
        **fixed: Settings by dotted name with `__` for the dot; None is left out.
    """
    base = read_yaml(options["config_file"]) if options.get("config_file") else {}
    overrides = dict(parse_assignment(text) for text in options.get("assignments", ()))
    for table in tables:
        for flag, (dotted, kind, _) in table.items():
            value = options.get(_parameter(flag))
            if value is not None:
                overrides[dotted] = _names(value) if kind == "str," else value
    overrides |= {name.replace("__", "."): value for name, value in fixed.items() if value is not None}
    return resolve_config(base, overrides)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def names_or(text: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    """Read a comma-separated list, or return the default."""
    return tuple(_names(text)) if text else default


def output_flags(function: F) -> F:
    """Add `--out`, `--resume` and `--overwrite`."""
    function = click.option("--overwrite", is_flag=True, help="Replace the run in --out.")(function)
    function = click.option("--resume", is_flag=True, help="Go on with the run in --out.")(function)
    return click.option("--out", type=click.Path(), help="Folder of the run; runs/<data>-<backbone>-<n> by default.")(
        function
    )


def if_exists(options: dict[str, Any]) -> IfExists:
    """Read `--resume` and `--overwrite`.

    Raises:
        UserError: Both were given.
    """
    if options["resume"] and options["overwrite"]:
        raise UserError("--resume and --overwrite exclude each other.")
    if options["resume"]:
        return "resume"
    return "overwrite" if options["overwrite"] else "refuse"


def bad_data_flags(function: F) -> F:
    """Add `--skip-bad` and `--allow`."""
    function = click.option(
        "--allow", multiple=True, metavar="RULE", help="A rule of the data check that may be broken."
    )(function)
    return click.option("--skip-bad", is_flag=True, help="Leave out files that can't be read, and say so.")(function)


json_flag = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
