"""Options that several commands share. Every flag is a dotted setting of the one config record."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from tfl.core.augmentation import Augmentation, AugmentConfig, resolve_augmentation
from tfl.core.config import RunConfig, flatten, parse_assignment, read_yaml, resolve_config
from tfl.core.errors import UserError
from tfl.core.files import IfExists
from tfl.core.registry import Registry
from tfl.loggers import LOGGERS
from tfl_cli._sections import SettingOption, shown_default
from tfl_cli._types import Duration, NumberOr

if TYPE_CHECKING:
    from tfl.data.manifest import Manifest
    from tfl.data.readers import ReadOptions

F = TypeVar("F", bound=Callable[..., Any])
#: Names alone: the package of targets would bring NumPy into every `--help`.
_TARGET_NAMES = Registry[Any]("tfl.targets", "TARGET", "target").names()

#: Flag -> (dotted setting, type, help). `str,` marks a comma-separated list.
DATA_FLAGS: dict[str, tuple[str, Any, str]] = {
    "--reader": ("data.reader", str, "How to read the data; found out by default."),
    "--path-column": ("data.path_column", str, "Column of a manifest file with the files; guessed by default."),
    "--text-column": (
        "data.text_column",
        str,
        "Column of a table with the texts; several, comma-separated.",
    ),
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
    "--resize": (
        "model.resize",
        click.Choice(["crop", "squish", "pad"]),
        "How pictures are brought to that size; the backbone's own way by default.",
    ),
    "--epochs": ("train.epochs", int, "Most epochs of the head."),
    "--batch-size": ("train.batch_size", NumberOr(int, "auto"), "Samples per step of fine-tuning, or auto."),
    "--learning-rate": ("train.learning_rate", NumberOr(float, "find"), "Of the head; find runs a range test."),
    "--until": ("train.until", str, "Stop once validation reaches it, such as accuracy=0.95."),
    "--time-limit": ("train.time_limit_s", Duration(), "Stop training after it with the best so far, such as 10m."),
    "--patience": ("train.patience", int, "Epochs without progress before a stage stops."),
    "--fine-tune": ("train.fine_tune_epochs", int, "Most epochs of training the backbone's last layers too."),
    "--fine-tune-layers": ("train.fine_tune_layers", int, "How many of the backbone's last layers; 0 means all."),
    "--fine-tune-rate": (
        "train.fine_tune_learning_rate",
        NumberOr(float, "find"),
        "Learning rate of that stage; find runs a range test.",
    ),
    "--augment": (
        "train.augmentation",
        click.Choice(get_args(Augmentation)),
        "Random changes of training pictures; each knob: --set augment.rotation=0.1.",
    ),
    "--class-weights": ("train.class_weights", click.Choice(["none", "balanced"]), "Weigh rare classes more."),
    "--sampling": (
        "train.sampling",
        click.Choice(["natural", "balanced"]),
        "Draw rare classes as often as frequent ones.",
    ),
    "--train-precision": (
        "train.precision",
        click.Choice(["auto", "float32", "mixed_bfloat16", "mixed_float16"]),
        "Arithmetic of the training.",
    ),
    "--xla": ("train.xla", click.Choice(["auto", "on", "off"]), "Compile the steps of training with XLA."),
    "--seed": ("seed", int, "Of every random choice."),
    "--logger": (
        "log.loggers",
        "str,",
        f"Where epochs are written, comma-separated: {', '.join(LOGGERS.names())}.",
    ),
}
#: Flag -> other names of it.
SHORT = {"--learning-rate": ("--lr",)}
FOLD_FLAGS: dict[str, tuple[str, Any, str]] = {
    "--folds": ("cross_validation.folds", int, "Also train and score on so many cuts of the data."),
    "--repeats": ("cross_validation.repeats", int, "How often the data are cut anew for them."),
}
EXPORT_FLAGS: dict[str, tuple[str, Any, str]] = {
    "--target": ("export.targets", "str,", f"Targets, comma-separated: {', '.join(_TARGET_NAMES)}; all by default."),
    "--precision": ("export.precisions", "str,", "Precisions, comma-separated; fp32,fp16,int8 by default."),
    "--calibration-samples": ("export.calibration_samples", int, "Training samples that set the ranges of int8."),
    "--fuse-preprocessing": (
        "export.fuse_preprocessing",
        click.Choice(["none", "normalize", "resize"]),
        "What of the preprocessing goes into the model file, which then takes uint8 RGB: range, mean, std and channel "
        "order, or these and the resizing of the decoded picture.",
    ),
}
BENCHMARK_FLAGS: dict[str, tuple[str, Any, str]] = {
    "--seconds": ("benchmark.seconds", float, "How long each figure is measured."),
    "--threads": ("benchmark.threads", int, "Threads per engine; 0 lets it choose."),
    "--rounds": ("benchmark.rounds", int, "Repeat over all cells in turn; the spread is the noise floor."),
}


_DEFAULTS = flatten(RunConfig().to_dict())


def _completes(names: Iterable[str]) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Complete the last of a list of names."""

    def complete(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{name}" for name in names if name.startswith(last)]

    return complete


#: Flag -> what a shell proposes for it.
COMPLETIONS = {"--target": _completes(_TARGET_NAMES), "--logger": _completes(LOGGERS.names())}

#: Flag -> parameter, of what may be said about data.
READ_FLAGS = {
    "--path-column": "path_column",
    "--text-column": "text_column",
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

    return ReadOptions(**{name: options[name] for name in READ_FLAGS.values() if options.get(name)})


def read_named(data: str, options: dict[str, Any]) -> Manifest:
    """Read data as the flags of `read_flags` say.

    Raises:
        DataError: They can't be read.
    """
    from tfl.data.loading import read_manifest

    return read_manifest(data, reader=options.get("reader") or "auto", options=read_options(options))


def named_columns(options: dict[str, Any]) -> str:
    """Return the flags for columns as they were given, to be added to a command."""
    return "".join(
        f" {flag} {shlex.quote(str(options[name]))}" for flag, name in READ_FLAGS.items() if options.get(name)
    )


def list_option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """Make an option of a list that takes commas, may be repeated, or both: the command gets one text with commas.

    Without `multiple`, click would keep the last one and drop the others without a word.
    """

    def joined(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> str | None:
        return ",".join(values) or None

    return click.option(*names, multiple=True, callback=joined, **attributes)


def _parameter(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def setting_flags(*tables: dict[str, tuple[str, Any, str]]) -> Callable[[F], F]:
    """Add the flags of the tables, and `--config` and `--set`."""

    def add(function: F) -> F:
        flags = [item for table in tables for item in table.items()]
        function = click.option(
            "--set",
            "assignments",
            multiple=True,
            metavar="KEY=VALUE",
            help="Any setting, such as train.label_smoothing=0.1.",
        )(function)
        function = click.option(
            "--config", "config_file", type=click.Path(path_type=Path), help="YAML file with settings."
        )(function)
        for flag, (dotted, kind, text) in reversed(flags):
            names = (flag, *SHORT.get(flag, ()), _parameter(flag))
            shown = shown_default(_DEFAULTS.get(dotted), text)
            told: dict[str, Any] = {"cls": SettingOption, "setting": dotted, "shown": shown, "help": text}
            if kind == "str,":
                function = list_option(*names, shell_complete=COMPLETIONS.get(flag), **told)(function)
            else:
                function = click.option(*names, type=kind, **told)(function)
        return function

    return add


def asked_for(options: dict[str, Any], *tables: dict[str, tuple[str, Any, str]], **fixed: Any) -> dict[str, Any]:
    """Gather the settings that were asked for, by dotted name: file first, then `--set`, then flags.

    Args:
        options: What click passed to the command.
        *tables: Those given to `setting_flags`.
        **fixed: Settings by dotted name with `__` for the dot; None is left out.
    """
    overrides = flatten(read_yaml(options["config_file"])) if options.get("config_file") else {}
    overrides |= dict(parse_assignment(text) for text in options.get("assignments", ()))
    for table in tables:
        for flag, (dotted, kind, _) in table.items():
            value = options.get(_parameter(flag))
            if value is not None:
                overrides[dotted] = _names(value) if kind == "str," else value
    overrides |= {name.replace("__", "."): value for name, value in fixed.items() if value is not None}
    return overrides


def resolve(options: dict[str, Any], *tables: dict[str, tuple[str, Any, str]], **fixed: Any) -> RunConfig:
    """Build the one config record; see `asked_for`."""
    from tfl.settings import settle

    return settle({}, asked_for(options, *tables, **fixed))


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def names_or(text: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    """Read a comma-separated list, or return the default."""
    return tuple(_names(text)) if text else default


def output_flags(function: F) -> F:
    """Add `--out`, `--resume` and `--overwrite`."""
    function = click.option("--overwrite", is_flag=True, help="Replace the run in --out.")(function)
    function = click.option(
        "--resume", is_flag=False, flag_value="", metavar="[RUN]", help="Go on with RUN, or with the run in --out."
    )(function)
    return click.option("--out", type=click.Path(), help="Folder of the run; runs/<data>-<backbone>-<n> by default.")(
        function
    )


def if_exists(options: dict[str, Any]) -> IfExists:
    """Read `--resume` and `--overwrite`.

    Raises:
        UserError: Both were given.
    """
    chosen = one_way(resume=options["resume"] is not None, overwrite=options["overwrite"])
    if options["resume"]:
        if options["out"] not in (None, options["resume"]):
            raise UserError(
                f"--resume {options['resume']} and --out {options['out']} are different folders.", hint="Name one."
            )
        options["out"] = options["resume"]
    return chosen


def one_way(*, resume: bool, overwrite: bool) -> IfExists:
    """Say what to do with a folder that exists.

    Raises:
        UserError: Both were asked for.
    """
    if resume and overwrite:
        raise UserError("--resume and --overwrite exclude each other.")
    return "resume" if resume else "overwrite" if overwrite else "refuse"


def bad_data_flags(function: F) -> F:
    """Add `--skip-bad` and `--allow`."""
    function = click.option(
        "--allow",
        multiple=True,
        metavar="RULE",
        help="A rule of the data check that may be broken, such as near_leakage; the check names them.",
    )(function)
    return click.option("--skip-bad", is_flag=True, help="Leave out files that can't be read, and say so.")(function)


def augment_flags(function: F) -> F:
    """Add `--augment [PRESET]` and `--set` for its knobs, to commands that show and do not train."""
    function = click.option(
        "--set", "assignments", multiple=True, metavar="KEY=VALUE", help="A knob, such as augment.rotation=0.1."
    )(function)
    return click.option(
        "--augment",
        type=click.Choice(get_args(Augmentation)),
        is_flag=False,
        flag_value=RunConfig().train.augmentation,
        help=f"Augmentation of training samples; '{RunConfig().train.augmentation}' where no preset is named.",
    )(function)


def chosen_augmentation(preset: str | None, assignments: Iterable[str]) -> AugmentConfig | None:
    """Read `--augment` and `--set`, or return None where neither was given.

    Raises:
        ConfigError: A knob is unknown or out of range.
        UserError: `--set` names something else.
    """
    knobs = dict(parse_assignment(text) for text in assignments)
    others = [name for name in knobs if not name.startswith("augment.")]
    if others:
        raise UserError(
            f"--set {others[0]}: only knobs of augmentation mean something here.", hint="augment.NAME=VALUE"
        )
    if preset is None and not knobs:
        return None
    config = resolve_config({}, {"train.augmentation": preset or "none", **knobs})
    return resolve_augmentation(config.train.augmentation, config.augment)


json_flag = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
