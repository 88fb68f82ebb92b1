"""One training sample on its way from the file to what the model learns from, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfl.core.augmentation import AugmentConfig, knob_text
from tfl.core.errors import DataError
from tfl.core.records import Record
from tfl.data.manifest import Manifest
from tfl.data.preprocess import ImagePreprocessing
from tfl.data.summary import Step, step_of, summarize
from tfl.report.tables import html_table
from tfl.training.augment import augmentation_stages
from tfl.training.crop import presized

HEAD = ("step", "shape", "type", "smallest", "largest")


@dataclass(frozen=True, kw_only=True)
class DataSummary(Record):
    """What a sample is after each step.

    Attributes:
        path: The file.
        label: Its class.
        backbone: Whose contract it was prepared by, `source:name`.
        steps: Of every sample: validation, test and service do these and no others.
        training_steps: What training does instead of the last two, one step per knob that is on; empty without
            augmentation.
    """

    path: str
    label: str
    backbone: str
    steps: tuple[Step, ...]
    training_steps: tuple[Step, ...] = ()

    def rows(self) -> list[list[str]]:
        """Return the table's rows, in the order of `HEAD`."""
        named = [(step.name, step) for step in self.steps]
        named += [(f"training only: {step.name}", step) for step in self.training_steps]
        return [
            [name, " x ".join(map(str, step.shape)), step.dtype, f"{step.low:.4g}", f"{step.high:.4g}"]
            for name, step in named
        ]

    @property
    def title(self) -> str:
        """Whose steps these are, in one line."""
        return f"{self.path} ({self.label}), for {self.backbone}"

    def __repr__(self) -> str:
        table = [list(HEAD), *self.rows()]
        widths = [max(len(row[column]) for row in table) for column in range(len(HEAD))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        return "\n".join([self.title, *(line.rstrip() for line in lines)])

    def _repr_html_(self) -> str:
        return html_table(HEAD, self.rows(), caption=self.title)


def summarize_sample(
    manifest: Manifest,
    contract: ImagePreprocessing,
    *,
    backbone: str,
    augmentation: AugmentConfig,
    seed: int = 0,
) -> DataSummary:
    """Walk the first sample of a manifest through all steps.

    Args:
        manifest: Not empty.
        contract: Of the backbone.
        backbone: Its name, for the record.
        augmentation: Resolved; with all knobs off there are no training steps.
        seed: Of the draws.

    Raises:
        DataError: There is no sample, or it can't be read.
    """
    if not manifest.examples:
        raise DataError(f"{manifest.source or manifest.root}: there are no samples.")
    example = manifest.examples[0]
    file = Path(manifest.root) / example.path
    training: list[Step] = []
    if augmentation.changes_pictures:
        larger = augmentation.crop_scale is not None
        start = presized(contract) if larger else contract
        batch = start.read(file)[None]
        training.append(step_of("batch, resized larger" if larger else "batch", batch))
        for stage in augmentation_stages(augmentation, contract, seed=seed):
            batch = np.asarray(stage.apply(batch, 0, 0))
            value = augmentation.active().get(stage.name)
            training.append(step_of(stage.name if value is None else f"{stage.name} {knob_text(value)}", batch))
        for name in ("mixup", "cutmix"):
            if value := getattr(augmentation, name):
                training.append(step_of(f"{name} {knob_text(value)}, with another sample of the batch", batch))
    return DataSummary(
        path=example.path,
        label=example.label,
        backbone=backbone,
        steps=summarize(file, contract),
        training_steps=tuple(training),
    )
