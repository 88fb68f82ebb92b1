"""A bundle with other weights: what was said about task, labels, input and backbone stays."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfl.bundle import Bundle, Golden, write_contract_files
from tfl.bundle.records import BUNDLE_FILE, GOLDEN_FILE, MODEL_FILE, REFERENCE_FILE
from tfl.core.environment import read_environment
from tfl.core.files import digest_tree, fresh_folder
from tfl.data.contract import Floats, Rows
from tfl.training.bundle_writer import golden_indices, write_reference


def rewrite_bundle(
    folder: Path,
    source: Bundle,
    model_file: Path,
    *,
    rows: Rows,
    outputs: Floats,
    truth: Sequence[int],
    metrics: dict[str, float],
) -> Bundle:
    """Write a bundle folder around another model of the same input and output, whole or not at all.

    Args:
        folder: Replaced when it exists.
        source: The bundle that the model was made from.
        model_file: Keras 3, float32.
        rows: `(samples, ...)` as the contract reads them, the held-out samples.
        outputs: `(samples, classes)` float32, the model's answers to them.
        truth: Class index of each sample.
        metrics: Of the held-out samples.
    """
    chosen = golden_indices(truth)
    with fresh_folder(folder) as place:
        shutil.copyfile(model_file, place / MODEL_FILE)
        Golden(np.asarray(rows[chosen]), outputs[chosen]).save(place / GOLDEN_FILE)
        write_contract_files(place, source.preprocessing)
        write_reference(place / REFERENCE_FILE, outputs, truth)
        bundle = dataclasses.replace(
            source,
            metrics=metrics,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            versions=read_environment().versions,
            files=digest_tree(place),
        )
        bundle.save(place / BUNDLE_FILE)
    return bundle
