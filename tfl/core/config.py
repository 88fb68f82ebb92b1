"""One record holds every setting: flags, `--set a.b=1` and a YAML file all end in the same `RunConfig`.

PyYAML is imported only where a file is read or written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tfl.core.augmentation import AugmentConfig
from tfl.core.errors import ConfigError, NotFoundError
from tfl.core.files import write_text
from tfl.core.log_config import LogConfig
from tfl.core.records import Record
from tfl.core.train_config import TrainConfig, require_in_range

if TYPE_CHECKING:
    from tfl.core.run_folder import RunFolder

#: The backbone of a run that names none: it is in the package.
DEFAULT_BACKBONE = "embedded:pairnet"
#: Targets and precisions of a run that asks for none in particular.
DEFAULT_PRECISIONS = ("fp32", "fp16", "int8")


#: Share of the data that may be kept from training.
_MOST_HELD_OUT = 0.8


@dataclass(frozen=True, kw_only=True)
class DataConfig(Record):
    """The data.

    Attributes:
        path: Folder or file with the examples.
        reader: A reader's name, or `auto`.
        bad_files: `error` stops at files that can't be read, `skip` leaves them out and says so.
        allow: Rules of the data check that may be broken.
        validation_fraction: Share of a class that chooses the epoch, in (0, 0.5].
        test_fraction: Share of a class that is scored, in (0, 0.5]; not used where the data are split already.
        path_column: Column of a manifest file with the files; this and the next are guessed where empty.
        text_column: Column of a table with the texts; several, comma-separated, are joined.
        label_column: Column of the classes; several, comma-separated, are columns of 0 and 1.
        split_column: Column of the splits.
        group_column: Column of what must stay on one side of a split.
        label_separator: Between the labels of one example.
        frame_rate: Frames to take from each second of a video, in [0, 1000]; 0 takes one.
    """

    path: str = ""
    reader: str = "auto"
    bad_files: Literal["error", "skip"] = "error"
    allow: tuple[str, ...] = ()
    validation_fraction: float = 0.15
    test_fraction: float = 0.15
    path_column: str = ""
    text_column: str = ""
    label_column: str = ""
    split_column: str = ""
    group_column: str = ""
    label_separator: str = ""
    frame_rate: float = 0.0

    def __post_init__(self) -> None:
        require_in_range(
            [
                (
                    not 0.0 <= self.frame_rate <= 1000.0,
                    f"frame_rate: must be in [0, 1000]. Received: {self.frame_rate}.",
                ),
                (
                    not 0.0 < self.validation_fraction <= 0.5,
                    f"validation_fraction: must be in (0, 0.5]. Received: {self.validation_fraction}.",
                ),
                (
                    not 0.0 < self.test_fraction <= 0.5,
                    f"test_fraction: must be in (0, 0.5]. Received: {self.test_fraction}.",
                ),
                (
                    self.validation_fraction + self.test_fraction > _MOST_HELD_OUT,
                    f"validation_fraction and test_fraction: together at most {_MOST_HELD_OUT}, so that there is "
                    f"something to learn from. Received: {self.validation_fraction} and {self.test_fraction}.",
                ),
            ]
        )


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Record):
    """The network.

    Attributes:
        backbone: `source:name`, see `tfl models list`.
        image_size: Height and width in pixels, or None for the backbone's own.
        resize: How pictures are brought to that size, everywhere: `crop`, `squish` or `pad`, or None for the
            backbone's own. It becomes part of the contract that travels with the exported model.
        dropout: Rate before the last layer, in [0, 1).
    """

    backbone: str = DEFAULT_BACKBONE
    image_size: int | None = None
    resize: Literal["crop", "squish", "pad"] | None = None
    dropout: float = 0.2

    def __post_init__(self) -> None:
        require_in_range(
            [
                (
                    self.image_size is not None and not 8 <= self.image_size <= 2048,
                    f"image_size: must be in [8, 2048]. Received: {self.image_size}.",
                ),
                (not 0.0 <= self.dropout < 1.0, f"dropout: must be in [0, 1). Received: {self.dropout}."),
            ]
        )


@dataclass(frozen=True, kw_only=True)
class CrossValidationConfig(Record):
    """The cross-validation.

    Attributes:
        folds: The recipe is trained and scored on so many cuts of the train and validation splits; 0 leaves it out.
        repeats: How often the data are cut anew.
    """

    folds: int = 0
    repeats: int = 1

    def __post_init__(self) -> None:
        require_in_range(
            [
                (
                    self.folds < 0 or self.folds == 1,
                    f"folds: must be 0 (none) or at least 2. Received: {self.folds}.",
                ),
                (self.repeats < 1, f"repeats: must be at least 1. Received: {self.repeats}."),
            ]
        )


@dataclass(frozen=True, kw_only=True)
class ExportConfig(Record):
    """The exports.

    Attributes:
        targets: Names of targets; empty means all.
        precisions: Every target makes those of these that it can.
        calibration_samples: Training samples that set the ranges of static int8.
        workers: Child processes at a time.
        fuse_preprocessing: What of the preprocessing goes into the model files, which then take uint8 RGB: `none`,
            `normalize` (range, mean, std and channel order) or `resize` (these and the resizing).
    """

    targets: tuple[str, ...] = ()
    precisions: tuple[str, ...] = DEFAULT_PRECISIONS
    calibration_samples: int = 200
    workers: int = 2
    fuse_preprocessing: Literal["none", "normalize", "resize"] = "none"

    def __post_init__(self) -> None:
        require_in_range(
            [
                (
                    self.calibration_samples < 1,
                    f"calibration_samples: must be at least 1. Received: {self.calibration_samples}.",
                ),
                (self.workers < 1, f"workers: must be at least 1. Received: {self.workers}."),
                (not self.precisions, "precisions: must not be empty."),
            ]
        )


@dataclass(frozen=True, kw_only=True)
class BenchmarkConfig(Record):
    """The benchmark.

    Attributes:
        seconds: How long each figure of a cell is measured.
        batch_sizes: Tried for throughput.
        threads: Processor threads per engine; 0 lets the engine choose.
        rounds: Every cell is measured this often, in turn over all cells; the spread of latency is the noise floor.
    """

    seconds: float = 1.0
    batch_sizes: tuple[int, ...] = (1, 8, 32)
    threads: int = 0
    rounds: int = 1

    def __post_init__(self) -> None:
        require_in_range(
            [
                (not self.seconds > 0, f"seconds: must be above 0. Received: {self.seconds}."),
                (
                    not self.batch_sizes or min(self.batch_sizes) < 1,
                    f"batch_sizes: must be at least 1 each. Received: {self.batch_sizes}.",
                ),
                (self.threads < 0, f"threads: must be at least 0. Received: {self.threads}."),
                (self.rounds < 1, f"rounds: must be at least 1. Received: {self.rounds}."),
            ]
        )


@dataclass(frozen=True, kw_only=True)
class RunConfig(Record):
    """Everything that decides what a run does. The resolved record is saved in the run as `config.yaml`.

    Attributes:
        task: Name of the task plug-in.
        seed: Of every random choice.
        out: The run's folder; empty means `runs/<data>-<backbone>-<n>`.
        study: Folder of the search that the settings come from, for the report; a search writes it into its best
            config.
    """

    task: str = "image_classification"
    seed: int = 0
    out: str = ""
    study: str = ""
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    cross_validation: CrossValidationConfig = field(default_factory=CrossValidationConfig)
    export: ExportConfig = field(default_factory=ExportConfig)
    benchmark: BenchmarkConfig = field(default_factory=BenchmarkConfig)
    log: LogConfig = field(default_factory=LogConfig)

    def __post_init__(self) -> None:
        require_in_range([(self.seed < 0, f"seed: must be at least 0. Received: {self.seed}.")])


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Raises:
        NotFoundError: There is no such file.
        ConfigError: It is not YAML, or not a mapping.
    """
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFoundError(f"There is no config file {path}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: must be a mapping of settings. Received: {type(data).__name__}.")
    return data


