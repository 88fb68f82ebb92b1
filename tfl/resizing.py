"""A run's artefacts at other sizes of the input, for sweeps: the same weights, made, exported and verified anew."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfl.backbones import SOURCES, parse_spec
from tfl.bench.cells import ExportJob, export_cells, plan_cells
from tfl.bench.held_out import HeldOut
from tfl.bench.records import Failure
from tfl.bundle import Artifact, Bundle, Signature
from tfl.bundle.records import ARTIFACT_FILE, BUNDLE_FILE, MODEL_FILE, sized_name, split_sized_name
from tfl.core.child import call_in_child
from tfl.core.config import load_config
from tfl.core.errors import IntegrityError, TflError, UnsupportedError, UserError
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest
from tfl.data.preprocess import ImagePreprocessing, as_pictures
from tfl.data.store import open_rows
from tfl.exports import calibration_of
from tfl.targets import TARGETS
from tfl.tasks import TASKS

if TYPE_CHECKING:
    import keras

_ANSWERS_FILE = "answers.npy"


def resized_artifacts(
    run: RunFolder, artifacts: Sequence[Path], sizes: Sequence[int], *, progress: Progress
) -> tuple[list[Path], dict[str, Failure]]:
    """Make artefacts at other sizes of the input, unless they are there, made of the same bundle.

    The network keeps its weights and gets another input, so that only networks whose weights don't depend on it can be
    resized. Each size becomes a bundle of its own in `<run>/sizes/<size>px`, with the answers of the float network to
    the test split at that size; its artefacts are calibrated and verified like any other.

    Args:
        run: Whose training is done.
        artifacts: Folders of the run's artefacts.
        sizes: Height and width of the input, in pixels.
        progress: Told what happens.

    Returns:
        Folders, size by size, those of the run itself at its own size; and by name, what could not be made or did not
        pass its verification.

    Raises:
        UserError: The input is not square, or the pictures are gone.
        UnsupportedError: The network can't be resized, or an artefact is one that a search or a training made.
    """
    bundle = Bundle.open(run.bundle_dir)
    contract = bundle.preprocessing
    if not isinstance(contract, ImagePreprocessing):
        raise UnsupportedError(f"{run.path} takes no pictures, so there is no size of the input to sweep.")
    if contract.height != contract.width:
        raise UserError(f"The input of {run.path} is {contract.height} x {contract.width}: only square ones are swept.")
    records = {folder: Artifact.open(folder) for folder in artifacts}
    found: list[Path] = []
    failures: dict[str, Failure] = {}
    for size in sizes:
        if size == contract.height:
            found += artifacts
            continue
        for folder, record in records.items():
            _require_plain(folder, record)
        place = _place_of(run, size)
        small = _bundle_at(run, bundle, size, place, progress)
        wanted = {place / sized_name(record.name, size): record for record in records.values()}
        missing = {folder: record for folder, record in wanted.items() if not _is_of(folder, small)}
        if missing:
            failures |= _make(run, small, size, missing, progress)
        found += [folder for folder in wanted if folder.name not in failures]
    return found, failures


def artifact_dir_of(run: RunFolder, name: str) -> Path:
    """Return the folder of a run's artefact, of whatever size of the input."""
    _, size = split_sized_name(name)
    return (run.artifacts_dir if size is None else _place_of(run, size)) / name


def _place_of(run: RunFolder, size: int) -> Path:
    return run.path / "sizes" / f"{size}px"


def _require_plain(folder: Path, record: Artifact) -> None:
    if record.recipe is not None or record.precision in TARGETS.get(record.target).simulated:
        raise UnsupportedError(
            f"{folder.name} was made by a search or a training for the run's own size of the input.",
            hint="Name plain exports: --artifact NAME",
        )


def _is_of(folder: Path, bundle: Bundle) -> bool:
    """Say whether an artefact is there that was made of a bundle."""
    if not (folder / ARTIFACT_FILE).is_file():
        return False
    try:
        return Artifact.open(folder).bundle_fingerprint == bundle.fingerprint
    except IntegrityError:
        return False


def _bundle_at(run: RunFolder, bundle: Bundle, size: int, place: Path, progress: Progress) -> Bundle:
    """Return the bundle of a size, made anew where the run's has changed."""
    folder, source = place / "bundle", place / "source.txt"
    if (folder / BUNDLE_FILE).is_file() and source.is_file() and source.read_text() == bundle.fingerprint:
        return Bundle.open(folder)
    from tfl.compress.rewrite import rewrite_bundle

    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    progress.update(f"the network at {size} pixels")
    contract = as_pictures(bundle.preprocessing, purpose="Another size of the input")
    contract = dataclasses.replace(contract, height=size, width=size)
    manifest, task = Manifest.load(run.manifest_file), TASKS.get(bundle.task)
    if HeldOut.of_run(run) is None:
        raise UserError(f"The samples that {run.path} is scored on are not there any more.")
    examples = manifest.of_split("test")
    rows = open_rows(examples, manifest.root, contract, cache_dir=run.work_dir, progress=progress)
    made = place / "made"
    made.mkdir()
    call_in_child(
        "tfl.resizing:resize_in_child",
        {
            "bundle_dir": str(run.bundle_dir.resolve()),
            "run": str(run.path.resolve()),
            "contract": contract.to_dict(),
            "out_dir": str(made.resolve()),
        },
        log_path=run.logs_dir / f"resize-{size}px.log",
    )
    outputs = np.load(made / _ANSWERS_FILE, allow_pickle=False)
    truth = tuple(manifest.label_indices(examples))
    (fed,) = bundle.signature.inputs
    signature = Signature(
        inputs=(dataclasses.replace(fed, shape=(-1, size, size, 3)),), outputs=bundle.signature.outputs
    )
    small = rewrite_bundle(
        folder,
        dataclasses.replace(bundle, preprocessing=contract, signature=signature),
        made / MODEL_FILE,
        rows=rows,
        outputs=outputs,
        truth=truth,
        metrics={task.metric: task.metric_of(truth, outputs)},
    )
    HeldOut.of_examples(Path(manifest.root), examples, truth, outputs).save(place / "predictions.npz")
    shutil.rmtree(made)
    source.write_text(bundle.fingerprint)
    return small


