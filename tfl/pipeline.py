"""The whole road from a folder of pictures to a verified, measured model: the only module that knows every stage."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from tfl.bench.cells import ExportSummary, plan_cells
from tfl.bench.held_out import HeldOut
from tfl.core.config import RunConfig
from tfl.core.energy import EnergyMeter
from tfl.core.errors import DataError, IntegrityError, TflError, UnsupportedError, UserError
from tfl.core.files import IfExists, claim_folder
from tfl.core.notebook import default_progress
from tfl.core.progress import Progress
from tfl.core.retracing import retracing_untold
from tfl.core.run_folder import RUN_FILE, RunFolder, RunRecord, StageRecord
from tfl.data.check import SKIPPED_RULES, CheckReport, check, require_clean, skip_bad
from tfl.data.loading import read_manifest
from tfl.data.manifest import Manifest
from tfl.data.readers import ReadOptions
from tfl.data.split import assign_splits
from tfl.exports import benchmark_run, export_run
from tfl.loggers import check_loggers
from tfl.report.study import keep_study
from tfl.run_log import end_log, plan_log
from tfl.run_record import StageMeter, open_record
from tfl.settings import require_sense
from tfl.tasks import TASKS, SliceScores, slice_scores
from tfl.training.fit import Trained
from tfl.training.logs import read_history
from tfl.training.memory import memory_advice

#: A column of more values than this is not scored by unless asked: it rather names the samples.
_MOST_VALUES = 20
#: Every stage in its order, with what a person reads while it runs.
STAGES = {
    "check": "Checking the data",
    "split": "Splitting into train, validation and test",
    "train": "Training",
    "evaluate": "Evaluating on samples the model never saw",
    "folds": "Cross-validating",
    "export": "Exporting and verifying",
    "benchmark": "Measuring speed, memory and accuracy",
    "report": "Writing the report",
}
TRAINING_STAGES = ("check", "split", "train", "evaluate", "folds", "report")
FOLD_STAGES = ("check", "split", "folds", "report")


@dataclass
class _Context:
    config: RunConfig
    folder: RunFolder
    progress: Progress
    record: RunRecord
    energy: EnergyMeter
    trained: Trained | None = None
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        folder: The run.
        failed_cells: Names of the cells that failed; empty means that everything holds.
    """

    folder: RunFolder
    failed_cells: tuple[str, ...]


def run(
    config: RunConfig,
    *,
    stages: tuple[str, ...] = tuple(STAGES),
    if_exists: IfExists = "refuse",
    command: str = "python",
    progress: Progress | None = None,
) -> Outcome:
    """Run stages in order; those that the folder has behind it already are not done again.

    Args:
        config: Everything that decides what happens.
        stages: Which of `STAGES`; `folds` is passed over where the config asks for none.
        if_exists: What to do with an output folder that is there.
        command: The command line, for the record.
        progress: Told what happens.

    Raises:
        UserError: The caller's mistake; nothing is lost.
        JobError: A stage failed; the run can be resumed.
        KeyboardInterrupt: Passed on after the run's state is saved.
    """
    progress = progress or default_progress()
    folder = RunFolder(resolve_out(config))
    _check_names(config, if_exists)
    config = dataclasses.replace(config, out=str(folder.path))
    claim_folder(folder.path, if_exists=if_exists, marker=RUN_FILE)
    record = open_record(config, folder, command=command, progress=progress)
    return do_stages(config, folder, record, stages=stages, progress=progress)


@retracing_untold()
def do_stages(
    config: RunConfig, folder: RunFolder, record: RunRecord, *, stages: tuple[str, ...], progress: Progress
) -> Outcome:
    """Do the stages of a run whose record is open; see `run`.

    Args:
        config: As saved in the folder.
        folder: Of the run.
        record: Of the run; stages that are done in it are not done again.
        stages: Which of `STAGES`.
        progress: Told what happens.

    Raises:
        TflError: As for `run`.
    """
    stages = tuple(name for name in stages if name != "folds" or config.cross_validation.folds)
    energy = EnergyMeter()
    context = _Context(config, folder, progress, dataclasses.replace(record, energy_note=energy.note), energy)
    try:
        with energy:
            for number, name in enumerate(stages, 1):
                progress.stage(STAGES[name], number=number, total=len(stages))
                _do_stage(context, name)
    except KeyboardInterrupt as interrupt:
        _save(context, status="stopped")
        # Below the traceback that Python and notebooks show of it; the command line has a message of its own.
        interrupt.add_note(
            f"Stopped; what is done is kept in {folder.path}. To go on, make the same call with"
            f' out={str(folder.path)!r} and if_exists="resume".'
        )
        raise
    except TflError as error:
        done = {name for name, stage in context.record.stages.items() if stage.status == "done"}
        if isinstance(error, UserError) and not done - {"check"}:
            # Nothing has been made yet; the same command works once the data are mended.
            shutil.rmtree(folder.path, ignore_errors=True)
        else:
            _save(context, status="failed", message=error.message)
        raise
    failed = ExportSummary.of_run(folder).failed_names + tuple(context.failed)
    _save(context, status="failed" if failed else "done", message=f"failed: {', '.join(failed)}" if failed else "")
    shutil.rmtree(folder.work_dir, ignore_errors=True)
    return Outcome(folder, tuple(dict.fromkeys(failed)))