def save_yaml(config: RunConfig, path: Path) -> None:
    """Write the config as YAML, atomically."""
    import yaml

    write_text(path, yaml.safe_dump(_without_schema(config.to_dict()), sort_keys=False, allow_unicode=True))


def _without_schema(data: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _without_schema(value) if isinstance(value, dict) else value
        for key, value in data.items()
        if key != "schema"
    }


def parse_assignment(text: str) -> tuple[str, Any]:
    """Parse `a.b=value`; the value is read as YAML, so `3`, `true`, `[1, 8]` and words all work.

    Raises:
        ConfigError: There is no `=`, or the value is not YAML.
    """
    import yaml

    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set must look like section.key=value. Received: '{text}'.")
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {key}: the value is not YAML: {error}") from error


def resolve_config(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> RunConfig:
    """Lay dotted overrides over a base mapping and check the whole.

    Args:
        base: As a YAML file holds it.
        overrides: `{"train.epochs": 3}`; they win.

    Raises:
        ConfigError: Names every unknown key (with the closest match) and every bad value at once.
    """
    merged: dict[str, Any] = {key: dict(value) if isinstance(value, Mapping) else value for key, value in base.items()}
    for dotted, value in overrides.items():
        *sections, key = dotted.split(".")
        place = merged
        for section in sections:
            inner = place.setdefault(section, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"{dotted}: '{section}' is a value, not a section.")
            place = inner
        place[key] = value
    return RunConfig.from_dict(merged)


def differences(first: RunConfig, second: RunConfig) -> tuple[str, ...]:
    """Name the settings in which two configs differ, as `train.epochs: 3 -> 5`, the output folder left out."""
    left, right = flatten(first.to_dict()), flatten(second.to_dict())
    return tuple(f"{key}: {left[key]!r} -> {right[key]!r}" for key in left if key != "out" and left[key] != right[key])


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Turn nested mappings into one with dotted keys; schema numbers are left out."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        elif key != "schema":
            flat[f"{prefix}{key}"] = value
    return flat


def load_config(folder: RunFolder) -> RunConfig:
    """Read the resolved config of a run."""
    return resolve_config(read_yaml(folder.config_file), {})
