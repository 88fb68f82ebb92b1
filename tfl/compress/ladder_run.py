"""`tfl quantize`: climb the ladders of a run's targets, seal what they chose, and say what the test split allows."""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import time
from collections.abc import Sequence

from tfl.bench.held_out import HeldOut
from tfl.bundle import Artifact, Bundle
from tfl.bundle.records import ARTIFACT_FILE
from tfl.compress.ladder_records import Climb, Ladder, LadderSettings, Quantization, Try
from tfl.compress.ladder_samples import choose_samples
from tfl.compress.ladder_sealing import sealed
from tfl.compress.ladder_work import Work, climb, prepare
from tfl.compress.simulating import Simulator, require_training
from tfl.core.config import load_config
from tfl.core.environment import read_environment
from tfl.core.errors import TflError, UnsupportedError, UserError
from tfl.core.extras import require_installed
from tfl.core.files import sha256_file, sha256_text
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest
from tfl.targets import DYNAMIC_RUNG, TARGETS, Rung

_OUTCOMES = {"drops": "falls too far", "failed": "failed"}


def quantize_run(
    folder: RunFolder,
    *,
    targets: Sequence[str] = (),
    settings: LadderSettings | None = None,
    again: bool = False,
    progress: Progress,
) -> Quantization:
    """Find for each target the first rung of its ladder that holds, and put it among the run's artefacts.

    A target that was climbed with the same settings, model and data before is not climbed again, and one that was
    interrupted between its rungs goes on from there.

    Args:
        folder: The run; its pictures must be there.
        targets: Names; empty means all that have rungs of the approach.
        settings: What is asked for; by default one point of the metric, and the run's seed.
        again: Climb even so.
        progress: Told what happens.

    Returns:
        A ladder per target; one that failed says why.

    Raises:
        NotFoundError: There is no such target.
        UnsupportedError: A named target has no rungs of the approach, no target with rungs can hold the model, or the
            network can't be trained for `qat`.
        UserError: The pictures are gone, or there are too few.
        MissingExtraError: A package that a quantizer needs is not installed.
    """
    config = load_config(folder)
    settings = settings or LadderSettings(seed=config.seed)
    bundle = Bundle.open(folder.bundle_dir)
    names = _plan(targets, settings, bundle.signature.inputs[0].dtype)
    test = HeldOut.of_run(folder)
    if test is None or test.outputs is None:
        raise UserError(
            f"The samples of {folder.path}, or the float model's answers to them, are not there any more.",
            hint="Put the data back where the run found them.",
        )
    manifest = Manifest.load(folder.manifest_file)
    samples = choose_samples(manifest, settings, allow_leakage="leakage" in config.data.allow)
    simulator = Simulator(folder, bundle, manifest, settings, progress)
    work = Work(folder, folder.work_dir / "quantize", bundle, samples, settings, test, simulator, progress)
    found = {name: None if again else _finished(work, name) for name in names}
    if settings.approach == "qat" and None in found.values():
        # What can't be trained is told before anything is made ready.
        simulator.trained()
    ladders, prepared = [], False
    try:
        for name, ladder in found.items():
            if ladder is not None:
                progress.result(f"{name}: climbed before with the same settings")
            elif not prepared:
                prepare(work, manifest)
                prepared = True
            ladders.append(ladder or _climb_target(work, name, begun=None if again else _begun(work, name)))
    finally:
        shutil.rmtree(work.place, ignore_errors=True)
    return Quantization(ladders=tuple(ladders))


def rungs_of(name: str, settings: LadderSettings, *, input_dtype: str = "float32") -> list[Rung]:
    """Return the rungs of a target that the settings ask for, in their order.

    A network that takes identifiers is made of matrix products, which `dynamic` keeps in 8 bits without a search: it
    comes before the rungs that rank every layer, which takes a transformer's hundred and more an hour.

    Args:
        name: Of the target.
        settings: Which approach, and how ranges are set.
        input_dtype: What the network takes.
    """
    target = TARGETS.get(name)
    found = list(target.rungs)
    if input_dtype.startswith("int") and DYNAMIC_RUNG in found:
        searching = [rung for rung in found if rung.search != "none"]
        found = [rung for rung in found if rung not in searching]
        place = found.index(DYNAMIC_RUNG) + 1
        found = [*found[:place], *searching, *found[place:]]
    if settings.approach != "auto":
        found = [rung for rung in found if (rung.precision in target.simulated) == (settings.approach == "qat")]
    if settings.calibration_method:
        # What only the exporter calibrates, in its own way, is left out.
        found = [rung for rung in found if rung.precision == "int8" or rung.precision not in target.calibrated]
    return found


