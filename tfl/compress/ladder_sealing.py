"""From a rung that holds to an artefact of the run: sealed, verified in a fresh process, judged by the test split."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.cells import ExportJob, ExportSummary, verify_cell
from tfl.bench.held_out import HeldOut
from tfl.bench.records import Cell
from tfl.bundle import Artifact
from tfl.bundle.records import ARTIFACT_FILE
from tfl.compress.broken import flipped_samples
from tfl.compress.ladder_records import Ladder, Try
from tfl.compress.ladder_work import Work
from tfl.compress.paired import PairedDrop, compare_paired, judge
from tfl.core.child import call_in_child
from tfl.core.errors import JobError
from tfl.core.files import fresh_folder, sha256_file
from tfl.targets import TARGETS, Exported, draft_artifact, seal_artifact
from tfl.tasks import TASKS


def sealed(work: Work, ladder: Ladder, chosen: Try) -> Ladder:
    """Make the chosen model an artefact, verify it in a fresh process, and let it answer the test samples.

    Args:
        work: Prepared; the model lies where `tfl.compress.ladder_work.climb` left it.
        ladder: Climbed.
        chosen: Its rung that holds.

    Returns:
        The ladder with cell, test and statement; a cell that is not verified says so.
    """
    cell = Cell(target=ladder.target, precision=chosen.precision, status="ok")
    artifact_dir = work.folder.artifacts_dir / cell.name
    work.progress.update(f"sealing and verifying {cell.name}")
    artifact = _seal(work, ladder, chosen, artifact_dir)
    cell = dataclasses.replace(
        cell,
        artifact_dir=artifact_dir.relative_to(work.folder.path).as_posix(),
        size_bytes=artifact.size_bytes,
    )
    cell = verify_cell(cell, _job(work))
    ExportSummary.of_run(work.folder).merged([cell]).save(work.folder.exports_file)
    test, outputs = _test(work, ladder.target, artifact_dir)
    return dataclasses.replace(
        ladder,
        cell=cell,
        artifact_digest=sha256_file(artifact_dir / ARTIFACT_FILE),
        test=test,
        statement=judge(test, max_drop=work.settings.max_drop),
        flipped=flipped_samples(work.test, outputs, work.bundle.labels),
    )


def _seal(work: Work, ladder: Ladder, chosen: Try, artifact_dir: Path) -> Artifact:
    climb = ladder.climb
    if climb is None or climb.signature is None:
        raise JobError(f"The ladder of {ladder.target} was not climbed, so there is nothing to seal.")
    use, calibration = work.samples.use, None
    if chosen.calibration_samples:
        draws = (use.calibration, use.more_calibration)
        calibration = next(draw for draw in draws if draw.sample_count == chosen.calibration_samples)
    exported = Exported(climb.model_files, climb.signature)
    draft = draft_artifact(
        work.bundle,
        exported,
        target=ladder.target,
        precision=chosen.precision,
        calibration=calibration,
        recipe=chosen.recipe,
    )
    is_simulated = chosen.precision in TARGETS.get(ladder.target).simulated
    with fresh_folder(artifact_dir) as place:
        for item in (work.place / ladder.target / climb.model_dir).iterdir():
            shutil.move(item, place / item.name)
        return seal_artifact(place, draft, work.folder.simulation_dir if is_simulated else work.folder.bundle_dir)


def _job(work: Work) -> ExportJob:
    folder = work.folder
    return ExportJob(
        bundle_dir=folder.bundle_dir,
        base_dir=folder.path,
        artifacts_dir=folder.artifacts_dir,
        work_dir=folder.work_dir,
        logs_dir=folder.logs_dir,
        calibration=None,
        calibration_rows=None,
        held_out=work.test,
        simulated_held_out=HeldOut.of_run(folder, simulated=True),
    )


def _test(work: Work, name: str, artifact_dir: Path) -> tuple[PairedDrop, Any]:
    """Compare the sealed artefact with the float model on all test samples."""
    samples, answers = work.place / "test.npz", work.place / f"{name}-test.npy"
    work.test.save(samples)
    arguments = {
        "held_out": str(samples),
        "root": str(work.test.root),
        "artifact_dir": str(artifact_dir),
        "answers": str(answers),
    }
    log = work.folder.logs_dir / f"quantize-{name}-test.log"
    call_in_child("tfl.compress.ladder_worker:answer_test", arguments, log_path=log)
    outputs = np.load(answers, allow_pickle=False)
    if work.test.outputs is None:
        raise JobError("The float model's answers to the test samples are not on record.")
    task = TASKS.get(work.bundle.task)
    drop = compare_paired(
        work.test.truth,
        work.test.outputs,
        outputs,
        metric=task.metric_of,
        metric_name=task.metric,
        seed=work.settings.seed,
    )
    return drop, outputs