def resolve_out(config: RunConfig) -> Path:
    """Return the run's folder: the one asked for, or the next free name below `runs/`."""
    return Path(config.out) if config.out else _next_folder(config)


def _check_names(config: RunConfig, if_exists: IfExists) -> None:
    """Find wrong names, and data that are not there, before anything is written."""
    TASKS.get(config.task)
    check_loggers(config.log)
    require_sense(config)
    plan_cells(config.export.targets, config.export.precisions, fused=config.export.fuse_preprocessing)
    if if_exists != "resume":
        read_data(config)


def read_data(config: RunConfig) -> Manifest:
    """List the examples that a config names.

    Raises:
        DataError: They can't be read.
        UnsupportedError: They have several labels each.
    """
    data = config.data
    options = ReadOptions(
        path_column=data.path_column,
        text_column=data.text_column,
        label_column=data.label_column,
        split_column=data.split_column,
        group_column=data.group_column,
        label_separator=data.label_separator,
        frame_rate=data.frame_rate,
    )
    manifest = read_manifest(data.path, reader=data.reader, options=options)
    if manifest.is_multi_label:
        raise UnsupportedError(
            f"{manifest.source or manifest.root}: examples have several labels; only one label each is learned.",
            hint="Name a column with one label: --label-column NAME",
        )
    return manifest


def _next_folder(config: RunConfig) -> Path:
    """Name a new run after its data and backbone, numbered one above the highest there is."""
    words = f"{_name_of(config.data.path)}-{config.model.backbone.rpartition(':')[2]}"
    stem = re.sub(r"[^\w.-]+", "-", words).strip("-.")[:80] or "run"
    numbers = [
        int(match[1])
        for path in Path("runs").glob("*")
        if (match := re.fullmatch(re.escape(stem) + r"-(\d+)", path.name))
    ]
    return Path("runs") / f"{stem}-{max(numbers, default=0) + 1}"


def _name_of(place: str) -> str:
    """Return the last part of a path, or of an address without what may be a signature."""
    if "://" not in place:
        return Path(place).resolve().name
    address = urlsplit(place)
    return PurePosixPath(address.path).name or address.netloc


def _save(context: _Context, *, status: Any, message: str = "") -> None:
    context.record = dataclasses.replace(context.record, status=status, message=message)
    # A full disk must not hide the error that is on its way up.
    with contextlib.suppress(TflError):
        context.record.save(context.folder.record_file)
        end_log(context.folder, status)


def _do_stage(context: _Context, name: str) -> None:
    known = context.record.stages.get(name)
    if known is not None and known.status == "done":
        context.progress.result(f"{STAGES[name]}: done before, kept")
        return
    meter = StageMeter(context.energy)
    work: dict[str, Callable[[_Context], None]] = {
        "check": _check,
        "split": _split,
        "train": _train,
        "evaluate": _evaluate,
        "folds": _folds,
        "export": _export,
        "benchmark": _benchmark,
        "report": _report,
    }
    try:
        work[name](context)
    except KeyboardInterrupt:
        _note(context, name, meter.record("stopped", before=known))
        raise
    except TflError:
        _note(context, name, meter.record("failed", before=known))
        raise
    _note(context, name, meter.record("done", before=known))
    context.record.save(context.folder.record_file)


def _note(context: _Context, name: str, entry: StageRecord) -> None:
    context.record = dataclasses.replace(context.record, stages={**context.record.stages, name: entry})


def _check(context: _Context) -> None:
    data = context.config.data
    manifest = read_data(context.config)
    report, manifest = check(manifest, progress=context.progress)
    report.save(context.folder.check_file)
    if data.bad_files == "skip":
        manifest, skipped = skip_bad(manifest, report)
        for path in skipped:
            context.progress.result(f"left out: {path}")
        allowed = frozenset({*data.allow}) | SKIPPED_RULES
    else:
        allowed = frozenset(data.allow)
    require_clean(report, allow=allowed)
    manifest.save(context.folder.manifest_file)
    context.progress.result(report.verdict)


def _split(context: _Context) -> None:
    data = context.config.data
    manifest = assign_splits(
        Manifest.load(context.folder.manifest_file),
        validation_fraction=data.validation_fraction,
        test_fraction=data.test_fraction,
        seed=context.config.seed,
        duplicate_groups=CheckReport.load(context.folder.check_file).duplicate_groups,
    )
    manifest.save(context.folder.manifest_file)
    context.record = dataclasses.replace(context.record, data_fingerprint=manifest.fingerprint)
    counts = ", ".join(f"{len(manifest.of_split(split))} {split}" for split in ("train", "validation", "test"))
    scored = [given for given, split in manifest.split_names.items() if split == "test" and given != "test"]
    note = f" ('{scored[0]}' is what is scored, so it chooses nothing)" if scored else ""
    context.progress.result(f"{counts}{note}")


