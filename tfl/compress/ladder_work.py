"""What all targets of one `tfl quantize` share, and the child processes that prepare and climb for it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.held_out import HeldOut
from tfl.bundle import Bundle
from tfl.compress.ladder_records import Climb, LadderSettings
from tfl.compress.ladder_samples import LadderSamples
from tfl.compress.simulating import Simulator
from tfl.compress.telling import Listener
from tfl.core.child import call_in_child
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest
from tfl.data.store import open_rows
from tfl.targets import stage_saved_model

#: A large network on two processors: each of its hundred layers is a model that is written and scored.
_LONGEST_CLIMB_S = 6 * 3600.0


@dataclass(frozen=True)
class Work:
    """What all targets of one call share.

    Attributes:
        folder: The run.
        place: Scratch, removed afterwards.
        bundle: Of the run.
        samples: Who calibrates and who judges.
        settings: What was asked for.
        test: The test split with the float model's answers.
        simulator: Trains the network with quantization simulated, when a target asks.
        progress: Told what happens.
    """

    folder: RunFolder
    place: Path
    bundle: Bundle
    samples: LadderSamples
    settings: LadderSettings
    test: HeldOut
    simulator: Simulator
    progress: Progress


def prepare(work: Work, manifest: Manifest) -> None:
    """Decode the samples, stage the model, and let the float model answer the choice samples once for all targets."""
    samples, progress, logs = work.samples, work.progress, work.folder.logs_dir
    shutil.rmtree(work.place, ignore_errors=True)
    work.place.mkdir(parents=True)
    for name, examples in (("calibration", samples.calibration), ("choice", samples.choice)):
        rows = open_rows(examples, manifest.root, work.bundle.preprocessing, cache_dir=work.place, progress=progress)
        np.save(work.place / f"{name}.npy", np.asarray(rows), allow_pickle=False)
    progress.update("staging the float32 SavedModel")
    stage_saved_model(work.folder.bundle_dir, work.place / "staged", log_path=logs / "stage.log")
    progress.update("answering the choice samples with the float model")
    arguments = {
        "bundle_dir": str(work.folder.bundle_dir),
        "rows": str(work.place / "choice.npy"),
        "answers": str(work.place / "answers.npy"),
    }
    call_in_child("tfl.compress.ladder_worker:answer_with_bundle", arguments, log_path=logs / "quantize-float.log")


def climb(work: Work, name: str, rungs: Sequence[str], *, simulation_dir: Path | None) -> Climb:
    """Try rungs of a target in a process of its own until one holds; its model lies in `place / name` then.

    Args:
        work: Prepared.
        name: Of the target.
        rungs: Names of those to try, in their order.
        simulation_dir: For rungs that are trained for, or None.

    Raises:
        TflError: The float model can't be exported, or the process crashed.
    """
    scratch = work.place / name
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    told = work.place / f"{name}.told"
    told.unlink(missing_ok=True)
    arguments: dict[str, Any] = {
        "target": name,
        "bundle_dir": str(work.folder.bundle_dir),
        "saved_model_dir": str(work.place / "staged"),
        "simulation_dir": str(simulation_dir) if simulation_dir is not None else "",
        "scratch": str(scratch),
        "export_log": str(work.folder.logs_dir / f"quantize-{name}-export.log"),
        "settings": work.settings.to_dict(),
        "use": work.samples.use.to_dict(),
        "calibration_rows": str(work.place / "calibration.npy"),
        "choice_rows": str(work.place / "choice.npy"),
        "choice_answers": str(work.place / "answers.npy"),
        "choice_truth": _truth(work),
        "told": str(told),
        "rungs": list(rungs),
    }
    with Listener(told, work.progress):
        answer = call_in_child(
            "tfl.compress.ladder_worker:climb_here",
            arguments,
            log_path=work.folder.logs_dir / f"quantize-{name}.log",
            timeout_s=_LONGEST_CLIMB_S,
        )
    return Climb.from_dict(answer)


def _truth(work: Work) -> list[int]:
    index = {label: position for position, label in enumerate(work.bundle.labels)}
    return [index[item.label] for item in work.samples.choice]
