"""The Python API: what a notebook calls. The command line calls the same functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tfl.catalogue import list_models, model_info
from tfl.comparison import Comparison, compare
from tfl.core.augmentation import AugmentConfig
from tfl.core.config import RunConfig, read_yaml
from tfl.core.errors import ConfigError
from tfl.core.files import IfExists
from tfl.core.progress import Progress
from tfl.data.readers import as_location
from tfl.data_set import Data, augmentation_settings, load_data
from tfl.model import Model, load
from tfl.pipeline import FOLD_STAGES, STAGES, TRAINING_STAGES, Outcome
from tfl.pipeline import run as run_pipeline
from tfl.reproduction import Reproduction, reproduce
from tfl.settings import settle

if TYPE_CHECKING:
    from tfl.report.study import TuneResult
    from tfl.training.cross_validation import CrossValidation

__all__ = [
    "Comparison",
    "Data",
    "Model",
    "Reproduction",
    "compare",
    "cross_validate",
    "fit",
    "list_models",
    "load",
    "load_data",
    "model_info",
    "reproduce",
    "run",
    "tune",
]


def run(config: RunConfig, *, if_exists: IfExists = "refuse", progress: Progress | None = None) -> Outcome:
    """Run every stage: check, split, train, evaluate, export and verify, benchmark, report.

    Raises:
        TflError: See `tfl.pipeline.run`.
    """
    return run_pipeline(config, stages=tuple(STAGES), if_exists=if_exists, progress=progress)


def fit(
    data: Data | str | Path,
    *,
    backbone: str | None = None,
    config: str | Path | None = None,
    out: str | Path | None = None,
    if_exists: IfExists = "refuse",
    progress: Progress | None = None,
    augment: Mapping[str, Any] | AugmentConfig | None = None,
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> Model:
    """Fine-tune a backbone and evaluate it on the test split.

    Args:
        data: From `load_data`, or a path.
        backbone: `source:name`; the task's own where nothing says otherwise.
        config: A YAML file of settings, such as the best one of a search; everything else here overrides it.
        out: The run's folder; `runs/<data>-<backbone>-<n>` by default.
        if_exists: `refuse`, `resume` or `overwrite` a run that is there.
        progress: Told what happens.
        augment: Knobs of augmentation by name, such as `{"rotation": 0.1, "mixup": 0.2}`, or the record; they override
            the preset `augmentation`.
        settings: Any setting by its dotted name, such as `{"data.test_fraction": 0.2}`.
        **options: Any setting of the `train` and `model` sections by its own name, and `seed`: `epochs=10`,
            `fine_tune_epochs=5`, `image_size=160`. Unknown names are errors. `tfl train --help` tells the usual ones
            with their defaults; `TrainConfig` in `tfl.core.train_config` has all, each with what it does.

    Raises:
        NotFoundError: There is no such config file.
        ConfigError: A setting is unknown or out of range.
        TflError: See `tfl.pipeline.run`.
    """
    overrides = {**_named(backbone), **augmentation_settings(augment), **(settings or {})}
    base = read_yaml(Path(config)) if config is not None else {}
    resolved = _config_for(data, overrides, out=out, options=options, base=base)
    outcome = run_pipeline(resolved, stages=TRAINING_STAGES, if_exists=if_exists, progress=progress)
    return load(outcome.folder.path, progress=progress)


def cross_validate(
    data: Data | str | Path,
    folds: int = 5,
    *,
    repeats: int = 1,
    backbone: str | None = None,
    out: str | Path | None = None,
    if_exists: IfExists = "refuse",
    progress: Progress | None = None,
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> CrossValidation:
    """Train the same recipe on every fold of the train and validation splits and score it on what each held out.

    No model of all data is made: `tfl.fit(data, settings={"cross_validation.folds": 5})` makes both. The test split
    takes no part. Out-of-fold answers are in the run's `folds/predictions.npz`.

    Args:
        data: From `load_data`, or a path.
        folds: At least 2; each class needs as many different pictures.
        repeats: How often the data are cut anew.
        backbone: `source:name`; the task's own by default.
        out: The run's folder; `runs/<data>-<backbone>-<n>` by default.
        if_exists: `refuse`, `resume` (folds that are done are kept) or `overwrite` a run that is there.
        progress: Told what happens.
        settings: Any setting by its dotted name.
        **options: As in `fit`.

    Raises:
        ConfigError: A setting is unknown or out of range.
        DataError: A class has too few different pictures.
        TflError: See `tfl.pipeline.run`.
    """
    from tfl.training.cross_validation import RECORD_FILE, CrossValidation

    if folds < 2:
        raise ConfigError(f"folds: must be at least 2. Received: {folds}.")
    overrides = {**_named(backbone), "cross_validation.folds": folds, "cross_validation.repeats": repeats}
    config = _config_for(data, overrides | (settings or {}), out=out, options=options)
    outcome = run_pipeline(config, stages=FOLD_STAGES, if_exists=if_exists, progress=progress)
    return CrossValidation.load(outcome.folder.folds_dir / RECORD_FILE)


def tune(
    data: Data | str | Path,
    *,
    trials: int | None = None,
    time_limit: str | None = None,
    study: str | Path | None = None,
    space: Sequence[str] = (),
    only_named: bool = False,
    objective: Literal["loss", "accuracy"] = "loss",
    pruner: Literal["median", "none"] = "median",
    workers: int = 1,
    storage: str = "journal",
    backbone: str | None = None,
    progress: Progress | None = None,
    settings: dict[str, Any] | None = None,
    **options: Any,
) -> TuneResult:
    """Search settings of a training by the validation split, and write the best as a config.

    A study that is there goes on: trials that are done are kept, and one that was stopped is taken up again.

    Args:
        data: From `load_data`, or a path.
        trials: How many the study is to have in all; 20 where no limit is given.
        time_limit: Of this call, such as `10m` or `1h30m`.
        study: The folder; `studies/<data>-<backbone>-<n>` by default.
        space: Such as `train.learning_rate=1e-4:1e-1:log` or `train.augmentation=none,light`, over the defaults.
        only_named: Search nothing but `space`.
        objective: `loss` or `accuracy` of the validation split.
        pruner: `median` ends trials that are worse than the median at the same epoch, `none` ends none.
        workers: Processes that train at the same time.
        storage: `journal`, a file in the study's folder, or a database's address.
        backbone: `source:name`; the task's own by default.
        progress: Told what happens.
        settings: Any setting by its dotted name; what is set otherwise than by default is not searched.
        **options: As in `fit`.

    Raises:
        ConfigError: The space or a setting is wrong.
        JobError: No trial has completed.
        TflError: See `tfl.tuning.study.tune`.
    """
    from tfl.tuning.study import tune as run_study

    config = _config_for(data, {**_named(backbone), **(settings or {})}, out=None, options=options)
    return run_study(
        config,
        study=study,
        trials=trials,
        time_limit=time_limit,
        space=space,
        only_named=only_named,
        objective=objective,
        pruner=pruner,
        workers=workers,
        storage=storage,
        progress=progress,
    )


def _named(backbone: str | None) -> dict[str, Any]:
    return {} if backbone is None else {"model.backbone": backbone}


def _config_for(
    data: Data | str | Path,
    settings: Mapping[str, Any],
    *,
    out: str | Path | None,
    options: Mapping[str, Any],
    base: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Build the config of a run: a base, the data, then settings, then options by their own names."""
    path = data.path if isinstance(data, Data) else as_location(data)
    overrides: dict[str, Any] = {"data.path": str(path)}
    if isinstance(data, Data):
        named = data.options.to_dict()
        overrides |= {f"data.{item.name}": named[item.name] for item in dataclasses.fields(data.options)}
    overrides |= settings
    if out is not None:
        overrides["out"] = str(out)
    for name, value in options.items():
        overrides[_section_of(name)] = value
    return settle(base or {}, overrides)


def _section_of(name: str) -> str:
    config = RunConfig()
    homes = [
        item.name
        for item in dataclasses.fields(config)
        if dataclasses.is_dataclass(section := getattr(config, item.name))
        and any(inner.name == name for inner in dataclasses.fields(section))
    ]
    for section_name in ("train", "model"):
        if section_name in homes:
            return f"{section_name}.{name}"
    if name == "seed":
        return name
    if homes:
        raise ConfigError(
            f"'{name}' is no setting of the training or the model, which alone have names of their own here.",
            hint=f"Write settings={{'{homes[0]}.{name}': ...}}.",
        )
    return f"train.{name}"
