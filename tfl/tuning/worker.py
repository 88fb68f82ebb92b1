"""The loop of one process: draw values, train, tell."""

from __future__ import annotations

import dataclasses
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl.core.errors import TflError
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest
from tfl.training.fit import TrainingSummary, fit
from tfl.tuning.records import StudyRecord
from tfl.tuning.space import draw, with_values
from tfl.tuning.storage import OWNER, RETRIES, open_study, owner_of

if TYPE_CHECKING:
    import optuna

STUDY_FILE, DATA_FOLDER, TRIALS_FOLDER = "study.json", "data", "trials"


class TimeUp(Exception):
    """The time limit has passed within a trial, which stays to be taken up again."""


@dataclass(frozen=True)
class TrialFolder(RunFolder):
    """A trial's folder; pixels and frozen features are shared by all trials of the study."""

    @property
    def work_dir(self) -> Path:
        """One for the whole study."""
        return self.path.parent.parent / "work"


@dataclass(frozen=True)
class Allowance:
    """How much may still be done.

    Attributes:
        take: Takes one of the trials that are left; False when there is none.
        end_s: Of `time.time()`, or None.
        wanted: How many trials the study is to have, for the display; 0 where time alone decides.
    """

    take: Callable[[], bool]
    end_s: float | None
    wanted: int

    @property
    def is_over(self) -> bool:
        """Whether the time limit has passed."""
        return self.end_s is not None and time.time() >= self.end_s


def work(folder: Path, allowance: Allowance, *, worker: int, progress: Progress) -> None:
    """Run trials until none is left or the time is over.

    Args:
        folder: The study's, held by the process that began the work.
        allowance: How much may be done.
        worker: Number of this process, from 0.
        progress: Told what happens.

    Raises:
        UserError: A trial met something that every trial would meet.
    """
    record = StudyRecord.load(folder / STUDY_FILE)
    study = open_study(folder, record, worker=worker)
    manifest = Manifest.load(RunFolder(folder / DATA_FOLDER).manifest_file)
    while not allowance.is_over and allowance.take():
        trial = study.ask()
        trial.set_user_attr(OWNER, owner_of(folder))
        values = draw(trial, record.space)
        if allowance.wanted:
            progress.stage(
                f"Trial {trial.number}", number=trial.number + 1, total=max(allowance.wanted, trial.number + 1)
            )
        else:
            progress.update(f"trial {trial.number}")
        drawn = ", ".join(f"{name} {_shown(value)}" for name, value in values.items())
        progress.result(f"trial {trial.number}: {drawn}")
        try:
            _do_trial(study, trial, record, values, manifest, folder, allowance=allowance, progress=progress)
        except TimeUp:
            progress.result(f"trial {trial.number}: the time is over; it is taken up again when the study goes on")


def _do_trial(
    study: optuna.Study,
    trial: optuna.Trial,
    record: StudyRecord,
    values: dict[str, Any],
    manifest: Manifest,
    folder: Path,
    *,
    allowance: Allowance,
    progress: Progress,
) -> None:
    import optuna

    config = with_values(record.config, values)
    place = TrialFolder(folder / TRIALS_FOLDER / f"{trial.user_attrs.get(RETRIES, trial.number):05d}")
    place.path.mkdir(parents=True, exist_ok=True)
    start_s = time.perf_counter()

    def on_epoch(row: dict[str, Any]) -> None:
        # Epochs of the second stage come after all that the first may have, so that trials compare stage by stage.
        step = row["epoch"] + (config.train.epochs if row["stage"] == "fine_tune" else 0)
        trial.report(row["val_loss"] if record.objective == "loss" else row["val_accuracy"], step)
        if trial.should_prune():
            raise optuna.TrialPruned
        if allowance.is_over:
            raise TimeUp

    state, value, message = optuna.trial.TrialState.COMPLETE, None, ""
    try:
        summary = fit(manifest, config, place, progress=progress, on_epoch=on_epoch).summary
        loss, accuracy = kept_scores(place, summary)
        value = loss if record.objective == "loss" else accuracy
        trial.set_user_attr("validation_loss", loss)
        trial.set_user_attr("validation_accuracy", accuracy)
        message = f"validation loss {loss:.4f}, accuracy {accuracy:.4f}"
    except optuna.TrialPruned:
        state, message = optuna.trial.TrialState.PRUNED, "ended early, worse than the median"
    except TflError as error:
        # One bad draw, such as a rate at which the loss is not finite, must not end the search.
        state, message = optuna.trial.TrialState.FAIL, error.message
        trial.set_user_attr("message", error.message)
    trial.set_user_attr("seconds", round(time.perf_counter() - start_s, 2))
    study.tell(trial, value, state=state)
    progress.result(f"trial {trial.number}: {message}")
    for checkpoint in place.training_dir.glob("*.npz"):
        checkpoint.unlink()
    _free_memory()


def kept_scores(folder: RunFolder, summary: TrainingSummary) -> tuple[float, float]:
    """Return validation loss and accuracy of the weights that were kept.

    A best epoch of 0 means that a stage made nothing better, and the weights are those that the stage before kept.
    """
    text = (folder.training_dir / "history.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    for stage in reversed(list(summary.best_epochs)):
        kept = [row for row in rows if (row["stage"], row["epoch"]) == (stage, summary.best_epochs[stage])]
        if kept:
            return float(kept[0]["val_loss"]), float(kept[0]["val_accuracy"])
    return summary.best_validation_loss, float("nan")


def _free_memory() -> None:
    import keras

    keras.backend.clear_session()
    gc.collect()


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def work_in_process(folder: str, left: Any, end_s: float | None, worker: int) -> None:
    """Be one of several worker processes; `left` is a shared counter of the trials that may be begun."""
    log = Path(folder) / "logs" / f"worker-{worker}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        os.dup2(stream.fileno(), sys.stdout.fileno())
        os.dup2(stream.fileno(), sys.stderr.fileno())

    def take() -> bool:
        with left.get_lock():
            if left.value == 0:
                return False
            # Below 0 there is no limit.
            left.value -= 1 if left.value > 0 else 0
            return True

    work(Path(folder), Allowance(take, end_s, 0), worker=worker, progress=_LogProgress())


class _LogProgress(Progress):
    """Keeps what trials found in the worker's log."""

    def result(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def config_without_out(record: StudyRecord, values: dict[str, Any]) -> Any:
    """Return a trial's config, ready for a run of its own."""
    return dataclasses.replace(with_values(record.config, values), out="")
