"""`tfl quantize`: climb the ladders of a run's targets, seal what they chose, and say what the test split allows."""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.cells import ExportJob, ExportSummary, verify_cell
from tfl.bench.held_out import HeldOut
from tfl.bench.records import Cell
from tfl.bundle import Artifact, Bundle
from tfl.bundle.records import ARTIFACT_FILE
from tfl.compress.broken import flipped_samples
from tfl.compress.ladder_records import Climb, Ladder, LadderSettings, Quantization, Try
from tfl.compress.ladder_samples import LadderSamples, choose_samples
from tfl.compress.paired import PairedDrop, compare_paired, judge
from tfl.compress.telling import Listener
from tfl.core.child import call_in_child
from tfl.core.config import read_yaml, resolve_config
from tfl.core.environment import read_environment
from tfl.core.errors import JobError, TflError, UnsupportedError, UserError
from tfl.core.extras import require_installed
from tfl.core.files import fresh_folder, sha256_file, sha256_text
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest
from tfl.data.store import open_pixels
from tfl.targets import TARGETS, Exported, draft_artifact, seal_artifact, stage_saved_model
from tfl.tasks import TASKS

#: A large network on two processors: each of its hundred layers is a model that is written and scored.
_LONGEST_CLIMB_S = 6 * 3600.0


@dataclass(frozen=True)
class _Work:
    """What all targets of one call share."""

    folder: RunFolder
    place: Path
    bundle: Bundle
    samples: LadderSamples
    settings: LadderSettings
    test: HeldOut
    progress: Progress


def quantize_run(
    folder: RunFolder,
    *,
    targets: Sequence[str] = (),
    settings: LadderSettings | None = None,
    again: bool = False,
    progress: Progress,
) -> Quantization:
    """Find for each target the first rung of its ladder that holds, and put it among the run's artefacts.

    A target that was climbed with the same settings, model and data before is not climbed again.

    Args:
        folder: The run; its pictures must be there.
        targets: Names; empty means all that have rungs.
        settings: What is asked for; by default one point of the metric, and the run's seed.
        again: Climb even so.
        progress: Told what happens.

    Returns:
        A ladder per target; one that failed says why.

    Raises:
        NotFoundError: There is no such target.
        UnsupportedError: A named target has no rungs.
        UserError: The pictures are gone, or there are too few.
        MissingExtraError: A package that a quantizer needs is not installed.
    """
    config = resolve_config(read_yaml(folder.config_file), {})
    settings = settings or LadderSettings(seed=config.seed)
    names = _plan(targets, settings.calibration_method)
    bundle, test = Bundle.open(folder.bundle_dir), HeldOut.of_run(folder)
    if test is None or test.outputs is None:
        raise UserError(
            f"The pictures of {folder.path}, or the float model's answers to them, are not there any more.",
            hint="Put the data back where the run found them.",
        )
    manifest = Manifest.load(folder.manifest_file)
    samples = choose_samples(manifest, settings, allow_leakage="leakage" in config.data.allow)
    place = folder.work_dir / "quantize"
    work = _Work(folder, place, bundle, samples, settings, test, progress)
    ladders, prepared = [], False
    try:
        for name in names:
            found = None if again else _finished(work, name)
            if found is not None:
                progress.result(f"{name}: climbed before with the same settings")
            elif not prepared:
                _prepare(work, manifest)
                prepared = True
            ladders.append(found or _climb_target(work, name))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return Quantization(ladders=tuple(ladders))


def require_approach(approach: str, run_dir: Path) -> None:
    """Raise unless a network that is trained already can be quantized that way.

    Raises:
        UnsupportedError: It means to train on.
        UserError: There is no such approach.
    """
    if approach == "qat":
        raise UnsupportedError(
            "Quantization while training is not what this does: the network stays as it was trained.",
            hint=f"Use approach 'ptq', or train on with quantization: tfl compress {run_dir} --method qat",
        )
    if approach not in ("auto", "ptq"):
        raise UserError(f"There is no approach '{approach}'.", hint="Allowed: auto, ptq.")