def _plan(targets: Sequence[str], settings: LadderSettings, input_dtype: str) -> list[str]:
    with_rungs = [name for name in TARGETS.names() if rungs_of(name, settings)]
    able = [name for name in with_rungs if not TARGETS.get(name).why_not_fed(input_dtype)]
    names = list(dict.fromkeys(targets)) or able
    for name in names or with_rungs:
        if reason := TARGETS.get(name).why_not_fed(input_dtype):
            raise UnsupportedError(f"This model can't be quantized for {name}: {reason}.")
    method = settings.calibration_method
    for name in names:
        target = TARGETS.get(name)
        if not rungs_of(name, settings):
            what = "by its accuracy" if not target.rungs else f"by approach '{settings.approach}'"
            raise UnsupportedError(
                f"The target {name} can't be quantized {what}: {_why_not(name)}.",
                hint=f"These can: {', '.join(able) or 'none'}.",
            )
        if method and method not in target.calibration_methods:
            raise UserError(
                f"The target {name} can't set its ranges by '{method}'.",
                hint=f"Allowed: {', '.join(target.calibration_methods)}.",
            )
        for module in dict.fromkeys((*target.runtime_modules, *target.export_modules, *target.quantizer_modules)):
            require_installed(module, purpose=f"quantizing for {name}")
    if settings.approach == "qat":
        require_training()
    return names


def _why_not(name: str) -> str:
    """Say why a target lacks the rungs; of those that are trained for, in its own words on the precision."""
    target = TARGETS.get(name)
    if not target.rungs:
        return target.without_rungs
    trained = {item for other in TARGETS.names() for item in TARGETS.get(other).simulated}
    reasons = [target.unsupported[item] for item in sorted(trained) if item in target.unsupported]
    return "; ".join(reasons) or "none of its precisions is made of a network that is trained for it"


def _key(work: Work, name: str) -> str:
    settings = json.dumps(work.settings.to_dict(), sort_keys=True)
    rungs = json.dumps([rung.to_dict() for rung in _rungs(work, name)], sort_keys=True)
    use = json.dumps(work.samples.use.to_dict(), sort_keys=True)
    return sha256_text(name, settings, rungs, use, work.bundle.fingerprint, *work.test.paths)


def _rungs(work: Work, name: str) -> list[Rung]:
    return rungs_of(name, work.settings, input_dtype=work.bundle.signature.inputs[0].dtype)


def _finished(work: Work, name: str) -> Ladder | None:
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


def _begun(work: Work, name: str) -> Ladder | None:
    """Return what was climbed of the same question before an interruption, up to a rung that did not hold."""
    file = work.folder.work_dir / f"quantize-{name}.json"
    try:
        ladder = Ladder.load(file) if file.is_file() else None
    except UserError:
        return None
    return ladder if ladder is not None and ladder.key == _key(work, name) else None


