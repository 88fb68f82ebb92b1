"""A study: many trainings on the same splits, each with other settings, the best of them as a config."""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl.backbones import backbone_info
from tfl.core.config import RunConfig, differences, save_yaml
from tfl.core.durations import parse_duration_s
from tfl.core.errors import ConfigError, JobError, OutputExistsError, UserError
from tfl.core.extras import require_installed
from tfl.core.notebook import default_progress
from tfl.core.progress import Progress
from tfl.core.retracing import retracing_untold
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest
from tfl.pipeline import run as run_pipeline
from tfl.report.study import LEAST_FOR_IMPORTANCE, RESULT_FILE, Objective, TrialRecord, TuneResult, draw_study
from tfl.tuning.records import Pruner, StudyRecord
from tfl.tuning.space import first_values, resolve_space
from tfl.tuning.storage import current_trials, locked, mend_journal, open_study, state_of, take_up_stopped
from tfl.tuning.worker import DATA_FOLDER, STUDY_FILE, Allowance, config_without_out, work, work_in_process

if TYPE_CHECKING:
    import optuna

BEST_FILE = "best.yaml"
DEFAULT_TRIALS = 20
_POLL_S = 0.5


@retracing_untold()
def tune(
    config: RunConfig,
    *,
    study: str | Path | None = None,
    trials: int | None = None,
    time_limit: str | None = None,
    space: Sequence[str] = (),
    only_named: bool = False,
    objective: Objective = "loss",
    pruner: Pruner = "median",
    workers: int = 1,
    storage: str = "journal",
    progress: Progress | None = None,
) -> TuneResult:
    """Search settings of a training; a study that is there goes on.

    Every trial trains on the same train split and is judged on the same validation split; the test split is never
    looked at. The first trial has the settings as they are. Values are drawn by TPE (Bergstra et al., "Algorithms for
    hyper-parameter optimization", NeurIPS 2011), and trials worse than the median at the same epoch are ended.

    Args:
        config: What is not searched; names the data.
        study: The folder; `studies/<data>-<backbone>-<n>` by default.
        trials: How many the study is to have in all, those of earlier calls counted; 20 where no limit is given.
        time_limit: Of this call, such as `10m` or `1h30m`.
        space: Such as `train.learning_rate=1e-4:1e-1:log` or `train.augmentation=none,light`.
        only_named: Search nothing but `space`.
        objective: `loss` or `accuracy` of the validation split.
        pruner: `median` or `none`.
        workers: Processes that train at the same time.
        storage: `journal`, a file in the study's folder, or a database's address.
        progress: Told what happens.

    Raises:
        ConfigError: The space or a setting is wrong.
        OutputExistsError: The study was begun with other settings.
        JobError: No trial has completed.
        KeyboardInterrupt: Passed on; what is done is kept, and the same call goes on.
    """
    progress = progress or default_progress()
    require_installed("optuna", purpose="searching settings")
    if workers < 1 or (trials is not None and trials < 1):
        raise ConfigError(f"workers and trials must be at least 1. Received: {workers} and {trials}.")
    limit_s = None if time_limit is None else parse_duration_s(time_limit)
    trials = DEFAULT_TRIALS if trials is None and limit_s is None else trials
    folder = Path(study) if study else next_folder(config)
    place = Path(config.data.path)
    # The best config must work from any folder.
    path = str(place.resolve()) if place.exists() else config.data.path
    config = dataclasses.replace(config, out="", study="", data=dataclasses.replace(config.data, path=path))
    info = backbone_info(config.model.backbone)
    record = StudyRecord(
        config=config,
        space=resolve_space(config, space, backbone=info, only_named=only_named),
        objective=objective,
        pruner=pruner,
        storage=storage,
    )
    begun_here = _begin(folder, record)
    with locked(folder):
        opened = _open(folder, record, begun_here=begun_here, progress=progress)
        resumed = take_up_stopped(opened, folder)
        if resumed:
            progress.result(f"{resumed} trials that were stopped are taken up again")
        if not opened.get_trials(deepcopy=False):
            opened.enqueue_trial(first_values(config, record.space, resize=getattr(info.preprocessing, "resize", None)))
        try:
            _run_trials(folder, opened, trials=trials, limit_s=limit_s, workers=workers, progress=progress)
        except KeyboardInterrupt:
            with contextlib.suppress(JobError):
                summarize(folder, opened, record)
            raise
        return summarize(folder, opened, record)


