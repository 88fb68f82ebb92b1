"""Training a run's network with quantization simulated: the child's call, what it leaves, and who asks for it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.cells import ExportSummary
from tfl.bench.held_out import HeldOut
from tfl.bundle import Bundle, Golden, Simulation
from tfl.bundle.records import GOLDEN_FILE, SIMULATION_FILE, SIMULATION_MODEL_DIR
from tfl.compress.compress_worker import ANSWERS_FILE, SIMULATION_DIR
from tfl.compress.ladder_records import LadderSettings, SimulatedTraining
from tfl.compress.records import Compression, CompressSettings, EpochRow
from tfl.compress.replay import ENVIRONMENT
from tfl.compress.telling import Listener
from tfl.core.child import call_in_child
from tfl.core.config import RunConfig, load_config
from tfl.core.errors import DataError, TflError, UnsupportedError, UserError
from tfl.core.extras import require_installed
from tfl.core.files import digest_tree, fresh_folder, sha256_text, write_text
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.contract import Floats
from tfl.data.manifest import Manifest
from tfl.targets import TARGETS
from tfl.tasks import TASKS

_PLACE, _RECORD_FILE, _KEY_FILE, _STATE_FILE = "qat", "training.json", "key", "state.npz"
_STEP = "qat"
#: Training is as long as it is; this only ends a process that hangs.
_TIMEOUT_S = 7 * 24 * 3600.0


def require_training() -> None:
    """Raise unless everything that compresses by training is installed.

    Raises:
        MissingExtraError: Names what to install.
    """
    for module in ("tensorflow", "keras", "tf_keras", "tensorflow_model_optimization"):
        require_installed(module, purpose="compressing a model by training")


def call_training(
    bundle_dir: Path,
    folder: RunFolder,
    config: RunConfig,
    settings: CompressSettings,
    *,
    state_file: Path,
    out_dir: Path,
    log_path: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Compress a bundle's model in a child process, which goes on from the state where there is one.

    Args:
        bundle_dir: What is compressed.
        folder: The run whose manifest and work folder are used.
        config: Of the run.
        settings: What to do.
        state_file: Written after every epoch.
        out_dir: Receives what `tfl.compress.compress_worker.compress_in_child` says.
        log_path: Where the child's output is kept.
        progress: Told every epoch.

    Raises:
        UnsupportedError: The network can't be replayed in tf_keras, or the step can't be done on it.
        ChildError: The training crashed.
    """
    told = state_file.with_suffix(".told")
    arguments = {
        "bundle_dir": str(bundle_dir.resolve()),
        "manifest_file": str(folder.manifest_file.resolve()),
        "config": config.to_dict(),
        "settings": settings.to_dict(),
        "work_dir": str(folder.work_dir.resolve()),
        "state_file": str(state_file.resolve()),
        "out_dir": str(out_dir.resolve()),
        "told": str(told.resolve()),
    }
    told.unlink(missing_ok=True)
    with Listener(told, progress):
        return call_in_child(
            "tfl.compress.compress_worker:compress_in_child",
            arguments,
            log_path=log_path,
            timeout_s=_TIMEOUT_S,
            environment=ENVIRONMENT,
        )


def write_simulation(
    folder: RunFolder,
    bundle: Bundle,
    result_dir: Path,
    outputs: Floats,
    *,
    truth: Sequence[int],
    quantizers: int,
    metrics: dict[str, float],
) -> None:
    """Move the SavedModel that a training left into the run's simulation, whole or not at all.

    Args:
        folder: The run.
        bundle: Of the run.
        result_dir: What the training wrote.
        outputs: `(samples, classes)` float32, the simulation's answers to the test split.
        truth: Class index of each test sample.
        quantizers: How many activation tensors are quantized.
        metrics: Of the test split.
    """
    from tfl.training.bundle_writer import golden_indices

    golden = Golden.load(folder.bundle_dir / GOLDEN_FILE)
    with fresh_folder(folder.simulation_dir) as place:
        (result_dir / SIMULATION_DIR).rename(place / SIMULATION_MODEL_DIR)
        Golden(golden.rows, outputs[golden_indices(truth)]).save(place / GOLDEN_FILE)
        simulation = Simulation(
            bundle_fingerprint=bundle.fingerprint, quantizers=quantizers, metrics=metrics, files=digest_tree(place)
        )
        simulation.save(place / SIMULATION_FILE)