def _make(
    run: RunFolder, bundle: Bundle, size: int, missing: Mapping[Path, Artifact], progress: Progress
) -> dict[str, Failure]:
    """Export and verify what is missing of a size; return what failed, by name."""
    failures: dict[str, Failure] = {}
    place = _place_of(run, size)
    manifest, config = Manifest.load(run.manifest_file), load_config(run)
    calibration, rows = calibration_of(
        run, bundle, manifest, config.export.calibration_samples, config.seed, progress=progress
    )
    job = ExportJob(
        bundle_dir=place / "bundle",
        base_dir=run.path,
        artifacts_dir=place / "made",
        work_dir=place,
        logs_dir=run.logs_dir / place.name,
        calibration=calibration,
        calibration_rows=rows,
        held_out=HeldOut.load(place / "predictions.npz", Path(manifest.root)),
    )
    for fused in {record.preprocessing.fusion: None for record in missing.values()}:
        chosen = [record for record in missing.values() if record.preprocessing.fusion == fused]
        cells = [cell for record in chosen for cell in plan_cells((record.target,), (record.precision,), fused=fused)]
        for cell in export_cells(cells, job, workers=config.export.workers, progress=progress):
            name = sized_name(cell.name, size)
            if cell.status == "ok":
                (job.artifacts_dir / cell.name).replace(place / name)
            else:
                failures[name] = cell.failure or Failure.of(UnsupportedError(cell.reason), "export")
    shutil.rmtree(job.artifacts_dir, ignore_errors=True)
    return failures


def resize_in_child(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Give a bundle's network another input, and write it and its answers to the test split."""
    from tfl.core.files import write_atomic
    from tfl.targets._keras import load_keras_model
    from tfl.training.bundle_writer import predict_rows

    bundle_dir, out_dir = Path(arguments["bundle_dir"]), Path(arguments["out_dir"])
    contract, run = ImagePreprocessing.from_dict(arguments["contract"]), RunFolder(Path(arguments["run"]))
    bundle = Bundle.load(bundle_dir / BUNDLE_FILE)
    model = at_size(load_keras_model(bundle_dir, bundle), contract.height, spec=bundle.backbone.spec)
    manifest, silent = Manifest.load(run.manifest_file), Progress()
    examples = manifest.of_split("test")
    rows = open_rows(examples, manifest.root, contract, cache_dir=run.work_dir, progress=silent)
    outputs = predict_rows(model, rows, contract, progress=silent)
    write_atomic(out_dir / MODEL_FILE, lambda file: model.save(file))
    np.save(out_dir / _ANSWERS_FILE, outputs, allow_pickle=False)
    return {}


def at_size(model: keras.Model, size: int, *, spec: str = "") -> keras.Model:
    """Return a classifier of one backbone and one head (see `join`) with another size of its input.

    Args:
        model: `(batch, height, width, 3)` -> `(batch, classes)`.
        size: New height and width.
        spec: What the backbone is, so that its source builds it for that size: some have layers that are made for one.
            Where it can't, or the network has other weights by now, the layers are taken as they are.

    Raises:
        UnsupportedError: Its weights depend on the size of the input, or a layer is made for one.
    """
    import keras

    from tfl.training.network import join

    backbone, head = (layer for layer in model.layers if isinstance(layer, keras.Model))
    try:
        other = _built(spec, size, backbone) if spec else None
        if other is None:
            other = keras.models.clone_model(backbone, input_tensors=keras.Input((size, size, 3)))
            other.set_weights(backbone.get_weights())
        whole = join(other, head)
    except (ValueError, TypeError, AttributeError) as error:
        raise UnsupportedError(
            f"{backbone.name} can't be given an input of {size} x {size}: {str(error).splitlines()[0]}",
            hint="Train a run of that size: tfl train DATA --image-size",
        ) from error
    return whole


def _built(spec: str, size: int, backbone: keras.Model) -> keras.Model | None:
    """Let a backbone's source build it for a size, with the weights it has; None where it can't."""
    plugin, name = parse_spec(spec)
    try:
        source = SOURCES.get(plugin)
        # Weights that are put over anyhow are not worth a download.
        if not source.info(name).available_offline:
            return None
        built = source.load(name, image_size=size).model
    except TflError:
        return None
    mine, theirs = _weights_of(backbone), _weights_of(built)
    if set(mine) != set(theirs):
        # Names that Keras made up as it went.
        mine, theirs = {"": backbone.get_weights()}, {"": built.get_weights()}
    if any(_shapes(mine[name]) != _shapes(theirs[name]) for name in mine):
        return None
    for name, values in mine.items():
        (built.get_layer(name) if name else built).set_weights(values)
    return built


def _weights_of(model: keras.Model) -> dict[str, list[Any]]:
    """Map layers to their weights: at another size, layers can be in another order."""
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


def _shapes(values: Sequence[Any]) -> list[tuple[int, ...]]:
    return [value.shape for value in values]
