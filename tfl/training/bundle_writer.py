"""From a trained model to the bundle: the model file, the golden batch, the reference statistics and the record."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfl.backbones import Backbone, parse_spec
from tfl.bundle import BackboneRecord, Bundle, Golden, Signature, Tensor, write_contract_files
from tfl.bundle.records import BUNDLE_FILE, GOLDEN_FILE, MODEL_FILE, REFERENCE_FILE
from tfl.core.environment import read_environment
from tfl.core.files import digest_tree, fresh_folder, write_atomic
from tfl.core.progress import Progress
from tfl.data.contract import Contract, Floats, Rows
from tfl.training.engines import fixed_batches

if TYPE_CHECKING:
    import keras

GOLDEN_SAMPLES = 8
_BATCH = 32


def predict_rows(model: Any, rows: Rows, contract: Contract, *, progress: Progress) -> Floats:
    """Run the float model over `(samples, ...)` as the contract reads them; return `(samples, classes)` float32."""
    parts, run = [], fixed_batches(model, _BATCH)
    for start in range(0, len(rows), _BATCH):
        batch = contract.prepare(np.asarray(rows[start : start + _BATCH]))
        parts.append(run(batch))
        progress.update("answers of the float model", done=start + len(batch), total=len(rows))
    return np.concatenate(parts)


def golden_indices(truth: Sequence[int], count: int = GOLDEN_SAMPLES) -> list[int]:
    """Choose samples for the golden batch: the classes in turn, in the order of the samples."""
    by_class: dict[int, list[int]] = {}
    for index, label in enumerate(truth):
        by_class.setdefault(label, []).append(index)
    columns = [by_class[label] for label in sorted(by_class)]
    ranked = [column[row] for row in range(max(map(len, columns))) for column in columns if row < len(column)]
    return sorted(ranked[:count])


def write_bundle(
    folder: Path,
    model: keras.Model,
    backbone: Backbone,
    *,
    task: str,
    labels: tuple[str, ...],
    rows: Rows,
    outputs: Floats,
    truth: Sequence[int],
    metrics: dict[str, float],
    data_fingerprint: str,
) -> Bundle:
    """Write the bundle folder, whole or not at all.

    Args:
        folder: Replaced when it exists.
        model: Float32, no augmentation.
        backbone: What the model was built on.
        task: Name of the task.
        labels: Class names in the order of the output.
        rows: `(samples, ...)` as the contract reads them, the held-out samples.
        outputs: `(samples, classes)` float32, the model's answers to them.
        truth: Class index of each sample.
        metrics: Of the held-out samples.
        data_fingerprint: Of the manifest.
    """
    info = backbone.info
    chosen = golden_indices(truth)
    with fresh_folder(folder) as place:
        write_atomic(place / MODEL_FILE, lambda file: model.save(file))
        Golden(np.asarray(rows[chosen]), outputs[chosen]).save(place / GOLDEN_FILE)
        write_contract_files(place, info.preprocessing)
        write_reference(place / REFERENCE_FILE, outputs, truth)
        bundle = Bundle(
            task=task,
            labels=labels,
            preprocessing=info.preprocessing,
            signature=_signature(info.preprocessing, len(labels)),
            backbone=BackboneRecord(
                spec=info.spec,
                source=parse_spec(info.spec)[0],
                digest=backbone.digest,
                licence=info.licence,
                weights_origin=info.weights_origin,
            ),
            metrics=metrics,
            data_fingerprint=data_fingerprint,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            versions=read_environment().versions,
            files=digest_tree(place),
        )
        bundle.save(place / BUNDLE_FILE)
    return bundle


def _signature(contract: Contract, label_count: int) -> Signature:
    return Signature(
        inputs=(Tensor(**vars(contract.input)),),
        outputs=(
            Tensor(
                name="probabilities", shape=(-1, label_count), dtype="float32", meaning="class probabilities in [0, 1]"
            ),
        ),
    )


def write_reference(path: Path, outputs: Floats, truth: Sequence[int]) -> None:
    """What held-out data look like to the model: for noticing later that the inputs have changed."""
    arrays = {
        "confidence": outputs.max(axis=1),
        "mean_probability": outputs.mean(axis=0),
        "class_share": np.bincount(np.asarray(truth), minlength=outputs.shape[1]) / len(outputs),
    }
    write_atomic(path, lambda file: np.savez(file, allow_pickle=False, **arrays))
