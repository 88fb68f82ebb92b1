"""A run whose network is another run's, compressed by further training: an ordinary run folder with one record more."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.cells import ExportSummary
from tfl.bench.held_out import HeldOut
from tfl.bench.paired import mcnemar_of
from tfl.bundle import Bundle
from tfl.bundle.records import MODEL_FILE
from tfl.compress.compress_worker import ANSWERS_FILE
from tfl.compress.compressed_size import file_size, sparsity_of
from tfl.compress.records import Compression, CompressSettings, EpochRow, LayerWeights, Paired
from tfl.compress.rewrite import rewrite_bundle
from tfl.compress.simulating import call_training, require_training, write_simulation
from tfl.core.config import RunConfig, load_config
from tfl.core.energy import EnergyMeter
from tfl.core.errors import DataError, OutputExistsError, TflError, UserError
from tfl.core.files import IfExists, claim_folder, write_text
from tfl.core.notebook import default_progress
from tfl.core.progress import Progress
from tfl.core.records import Record
from tfl.core.run_folder import RUN_FILE, RunFolder, RunRecord, StageRecord
from tfl.data.contract import Floats
from tfl.data.manifest import Manifest
from tfl.data.preprocess import as_pictures
from tfl.data.store import open_rows
from tfl.exports import export_run
from tfl.pipeline import do_stages
from tfl.run_record import StageMeter, open_record
from tfl.targets import TARGETS
from tfl.tasks import TASKS

_SETTINGS_FILE = "compress.json"
_STATE_FILE = "compress.state.npz"


def compress_run(
    run: str | Path,
    settings: CompressSettings,
    *,
    out: str | Path | None = None,
    if_exists: IfExists = "refuse",
    command: str = "python",
    progress: Progress | None = None,
) -> Compression:
    """Compress a run's network by further training on the run's own training split.

    The validation split chooses the epoch, the test split is only scored. The result is a run folder that evaluates,
    exports and reports like any other. With `qat` in the method, the artefacts of the network with quantization
    simulated are made and verified too.

    Args:
        run: A run whose training is done.
        settings: What to do.
        out: Folder of the new run; by default `<run>-<method>` beside it.
        if_exists: `resume` goes on after the last epoch that was done.
        command: The command line, for the record.
        progress: Told what happens.

    Returns:
        The record, also saved as `compression.json` in the new run.

    Raises:
        UnsupportedError: The model takes no pictures, or its network can't be replayed in tf_keras, or the step can't
            be done on it.
        DataError: The run's pictures are gone.
        OutputExistsError: The folder exists, or was begun with other settings.
        MissingExtraError: A package is not installed.
        ChildError: The training crashed.
    """
    progress = progress or default_progress()
    source = RunFolder.find(Path(run))
    require_trained(source)
    require_training()
    bundle, manifest = Bundle.open(source.bundle_dir), manifest_to_learn_from(source)
    as_pictures(bundle.preprocessing, purpose="tfl compress")
    place = Path(out) if out is not None else source.beside(settings.suffix)
    folder = RunFolder(place)
    record = begin_derived_run(source, folder, load_config(source), if_exists=if_exists, command=command)
    keep_settings(folder.path / _SETTINGS_FILE, settings)
    if "train" in record.stages:
        made = Compression.load(folder.compression_file)
    else:
        meter = StageMeter(EnergyMeter())
        progress.stage(f"Compressing by {settings.method}", number=1, total=2)
        try:
            answer = _train(source, folder, settings, progress)
            made = _write(source, folder, bundle, manifest, settings, answer, progress)
        except (TflError, KeyboardInterrupt) as error:
            save_ending(record, folder, error)
            raise
        made.save(folder.compression_file)
        record = with_training(record, meter)
        record.save(folder.record_file)
    _export_simulated(folder, made, progress)
    do_stages(load_config(folder), folder, record, stages=("evaluate", "report"), progress=progress)
    return made


def manifest_to_learn_from(source: RunFolder) -> Manifest:
    """Return a run's manifest.

    Raises:
        DataError: The pictures are gone.
    """
    manifest = Manifest.load(source.manifest_file)
    if not Path(manifest.root).is_dir():
        raise DataError(f"The samples of the run, {manifest.root}, are not there any more, so nothing can be learned.")
    return manifest


def require_trained(source: RunFolder) -> RunRecord:
    """Return the record of a run that is trained and evaluated.

    Raises:
        UserError: It is not; names what is left to do.
    """
    record = RunRecord.load(source.record_file)
    undone = [name for name in ("train", "evaluate") if getattr(record.stages.get(name), "status", "") != "done"]
    if undone:
        raise UserError(
            f"{source.path} is not done yet: {', '.join(undone)}.",
            hint=f"Go on with it: tfl train --out {source.path} --resume",
        )
    return record


def begin_derived_run(
    source: RunFolder, folder: RunFolder, config: RunConfig, *, if_exists: IfExists, command: str
) -> RunRecord:
    """Begin a run that takes data and splits from another one, or open it again.

    Args:
        source: The other run.
        folder: Of the new one.
        config: Of the new one, but for its place.
        if_exists: What to do with a folder that is there.
        command: The command line, for the record.

    Raises:
        UserError: The training of the other run is not done.
        OutputExistsError: The folder exists, and is not to be gone on with.
    """
    earlier = require_trained(source)
    claim_folder(folder.path, if_exists=if_exists, marker=RUN_FILE)
    record = open_record(dataclasses.replace(config, out=str(folder.path)), folder, command=command)
    free = StageRecord(status="done", seconds=0.0)
    record = dataclasses.replace(
        record,
        stages={"check": free, "split": free} | record.stages,
        data_fingerprint=earlier.data_fingerprint,
        made_from=str(source.path.resolve()),
    )
    for before, after in ((source.manifest_file, folder.manifest_file), (source.check_file, folder.check_file)):
        write_text(after, before.read_text(encoding="utf-8"))
    record.save(folder.record_file)
    return record


def with_training(record: RunRecord, meter: StageMeter) -> RunRecord:
    """Return the record with the training done and its costs."""
    return dataclasses.replace(record, stages={**record.stages, "train": meter.record("done", before=None)})


def save_ending(record: RunRecord, folder: RunFolder, error: BaseException) -> None:
    """Say in the record that the run was stopped, or why it failed."""
    stopped = isinstance(error, KeyboardInterrupt)
    ended = dataclasses.replace(record, status="stopped" if stopped else "failed", message=str(error))
    ended.save(folder.record_file)


def keep_settings(path: Path, settings: Record) -> None:
    """Save what was asked for; a run that is gone on with must be asked for the same.

    Raises:
        OutputExistsError: It was begun with other settings; names each.
    """
    if path.is_file():
        before, after = type(settings).load(path).to_dict(), settings.to_dict()
        changed = [f"{name}: {before[name]} -> {after[name]}" for name in after if before[name] != after[name]]
        if changed:
            raise OutputExistsError(
                f"{path.parent} was begun with other settings: {'; '.join(changed)}.",
                hint="Go on with the same ones, or choose another --out.",
            )
    settings.save(path)


def _train(source: RunFolder, folder: RunFolder, settings: CompressSettings, progress: Progress) -> dict[str, Any]:
    progress.update(f"training by {settings.method}; what it says is in {folder.logs_dir / 'compress.log'}")
    result_dir = folder.work_dir / "compressed"
    result_dir.mkdir(parents=True, exist_ok=True)
    return call_training(
        source.bundle_dir,
        folder,
        load_config(folder),
        settings,
        state_file=folder.work_dir / _STATE_FILE,
        out_dir=result_dir,
        log_path=folder.logs_dir / "compress.log",
        progress=progress,
    )


def _write(
    source: RunFolder,
    folder: RunFolder,
    bundle: Bundle,
    manifest: Manifest,
    settings: CompressSettings,
    answer: dict[str, Any],
    progress: Progress,
) -> Compression:
    """Write bundle, predictions and simulation, and say what came of it."""
    result_dir, examples = folder.work_dir / "compressed", manifest.of_split("test")
    truth, task = tuple(manifest.label_indices(examples)), TASKS.get(bundle.task)
    paths, root = tuple(item.path for item in examples), Path(manifest.root)
    with np.load(result_dir / ANSWERS_FILE, allow_pickle=False) as arrays:
        outputs: Floats = arrays["outputs"]
        simulated: Floats | None = arrays.get("simulated")
    before = HeldOut.load(source.predictions_file, root)
    if before.outputs is None or before.paths != paths:
        raise DataError(f"{source.predictions_file} is not of the run's test split.")
    rows = open_rows(examples, manifest.root, bundle.preprocessing, cache_dir=folder.work_dir, progress=progress)
    made = rewrite_bundle(
        folder.bundle_dir,
        bundle,
        result_dir / MODEL_FILE,
        rows=rows,
        outputs=outputs,
        truth=truth,
        metrics={task.metric: task.metric_of(truth, outputs)},
    )
    dataclasses.replace(before, outputs=outputs).save(folder.predictions_file)
    if simulated is not None:
        dataclasses.replace(before, outputs=simulated).save(folder.simulated_predictions_file)
        metrics = {task.metric: task.metric_of(truth, simulated)}
        write_simulation(
            folder, made, result_dir, simulated, truth=truth, quantizers=answer["quantizers"], metrics=metrics
        )
    layers = tuple(LayerWeights.from_dict(item) for item in answer["layers"])
    return Compression(
        source=str(source.path.resolve()),
        source_fingerprint=bundle.fingerprint,
        settings=settings,
        replay_difference=answer["replay_difference"],
        epochs=tuple(EpochRow.from_dict(row) for row in answer["epochs"]),
        kept_epochs=answer["kept_epochs"],
        metric_name=task.metric,
        metric_before=task.metric_of(truth, before.outputs),
        metric_after=task.metric_of(truth, outputs),
        metric_simulated=None if simulated is None else task.metric_of(truth, simulated),
        paired=paired(before.outputs, outputs, truth),
        paired_simulated=None if simulated is None else paired(before.outputs, simulated, truth),
        size_before=file_size(source.bundle_dir / MODEL_FILE),
        size_after=file_size(folder.bundle_dir / MODEL_FILE),
        layers=layers,
        sparsity=sparsity_of(layers),
        quantizers=answer["quantizers"],
        seconds=answer["seconds"],
    )


def paired(before: Floats, after: Floats, truth: tuple[int, ...]) -> Paired:
    """Compare the decisions of two models, `(samples, classes)` probabilities each, on the same samples."""
    labels = np.asarray(truth)
    first, second = before.argmax(axis=1) == labels, after.argmax(axis=1) == labels
    return Paired(
        sample_count=len(labels),
        both_right=int((first & second).sum()),
        only_before=int((first & ~second).sum()),
        only_after=int((second & ~first).sum()),
        p_value=mcnemar_of(first, second),
    )


def _export_simulated(folder: RunFolder, made: Compression, progress: Progress) -> None:
    """Make and verify the artefacts that only a simulation can give, of every target that has them."""
    if not made.quantizers or ExportSummary.of_run(folder).cells:
        return
    able = {name: TARGETS.get(name).simulated for name in TARGETS.names() if TARGETS.get(name).simulated}
    config = load_config(folder)
    progress.stage("Exporting the quantized network", number=2, total=2)
    for precision in sorted({item for found in able.values() for item in found}):
        export_run(
            folder,
            targets=tuple(name for name, found in able.items() if precision in found),
            precisions=(precision,),
            calibration_samples=config.export.calibration_samples,
            workers=config.export.workers,
            fused=config.export.fuse_preprocessing,
            seed=config.seed,
            progress=progress,
        )