def _plan(targets: Sequence[str], method: str) -> list[str]:
    names = list(dict.fromkeys(targets)) or [name for name in TARGETS.names() if TARGETS.get(name).rungs]
    able = [name for name in TARGETS.names() if TARGETS.get(name).rungs]
    for name in names:
        target = TARGETS.get(name)
        if not target.rungs:
            raise UnsupportedError(
                f"The target {name} can't be quantized by its accuracy: {target.without_rungs}.",
                hint=f"These can: {', '.join(able)}.",
            )
        if method and method not in target.calibration_methods:
            raise UserError(
                f"The target {name} can't set its ranges by '{method}'.",
                hint=f"Allowed: {', '.join(target.calibration_methods)}.",
            )
        for module in dict.fromkeys((*target.runtime_modules, *target.export_modules, *target.quantizer_modules)):
            require_installed(module, purpose=f"quantizing for {name}")
    return names


def _key(work: _Work, name: str) -> str:
    settings = json.dumps(work.settings.to_dict(), sort_keys=True)
    rungs = json.dumps([rung.to_dict() for rung in TARGETS.get(name).rungs], sort_keys=True)
    use = json.dumps(work.samples.use.to_dict(), sort_keys=True)
    return sha256_text(name, settings, rungs, use, work.bundle.fingerprint, *work.test.paths)


def _finished(work: _Work, name: str) -> Ladder | None:
    """Return the ladder on record where it is of the same question and its artefact is still the one it made."""
    file = work.folder.quantize_dir / f"{name}.json"
    if not file.is_file():
        return None
    try:
        ladder = Ladder.load(file)
        if ladder.key != _key(work, name) or ladder.failure or ladder.cell is None:
            return None
        artifact_dir = work.folder.path / ladder.cell.artifact_dir
        Artifact.open(artifact_dir)
        return ladder if sha256_file(artifact_dir / ARTIFACT_FILE) == ladder.artifact_digest else None
    except UserError:
        # Written by another version, or altered since: climbed again.
        return None


def _prepare(work: _Work, manifest: Manifest) -> None:
    """Decode the samples, stage the model, and let the float model answer the choice samples once for all targets."""
    samples, progress, logs = work.samples, work.progress, work.folder.logs_dir
    shutil.rmtree(work.place, ignore_errors=True)
    work.place.mkdir(parents=True)
    for name, examples in (("calibration", samples.calibration), ("choice", samples.choice)):
        pixels = open_pixels(
            examples, manifest.root, work.bundle.preprocessing, cache_dir=work.place, progress=progress
        )
        np.save(work.place / f"{name}.npy", np.asarray(pixels), allow_pickle=False)
    progress.update("staging the float32 SavedModel")
    stage_saved_model(work.folder.bundle_dir, work.place / "staged", log_path=logs / "stage.log")
    progress.update("answering the choice samples with the float model")
    arguments = {
        "bundle_dir": str(work.folder.bundle_dir),
        "pixels": str(work.place / "choice.npy"),
        "answers": str(work.place / "answers.npy"),
    }
    call_in_child("tfl.compress.ladder_worker:answer_with_bundle", arguments, log_path=logs / "quantize-float.log")


def _climb_target(work: _Work, name: str) -> Ladder:
    start = time.perf_counter()
    ladder = Ladder(
        target=name,
        key=_key(work, name),
        settings=work.settings,
        samples=work.samples.use,
        climb=None,
        cell=None,
        artifact_digest="",
        test=None,
        statement=None,
        flipped=(),
        failure="",
        seconds=0.0,
        environment=read_environment(),
    )
    try:
        ladder = dataclasses.replace(ladder, climb=_climb(work, name))
        while (chosen := ladder.chosen) is not None:
            ladder = _sealed(work, ladder, chosen)
            last = TARGETS.get(name).rungs[-1].name
            if ladder.cell is None or ladder.cell.status == "ok" or chosen.rung == last:
                break
            ladder = _climbed_on(work, ladder, chosen, ladder.cell)
    except UserError:
        raise
    except TflError as error:
        ladder = dataclasses.replace(ladder, failure=str(error))
    ladder = dataclasses.replace(ladder, seconds=time.perf_counter() - start)
    ladder.save(work.folder.quantize_dir / f"{name}.json")
    work.progress.result(describe(ladder))
    return ladder