def _climb_target(work: Work, name: str, *, begun: Ladder | None) -> Ladder:
    start = time.perf_counter()
    ladder = begun or Ladder(
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
        ladder = _climbed(work, ladder, start)
    except UserError:
        raise
    except TflError as error:
        ladder = dataclasses.replace(ladder, failure=str(error))
    ladder = _timed(ladder, start)
    ladder.save(work.folder.quantize_dir / f"{name}.json")
    (work.folder.work_dir / f"quantize-{name}.json").unlink(missing_ok=True)
    work.progress.result(describe(ladder))
    return ladder


def _timed(ladder: Ladder, start: float) -> Ladder:
    return dataclasses.replace(ladder, seconds=ladder.seconds + time.perf_counter() - start)


def _climbed(work: Work, ladder: Ladder, start: float) -> Ladder:
    """Climb until a rung holds whose artefact is verified, the rungs that are trained for each for itself."""
    name = ladder.target
    simulated, tried = TARGETS.get(name).simulated, {item.rung for item in _tries(ladder)}
    rest = [rung for rung in _rungs(work, name) if rung.name not in tried]
    while rest:
        is_trained, group = next(itertools.groupby(rest, lambda rung: rung.precision in simulated))
        part = list(group)
        ladder = _climbed_trained(work, ladder, part) if is_trained else _climbed_plain(work, ladder, part)
        chosen = ladder.chosen
        rest = rest[len(part) :] if chosen is None else rest[1 + [rung.name for rung in rest].index(chosen.rung) :]
        if chosen is not None:
            ladder = sealed(work, ladder, chosen)
            if not rest or (ladder.cell is not None and ladder.cell.status == "ok"):
                break
            ladder = _passed_over(work, ladder, chosen)
        _timed(ladder, start).save(work.folder.work_dir / f"quantize-{name}.json")
    return ladder


def _climbed_plain(work: Work, ladder: Ladder, rungs: Sequence[Rung]) -> Ladder:
    found = climb(work, ladder.target, [rung.name for rung in rungs], simulation_dir=None)
    return _with_climb(ladder, found)


def _climbed_trained(work: Work, ladder: Ladder, rungs: Sequence[Rung]) -> Ladder:
    """Train the network with quantization simulated, then try the rungs that are made of it.

    Raises:
        TflError: It can't be trained, and nothing else was asked for.
    """
    before, start = _tries(ladder), time.perf_counter()
    why = "; ".join(f"{item.rung} {_OUTCOMES[item.status]}" for item in before)
    why = f"Tried since nothing before it holds ({why}). " if why else ""
    try:
        training = work.simulator.trained()
    except TflError as error:
        if work.settings.approach == "qat":
            raise
        work.progress.result(f"{ladder.target}: not trained with quantization simulated: {error.message}")
        seconds = time.perf_counter() - start
        failed = tuple(
            Try(
                rung=rung.name,
                precision=rung.precision,
                summary=rung.summary,
                status="failed",
                reason=f"{why}It could not be trained: {' '.join(error.message.split())}",
                seconds=seconds,
            )
            for rung in rungs
        )
        blank = Climb(tries=failed, chosen="", model_dir="", signature=None, model_files=(), float_size_bytes=0)
        return _with_climb(ladder, blank)
    found = climb(
        work, ladder.target, [rung.name for rung in rungs], simulation_dir=work.folder.simulation_dir.resolve()
    )
    words = f"{why}Trained with quantization simulated: {training.words}."
    tries = tuple(
        dataclasses.replace(item, reason=f"{words} {item.reason}".strip(), seconds=item.seconds + training.seconds)
        for item in found.tries
    )
    return dataclasses.replace(_with_climb(ladder, dataclasses.replace(found, tries=tries)), training=training)


def _with_climb(ladder: Ladder, newer: Climb) -> Ladder:
    """Put what was climbed later behind what was climbed before."""
    older = ladder.climb
    if older is not None:
        newer = dataclasses.replace(
            newer,
            tries=(*older.tries, *newer.tries),
            float_size_bytes=newer.float_size_bytes or older.float_size_bytes,
            layer_errors=newer.layer_errors or older.layer_errors,
        )
    return dataclasses.replace(ladder, climb=newer)


def _passed_over(work: Work, ladder: Ladder, chosen: Try) -> Ladder:
    """Return the ladder with a rung whose artefact was not verified as one that failed."""
    cell = ladder.cell
    why = cell.failure.message if cell is not None and cell.failure is not None else "its artefact failed"
    work.progress.result(f"{ladder.target}-{chosen.precision} is passed over, it was not verified: {why}")
    reason = f"{chosen.reason} Not verified: {why}".strip()
    passed_over = dataclasses.replace(chosen, status="failed", reason=reason)
    tries = tuple(passed_over if item.rung == chosen.rung else item for item in _tries(ladder))
    return dataclasses.replace(
        ladder,
        climb=dataclasses.replace(ladder.climb, tries=tries) if ladder.climb is not None else None,
        cell=None,
        artifact_digest="",
        test=None,
        statement=None,
        flipped=(),
    )


def _tries(ladder: Ladder) -> tuple[Try, ...]:
    return ladder.climb.tries if ladder.climb is not None else ()


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