class Simulator:
    """Trains a run's own network with quantization simulated, once, however many targets ask for it.

    A run that was made by such a training has its simulation already. What was asked for before with the same
    settings and data is not trained again, and an interrupted training goes on after its last epoch.

    Args:
        folder: The run; its bundle stays as it is.
        bundle: Of the run.
        manifest: Of the run.
        settings: Of the ladder.
        progress: Told what happens.
    """

    def __init__(
        self, folder: RunFolder, bundle: Bundle, manifest: Manifest, settings: LadderSettings, progress: Progress
    ) -> None:
        self._folder, self._bundle, self._manifest, self._progress = folder, bundle, manifest, progress
        self._asked = CompressSettings(
            method="qat",
            epochs=settings.qat_epochs,
            minutes=settings.qat_minutes,
            learning_rate=settings.qat_learning_rate,
            seed=settings.seed,
        )
        self._place = folder.quantize_dir / _PLACE
        self._made: SimulatedTraining | None = None
        self._error: TflError | None = None

    def trained(self) -> SimulatedTraining:
        """Return the record of the run's simulation, trained now where there is none.

        Raises:
            UnsupportedError: The network can't be replayed in tf_keras, or was pruned or clustered.
            MissingExtraError: A package is not installed.
            ChildError: The training crashed.
        """
        if self._error is not None:
            raise self._error
        if self._made is None:
            try:
                self._made = self._own() or self._before() or self._train()
            except TflError as error:
                self._error = error
                raise
        return self._made

    def _own(self) -> SimulatedTraining | None:
        """Return the training that the run itself came from, where it simulated quantization."""
        if not self._folder.compression_file.is_file():
            return None
        made = Compression.load(self._folder.compression_file)
        if made.metric_simulated is None:
            raise UnsupportedError(
                f"{self._folder.path} was made by {made.settings.method}, and training on without it would undo that.",
                hint=f"Do both at once: tfl compress {made.source} --method {made.settings.method}+qat",
            )
        Simulation.open(self._folder.simulation_dir, self._bundle)
        return SimulatedTraining(
            key="",
            settings=made.settings,
            replay_difference=made.replay_difference,
            epochs=tuple(row for row in made.epochs if row.step == _STEP),
            kept_epoch=made.kept_epochs[_STEP],
            quantizers=made.quantizers,
            metric_name=made.metric_name,
            metric=made.metric_simulated,
            seconds=made.seconds,
        )

    def _key(self) -> str:
        return sha256_text(str(self._asked.to_dict()), self._bundle.fingerprint, self._manifest.fingerprint)

    def _before(self) -> SimulatedTraining | None:
        if not (self._place / _RECORD_FILE).is_file():
            return None
        try:
            made = SimulatedTraining.load(self._place / _RECORD_FILE)
            Simulation.open(self._folder.simulation_dir, self._bundle)
        except UserError:
            # Written by another version, altered since, or of another network: trained again.
            return None
        return made if made.key == self._key() and self._folder.simulated_predictions_file.is_file() else None

    def _train(self) -> SimulatedTraining:
        require_training()
        if not self._is_begun():
            shutil.rmtree(self._place, ignore_errors=True)
            self._place.mkdir(parents=True)
            write_text(self._place / _KEY_FILE, self._key())
        result_dir = self._folder.work_dir / "simulated"
        result_dir.mkdir(parents=True, exist_ok=True)
        log = self._folder.logs_dir / "quantize-qat.log"
        self._progress.update(f"training with quantization simulated; what it says is in {log}")
        answer = call_training(
            self._folder.bundle_dir,
            self._folder,
            load_config(self._folder),
            self._asked,
            state_file=self._place / _STATE_FILE,
            out_dir=result_dir,
            log_path=log,
            progress=self._progress,
        )
        made = self._written(answer, result_dir)
        made.save(self._place / _RECORD_FILE)
        (self._place / _STATE_FILE).unlink(missing_ok=True)
        shutil.rmtree(result_dir, ignore_errors=True)
        self._progress.result(f"trained with quantization simulated: {made.words}")
        return made

    def _is_begun(self) -> bool:
        key = self._place / _KEY_FILE
        same = key.is_file() and key.read_text(encoding="utf-8") == self._key()
        return same and not (self._place / _RECORD_FILE).exists()

    def _drop_artifacts(self) -> None:
        """Remove what was made of an earlier simulation, since its answers are not this one's."""
        cells = ExportSummary.of_run(self._folder).cells
        stale = [cell for cell in cells if cell.precision in TARGETS.get(cell.target).simulated]
        for cell in stale:
            shutil.rmtree(self._folder.artifacts_dir / cell.name, ignore_errors=True)
            self._progress.result(f"{cell.name} is removed, it was made of an earlier training")
        if stale:
            ExportSummary(cells=tuple(cell for cell in cells if cell not in stale)).save(self._folder.exports_file)

    def _written(self, answer: dict[str, Any], result_dir: Path) -> SimulatedTraining:
        """Put the simulation and its answers to the test split into the run."""
        examples, task = self._manifest.of_split("test"), TASKS.get(self._bundle.task)
        truth = tuple(self._manifest.label_indices(examples))
        with np.load(result_dir / ANSWERS_FILE, allow_pickle=False) as arrays:
            outputs: Floats = arrays["simulated"]
        if len(outputs) != len(truth):
            raise DataError(f"{len(outputs)} answers came back to {len(truth)} test samples.")
        self._drop_artifacts()
        metric, root = task.metric_of(truth, outputs), Path(self._manifest.root)
        HeldOut.of_examples(root, examples, truth, outputs).save(self._folder.simulated_predictions_file)
        write_simulation(
            self._folder,
            self._bundle,
            result_dir,
            outputs,
            truth=truth,
            quantizers=answer["quantizers"],
            metrics={task.metric: metric},
        )
        return SimulatedTraining(
            key=self._key(),
            settings=self._asked,
            replay_difference=answer["replay_difference"],
            epochs=tuple(EpochRow.from_dict(row) for row in answer["epochs"]),
            kept_epoch=answer["kept_epochs"][_STEP],
            quantizers=answer["quantizers"],
            metric_name=task.metric,
            metric=metric,
            seconds=answer["seconds"],
        )
