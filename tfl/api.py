"""The Python API: what a notebook calls. The command line calls the same functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl.backbones import SOURCES, BackboneInfo, parse_spec
from tfl.core.augmentation import Augmentation, AugmentConfig, resolve_augmentation
from tfl.core.config import RunConfig, resolve_config
from tfl.core.files import IfExists
from tfl.core.progress import Progress
from tfl.data.check import CheckReport, check
from tfl.data.loading import read_manifest
from tfl.data.manifest import Manifest
from tfl.data.readers import NO_OPTIONS, Location, ReadOptions, as_location
from tfl.model import Model, load
from tfl.pipeline import STAGES, TRAINING_STAGES, Outcome
from tfl.pipeline import run as run_pipeline

if TYPE_CHECKING:
    from PIL import Image

    from tfl.report.data_summary import DataSummary

__all__ = ["Data", "Model", "fit", "list_models", "load", "load_data", "model_info", "run"]


@dataclasses.dataclass(frozen=True)
class Data:
    """A data set that has been read and checked.

    Attributes:
        path: Where it lies.
        manifest: Its examples.
        report: What the check found.
        options: The columns that were named.
    """

    path: Location
    manifest: Manifest
    report: CheckReport
    options: ReadOptions = NO_OPTIONS

    def __repr__(self) -> str:
        counts = ", ".join(f"{label}: {count}" for label, count in self.manifest.counts().items())
        return f"Data({str(self.path)!r}, {len(self.manifest.examples)} examples; {counts}; {self.report.verdict})"

    def _repr_html_(self) -> str:
        from tfl.report.tables import html_table

        rows = [[label, count] for label, count in self.manifest.counts().items()]
        return html_table(["class", "pictures"], rows, caption=f"{self.path}: {self.report.verdict}")

    def summary(
        self,
        *,
        backbone: str = "embedded:sketchnet",
        augmentation: Augmentation = "light",
        augment: Mapping[str, Any] | AugmentConfig | None = None,
        seed: int = 0,
    ) -> DataSummary:
        """Walk the first sample through every step, with what training does beside: text, and a table in a notebook.

        Args:
            backbone: Whose input contract, `source:name`.
            augmentation: Preset; `none` leaves the steps of training out.
            augment: Knobs that override it, as in `fit`.
            seed: Of the draws.

        Raises:
            DataError: The sample can't be read.
            ConfigError: A knob is unknown or out of range.
        """
        from tfl.report.data_summary import summarize_sample

        contract = model_info(backbone).preprocessing
        values = _augmentation(augmentation, augment)
        return summarize_sample(self.manifest, contract, backbone=backbone, augmentation=values, seed=seed)

    def show_resize(
        self,
        methods: Sequence[str] = (),
        *,
        samples: int = 4,
        backbone: str = "embedded:sketchnet",
        seed: int = 0,
    ) -> Image.Image:
        """Draw a few training samples resized by each method, side by side.

        Args:
            methods: Some of `crop`, `squish`, `pad` and `random_resized_crop`; all by default.
            samples: Rows.
            backbone: Whose input contract, `source:name`.
            seed: Of the random boxes.

        Raises:
            UserError: There is no such method.
            DataError: A picture can't be decoded.
        """
        from tfl.report.data_grids import RESIZE_METHODS, draw_data

        chosen = tuple(methods) or RESIZE_METHODS
        return draw_data(self.manifest, backbone, methods=chosen, samples=samples, seed=seed)[0]

    def show_augment(
        self,
        augmentation: Augmentation = "light",
        *,
        augment: Mapping[str, Any] | AugmentConfig | None = None,
        samples: int = 4,
        views: int = 5,
        backbone: str = "embedded:sketchnet",
        seed: int = 0,
    ) -> Image.Image:
        """Draw a few training samples as training draws them.

        Args:
            augmentation: Preset.
            augment: Knobs that override it, as in `fit`.
            samples: Rows.
            views: Columns beside the original.
            backbone: Whose input contract, `source:name`.
            seed: Of the draws.

        Raises:
            UserError: Nothing is to be changed.
            ConfigError: A knob is unknown or out of range.
            DataError: A picture can't be decoded.
        """
        from tfl.report.data_grids import draw_data

        values = _augmentation(augmentation, augment)
        return draw_data(self.manifest, backbone, augmentation=values, samples=samples, views=views, seed=seed)[0]


def _knobs(augment: Mapping[str, Any] | AugmentConfig | None) -> dict[str, Any]:
    """Return the dotted settings that say the same."""
    named = augment.to_dict() if isinstance(augment, AugmentConfig) else dict(augment or {})
    return {f"augment.{name}": value for name, value in named.items() if name != "schema"}


def _augmentation(preset: Augmentation, augment: Mapping[str, Any] | AugmentConfig | None) -> AugmentConfig:
    config = resolve_config({}, {"train.augmentation": preset, **_knobs(augment)})
    return resolve_augmentation(config.train.augmentation, config.augment)


def load_data(
    path: str | Path,
    *,
    reader: str = "auto",
    path_column: str = "",
    label_column: str = "",
    split_column: str = "",
    group_column: str = "",
    label_separator: str = "",
    frame_rate: float = 0.0,
    progress: Progress | None = None,
) -> Data:
    """Read and check a data set.

    Args:
        path: A folder with a sub-folder of pictures per class, or with `train`, `val`, `test` folders of such; a
            CSV, TSV, JSON-lines or Parquet file that lists the pictures; an archive of these; or the address of
            one, such as `s3://bucket/photos`. `tfl data formats` shows them all.
        reader: A reader's name, or `auto`.
        path_column: Column of such a file with the paths; this and the next are guessed where empty.
        label_column: Of the classes; several, comma-separated, are columns of 0 and 1.
        split_column: Of the splits.
        group_column: Of what must stay on one side of a split.
        label_separator: Between the labels of one example.
        frame_rate: Frames to take from each second of a video; 0 takes one.
        progress: Told what happens.

    Raises:
        DataError: The data can't be read at all; findings of the check are in `.report` and are not raised here.
    """
    location = as_location(path)
    options = ReadOptions(
        path_column=path_column,
        label_column=label_column,
        split_column=split_column,
        group_column=group_column,
        label_separator=label_separator,
        frame_rate=frame_rate,
    )
    report, manifest = check(read_manifest(location, reader=reader, options=options), progress=progress or Progress())
    return Data(location, manifest, report, options)


@dataclasses.dataclass(frozen=True)
class ModelList:
    """Backbones, as a sequence and as a table in a notebook."""

    items: tuple[BackboneInfo, ...]

    def __iter__(self) -> Any:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> BackboneInfo:
        return self.items[index]

    def _repr_html_(self) -> str:
        from tfl.report.tables import html_table

        head = ["backbone", "input", "parameters", "features", "licence", "available offline"]
        rows = [
            [
                item.spec,
                f"{item.preprocessing.height} x {item.preprocessing.width}",
                "" if item.parameters is None else f"{item.parameters:,}",
                item.feature_size or "",
                item.licence,
                "yes" if item.available_offline else "no",
            ]
            for item in self.items
        ]
        return html_table(head, rows, caption=f"{len(self.items)} backbones")


def list_models(
    *, task: str | None = None, source: str | None = None, max_parameters: int | None = None, offline: bool = False
) -> ModelList:
    """List the known backbones. Sources take other names too, such as any TF Hub handle.

    Args:
        task: Only those for this kind of input.
        source: Only those of this source.
        max_parameters: Only those known to have at most so many weights.
        offline: Only those that can be loaded now without a network.

    Raises:
        NotFoundError: There is no such source.
    """
    names = (source,) if source else SOURCES.names()
    items = (item for name in names for item in SOURCES.get(name).list())
    return ModelList(
        tuple(
            item
            for item in items
            if (task is None or item.task == task)
            and (max_parameters is None or (item.parameters is not None and item.parameters <= max_parameters))
            and (not offline or item.available_offline)
        )
    )


def model_info(spec: str) -> BackboneInfo:
    """Describe one backbone, written `source:name`.

    Raises:
        NotFoundError: There is no such source or backbone.
    """
    source, name = parse_spec(spec)
    return SOURCES.get(source).info(name)


def run(config: RunConfig, *, if_exists: IfExists = "refuse", progress: Progress | None = None) -> Outcome:
    """Run every stage: check, split, train, evaluate, export and verify, benchmark, report.

    Raises:
        TflError: See `tfl.pipeline.run`.
    """
    return run_pipeline(config, stages=tuple(STAGES), if_exists=if_exists, progress=progress)


def fit(
    data: Data | str | Path,
    *,
    backbone: str = "embedded:sketchnet",
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
        backbone: `source:name`.
        out: The run's folder; `runs/<data>-<backbone>-<n>` by default.
        if_exists: `refuse`, `resume` or `overwrite` a run that is there.
        progress: Told what happens.
        augment: Knobs of augmentation by name, such as `{"rotation": 0.1, "mixup": 0.2}`, or the record; they override
            the preset `augmentation`.
        settings: Any setting by its dotted name, such as `{"data.test_fraction": 0.2}`.
        **options: Any setting of the `train` and `model` sections by its own name, and `seed`: `epochs=10`,
            `fine_tune_epochs=5`, `image_size=160`. Unknown names are errors.

    Raises:
        ConfigError: A setting is unknown or out of range.
        TflError: See `tfl.pipeline.run`.
    """
    path = data.path if isinstance(data, Data) else as_location(data)
    overrides: dict[str, Any] = {"data.path": str(path), "model.backbone": backbone}
    if isinstance(data, Data):
        named = data.options.to_dict()
        overrides |= {f"data.{item.name}": named[item.name] for item in dataclasses.fields(data.options)}
    overrides |= _knobs(augment) | (settings or {})
    if out is not None:
        overrides["out"] = str(out)
    for name, value in options.items():
        overrides[_section_of(name)] = value
    config = resolve_config({}, overrides)
    outcome = run_pipeline(config, stages=TRAINING_STAGES, if_exists=if_exists, progress=progress)
    return load(outcome.folder.path, progress=progress)


def _section_of(name: str) -> str:
    config = RunConfig()
    for section in ("train", "model"):
        if any(item.name == name for item in dataclasses.fields(getattr(config, section))):
            return f"{section}.{name}"
    return name if name == "seed" else f"train.{name}"