def _train(context: _Context) -> None:
    from tfl.sealing import seal
    from tfl.training.fit import fit

    config, folder = context.config, context.folder
    manifest = Manifest.load(folder.manifest_file)
    if not manifest.of_split("validation"):
        raise DataError(
            f"No {TASKS.get(config.task).data.noun} is left to choose the epoch by: {len(manifest.examples)} in all are"
            " too few to train, to choose and to test.",
            hint="Add some of each class; with ten and more of each there is something of all three.",
        )
    plan = plan_log(config, folder, context.record, manifest)
    for name, reason in plan.left_out.items():
        context.progress.result(f"no {name} log: {reason}")
    if config.study and (lacking := keep_study(config.study, folder)):
        context.progress.result(lacking)
    trained = fit(manifest, config, folder, progress=context.progress)
    with memory_advice(config.train):
        seal(trained, manifest, folder, task=config.task, progress=context.progress)
    context.trained = trained


def _evaluate(context: _Context) -> None:
    from tfl.report.plots import plots_for_evaluation

    folder = context.folder
    manifest = Manifest.load(folder.manifest_file)
    held_out = HeldOut.load(folder.predictions_file, Path(manifest.root))
    if held_out.outputs is None:
        raise IntegrityError(f"{folder.predictions_file} holds no outputs.")
    evaluation = TASKS.get(context.config.task).score(
        held_out.truth, held_out.outputs, labels=manifest.labels, paths=held_out.paths, split="test", model="bundle"
    )
    evaluation = dataclasses.replace(evaluation, slices=_slices(manifest, held_out))
    evaluation.save(folder.evaluation_dir / "test.json")
    context.progress.update("drawing")
    plots_for_evaluation(
        folder.path,
        evaluation,
        manifest=manifest,
        truth=held_out.truth,
        outputs=held_out.outputs,
        paths=held_out.paths,
        history=read_history(folder.training_dir),
        model=context.trained.model if context.trained else None,
    )
    context.progress.result(
        f"accuracy {evaluation.accuracy:.3f} on {evaluation.sample_count} {TASKS.get(context.config.task).data.nouns}"
        f" (95 % interval {evaluation.accuracy_low:.3f} to {evaluation.accuracy_high:.3f})"
    )


def _folds(context: _Context) -> None:
    from tfl.report.fold_plots import score_and_draw_folds
    from tfl.training.cross_validation import cross_validate_run

    manifest = Manifest.load(context.folder.manifest_file)
    result = cross_validate_run(
        manifest,
        context.config,
        context.folder,
        duplicate_groups=CheckReport.load(context.folder.check_file).duplicate_groups,
        progress=context.progress,
    )
    context.progress.update("drawing")
    score_and_draw_folds(context.folder, result, task=context.config.task, labels=manifest.labels)
    context.progress.result(
        f"{result.metric_name} {result.mean:.3f} over {len(result.folds)} folds"
        f" (95 % interval {result.low:.3f} to {result.high:.3f})"
    )


def _slices(manifest: Manifest, held_out: HeldOut) -> tuple[SliceScores, ...]:
    """Score by every further column of the data that has a few values."""
    if held_out.outputs is None:
        return ()
    of_path = {example.path: example for example in manifest.examples}
    examples = [of_path[path] for path in held_out.paths]
    values: dict[str, set[str]] = {}
    for example in examples:
        for column, value in example.attributes.items():
            values.setdefault(column, set()).add(value)
    by = [column for column, found in values.items() if 2 <= len(found) <= _MOST_VALUES]
    right = [
        int(answer) == truth for answer, truth in zip(held_out.outputs.argmax(axis=1), held_out.truth, strict=True)
    ]
    return slice_scores(examples, right, by)


def _export(context: _Context) -> None:
    export = context.config.export
    export_run(
        context.folder,
        targets=export.targets,
        precisions=export.precisions,
        calibration_samples=export.calibration_samples,
        workers=export.workers,
        fused=export.fuse_preprocessing,
        seed=context.config.seed,
        progress=context.progress,
    )


def _benchmark(context: _Context) -> None:
    result = benchmark_run(context.folder, context.config.benchmark, progress=context.progress)
    context.failed += list(result.failures)


def _report(context: _Context) -> None:
    from tfl.report.html import write_report

    path = write_report(context.folder.path, progress=context.progress)
    context.progress.result(f"report: {path}")


def list_runs(root: Path) -> Iterator[tuple[RunFolder, RunRecord]]:
    """Yield the runs below a folder, newest first."""
    found = [(RunFolder(path.parent), RunRecord.load(path)) for path in root.glob(f"*/{RUN_FILE}")]
    yield from sorted(found, key=lambda item: item[1].created, reverse=True)