def next_folder(config: RunConfig) -> Path:
    """Name a new study after its data and backbone."""
    words = f"{Path(config.data.path).name}-{config.model.backbone.rpartition(':')[2]}"
    stem = re.sub(r"[^\w.-]+", "-", words).strip("-.")[:80] or "study"
    taken = {path.name for path in Path("studies").glob(f"{stem}-*")}
    number = next(count for count in range(1, len(taken) + 2) if f"{stem}-{count}" not in taken)
    return Path("studies") / f"{stem}-{number}"


def _begin(folder: Path, record: StudyRecord) -> bool:
    """Make the folder, or check that it is of the same study; say whether it was made."""
    file = folder / STUDY_FILE
    if file.is_file():
        before = StudyRecord.load(file)
        changed = list(differences(before.config, record.config))
        for name in ("space", "objective", "pruner", "storage"):
            if getattr(before, name) != getattr(record, name):
                changed.append(f"{name} differs")
        if changed:
            raise OutputExistsError(
                f"The study {folder} was begun with other settings: {'; '.join(changed)}.",
                hint="Go on with the same settings, or choose another --study.",
            )
        return False
    if folder.is_dir() and any(folder.iterdir()):
        raise OutputExistsError(
            f"{folder} is not empty and holds no {STUDY_FILE}, so it is no study; it is left alone.",
            hint="Choose another --study.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    record.save(file)
    return True


def _open(folder: Path, record: StudyRecord, *, begun_here: bool, progress: Progress) -> optuna.Study:
    """Open the storage and make the data ready; a mistake leaves nothing behind, so that it can be mended."""
    try:
        mend_journal(folder)
        study = open_study(folder, record, worker=0)
        _prepare_data(folder, record, progress=progress)
    except UserError:
        if begun_here:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    return study


def _prepare_data(folder: Path, record: StudyRecord, *, progress: Progress) -> None:
    """Check and split once, as a run with these settings does."""
    place = folder / DATA_FOLDER
    config = dataclasses.replace(record.config, out=str(place))
    begun = RunFolder(place).record_file.is_file()
    run_pipeline(config, stages=("check", "split"), if_exists="resume" if begun else "refuse", progress=progress)


def _run_trials(
    folder: Path, study: optuna.Study, *, trials: int | None, limit_s: float | None, workers: int, progress: Progress
) -> None:
    ended = [trial for trial in current_trials(study) if state_of(trial) in ("complete", "pruned", "failed")]
    left = -1 if trials is None else max(0, trials - len(ended))
    end_s = None if limit_s is None else time.time() + limit_s
    if left == 0:
        progress.result(f"the study has its {trials} trials already")
        return
    if workers == 1:
        counter = [left]

        def take() -> bool:
            counter[0] -= 1
            return left < 0 or counter[0] >= 0

        begun = [trial for trial in study.get_trials(deepcopy=False) if state_of(trial) != "waiting"]
        wanted = 0 if trials is None else len(begun) + left
        work(folder, Allowance(take, end_s, wanted), worker=0, progress=progress)
        return
    _run_processes(folder, study, left=left, end_s=end_s, workers=workers, progress=progress)


def _run_processes(
    folder: Path, study: optuna.Study, *, left: int, end_s: float | None, workers: int, progress: Progress
) -> None:
    # A forked TensorFlow hangs.
    context = multiprocessing.get_context("spawn")
    shared = context.Value("q", left)
    processes = [
        context.Process(target=work_in_process, args=(str(folder), shared, end_s, number), daemon=True)
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    told: set[int] = set()
    try:
        while any(process.is_alive() for process in processes):
            for process in processes:
                process.join(_POLL_S)
            for trial in current_trials(study):
                if trial.number not in told and state_of(trial) in ("complete", "pruned", "failed"):
                    told.add(trial.number)
                    value = "" if trial.value is None else f" {trial.value:.4f}"
                    progress.result(f"trial {trial.number}: {state_of(trial)}{value}")
            progress.update(f"{workers} workers, {len(told)} trials ended")
    finally:
        for process in processes:
            process.terminate()
            process.join()
    failed = [number for number, process in enumerate(processes) if process.exitcode]
    if failed:
        logs = ", ".join(str(folder / "logs" / f"worker-{number}.log") for number in failed)
        raise JobError(f"{len(failed)} of {workers} workers ended with an error; see {logs}.")


def summarize(folder: Path, study: optuna.Study, record: StudyRecord) -> TuneResult:
    """Write `best.yaml`, `result.json` and the charts of a study, from what it has so far.

    Raises:
        JobError: No trial has completed.
    """
    trials = tuple(_trial_record(trial) for trial in current_trials(study) if state_of(trial) != "waiting")
    complete = [trial for trial in trials if trial.state == "complete" and trial.value is not None]
    if not complete:
        messages = "; ".join(dict.fromkeys(trial.message for trial in trials if trial.message))
        raise JobError(
            f"No trial of {folder} has completed ({len(trials)} begun). {messages}".rstrip(),
            hint="Go on with the same --study and more time, or mend what failed.",
        )
    sign = -1.0 if record.objective == "accuracy" else 1.0
    best = min(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number))
    chosen = dataclasses.replace(config_without_out(record, best.params), study=str(folder.resolve()))
    save_yaml(chosen, folder / BEST_FILE)
    manifest = Manifest.load(RunFolder(folder / DATA_FOLDER).manifest_file)
    result = TuneResult(
        study=str(folder),
        objective=record.objective,
        trials=trials,
        best=best.number,
        best_value=float(best.value or 0.0),
        first_value=next((trial.value for trial in complete if trial.number == trials[0].number), None),
        best_params=best.params,
        config_file=str(folder / BEST_FILE),
        importance=_importance(study, record, count=len(complete)),
        validation_samples=len(manifest.of_split("validation")),
        data_fingerprint=manifest.fingerprint,
        backbone=record.config.model.backbone,
    )
    result.save(folder / RESULT_FILE)
    draw_study(result, folder)
    return result


def _trial_record(trial: optuna.trial.FrozenTrial) -> TrialRecord:
    attributes = trial.user_attrs
    return TrialRecord(
        number=trial.number,
        state=state_of(trial),
        value=trial.value if state_of(trial) == "complete" else None,
        validation_loss=attributes.get("validation_loss"),
        validation_accuracy=attributes.get("validation_accuracy"),
        epochs=len(trial.intermediate_values),
        params=dict(trial.params),
        seconds=attributes.get("seconds"),
        message=attributes.get("message", ""),
    )


def _importance(study: optuna.Study, record: StudyRecord, *, count: int) -> dict[str, float]:
    """Ask fANOVA (Hutter et al., ICML 2014) which settings the objective depends on."""
    import optuna

    if count < LEAST_FOR_IMPORTANCE:
        return {}
    always = [item.name for item in record.space if not item.when]
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=record.config.seed)
    try:
        found: dict[str, Any] = optuna.importance.get_param_importances(study, evaluator=evaluator, params=always)
    except (ValueError, RuntimeError):
        # All trials are equal, or drew the same values.
        return {}
    return {name: round(float(share), 4) for name, share in found.items()}
