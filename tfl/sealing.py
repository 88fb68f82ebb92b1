"""The end of a training: the float model answers the test split, and becomes the run's bundle."""

from __future__ import annotations

from pathlib import Path

from tfl.bench.held_out import HeldOut
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest
from tfl.data.store import open_rows
from tfl.tasks import TASKS
from tfl.training.bundle_writer import predict_rows, write_bundle
from tfl.training.fit import Trained


def seal(trained: Trained, manifest: Manifest, folder: RunFolder, *, task: str, progress: Progress) -> float:
    """Keep a model's answers to the test split in a run and write its bundle.

    Args:
        trained: Float32.
        manifest: With splits.
        folder: Receives the predictions and `bundle/`.
        task: Its name.
        progress: Told after every batch.

    Returns:
        The task's metric on the test split.

    Raises:
        DataError: A picture can't be decoded.
    """
    examples, contract = manifest.of_split("test"), trained.backbone.info.preprocessing
    rows = open_rows(examples, manifest.root, contract, cache_dir=folder.work_dir, progress=progress)
    outputs = predict_rows(trained.model, rows, contract, progress=progress)
    truth, plug_in = tuple(manifest.label_indices(examples)), TASKS.get(task)
    HeldOut.of_examples(Path(manifest.root), examples, truth, outputs).save(folder.predictions_file)
    metric = plug_in.metric_of(truth, outputs)
    write_bundle(
        folder.bundle_dir,
        trained.model,
        trained.backbone,
        task=task,
        labels=manifest.labels,
        rows=rows,
        outputs=outputs,
        truth=truth,
        metrics={plug_in.metric: metric},
        data_fingerprint=manifest.fingerprint,
    )
    return metric