def _climbed_on(work: _Work, ladder: Ladder, chosen: Try, cell: Cell) -> Ladder:
    """Pass over a rung whose artefact was not verified, and climb on from there."""
    why = cell.failure.message if cell.failure is not None else "its artefact failed"
    work.progress.result(f"{cell.name} is passed over, it was not verified: {why}")
    tries = ladder.climb.tries[:-1] if ladder.climb is not None else ()
    rest = _climb(work, ladder.target, after=chosen.rung)
    passed_over = dataclasses.replace(chosen, status="failed", reason=f"not verified: {why}")
    return dataclasses.replace(
        ladder,
        climb=dataclasses.replace(rest, tries=(*tries, passed_over, *rest.tries)),
        cell=None,
        artifact_digest="",
        test=None,
        statement=None,
        flipped=(),
    )


def _climb(work: _Work, name: str, *, after: str = "") -> Climb:
    scratch = work.place / name
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    told = work.place / f"{name}.told"
    told.unlink(missing_ok=True)
    arguments: dict[str, Any] = {
        "target": name,
        "bundle_dir": str(work.folder.bundle_dir),
        "saved_model_dir": str(work.place / "staged"),
        "scratch": str(scratch),
        "export_log": str(work.folder.logs_dir / f"quantize-{name}-export.log"),
        "settings": work.settings.to_dict(),
        "use": work.samples.use.to_dict(),
        "calibration_pixels": str(work.place / "calibration.npy"),
        "choice_pixels": str(work.place / "choice.npy"),
        "choice_answers": str(work.place / "answers.npy"),
        "choice_truth": _truth(work),
        "told": str(told),
        "after": after,
    }
    with Listener(told, work.progress):
        answer = call_in_child(
            "tfl.compress.ladder_worker:climb_here",
            arguments,
            log_path=work.folder.logs_dir / f"quantize-{name}.log",
            timeout_s=_LONGEST_CLIMB_S,
        )
    return Climb.from_dict(answer)


def _truth(work: _Work) -> list[int]:
    index = {label: position for position, label in enumerate(work.bundle.labels)}
    return [index[item.label] for item in work.samples.choice]


def _sealed(work: _Work, ladder: Ladder, chosen: Try) -> Ladder:
    """Make the chosen model an artefact, verify it in a fresh process, and let it answer the test samples."""
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
    summary = (
        ExportSummary.load(work.folder.exports_file) if work.folder.exports_file.is_file() else ExportSummary(cells=())
    )
    summary.merged([cell]).save(work.folder.exports_file)
    test, outputs = _test(work, ladder.target, artifact_dir)
    return dataclasses.replace(
        ladder,
        cell=cell,
        artifact_digest=sha256_file(artifact_dir / ARTIFACT_FILE),
        test=test,
        statement=judge(test, max_drop=work.settings.max_drop),
        flipped=flipped_samples(work.test, outputs, work.bundle.labels),
    )


def _seal(work: _Work, ladder: Ladder, chosen: Try, artifact_dir: Path) -> Artifact:
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
    with fresh_folder(artifact_dir) as place:
        for item in (work.place / ladder.target / climb.model_dir).iterdir():
            shutil.move(item, place / item.name)
        return seal_artifact(place, draft, work.folder.bundle_dir)


def _job(work: _Work) -> ExportJob:
    folder = work.folder
    return ExportJob(
        bundle_dir=folder.bundle_dir,
        base_dir=folder.path,
        artifacts_dir=folder.artifacts_dir,
        work_dir=folder.work_dir,
        logs_dir=folder.logs_dir,
        calibration=None,
        calibration_pixels=None,
        held_out=work.test,
    )


def _test(work: _Work, name: str, artifact_dir: Path) -> tuple[PairedDrop, Any]:
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


def describe(ladder: Ladder) -> str:
    """Say in one line what became of a target."""
    if ladder.failure:
        return f"{ladder.target}: FAILED: {ladder.failure.splitlines()[0]}"
    chosen, test, statement = ladder.chosen, ladder.test, ladder.statement
    if chosen is None or test is None or statement is None:
        return f"{ladder.target}: no rung holds a drop of {ladder.settings.max_drop:g}"
    line = (
        f"{ladder.target}: {chosen.rung}, {chosen.size_bytes / 1e6:.2f} MB; on {test.sample_count} test samples "
        f"{test.metric_name} {test.float_metric:.4f} -> {test.metric:.4f}, "
        f"drop {test.drop:+.4f} [{test.low:+.4f}, {test.high:+.4f}]: {statement.outcome}"
    )
    if statement.needed_samples is not None:
        line += f", about {statement.needed_samples} would do"
    return line
