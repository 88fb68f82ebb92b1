"""Where a study's trials are kept, and how one that was killed goes on."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfl.core.errors import JobError, OutputExistsError, UserError
from tfl.core.extras import require
from tfl.core.files import sha256_text
from tfl.report.study import TrialState
from tfl.tuning.records import StudyRecord

if TYPE_CHECKING:
    import optuna

JOURNAL_FILE = "journal.log"
#: User attribute of a trial: which folder's process runs it.
OWNER = "owner"
#: User attribute of a trial: the number of the stopped trial that it takes up again.
RETRIES = "retries"
#: User attribute of a study: digest of what decides it.
_RECORD = "record"
#: Trials before, and epochs within a trial before, the pruner ends anything.
_STARTUP_TRIALS, _STARTUP_EPOCHS = 4, 3


def open_study(folder: Path, record: StudyRecord, *, worker: int) -> optuna.Study:
    """Open the study of a folder, or begin it.

    Args:
        folder: The study's.
        record: What decides it.
        worker: Workers draw differently, and so does a study that goes on, but by the seed alone.

    Raises:
        MissingExtraError: Optuna is not installed.
        UserError: The storage can't be opened.
        OutputExistsError: The storage has another study of that name.
    """
    optuna = require("optuna", purpose="searching settings")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    optuna.logging.disable_default_handler()
    try:
        storage = (
            optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(folder / JOURNAL_FILE)))
            if record.storage == "journal"
            else optuna.storages.get_storage(record.storage)
        )
        direction = "maximize" if record.objective == "accuracy" else "minimize"
        study = optuna.create_study(
            storage=storage, study_name=folder.resolve().name, direction=direction, load_if_exists=True
        )
    except _storage_errors() as error:
        raise UserError(
            f"The storage '{record.storage}' can't be opened: {str(error).splitlines()[0]}",
            hint="Leave --storage out for a file in the study's folder, or name a database: sqlite:///study.db",
        ) from error
    _require_same(study, folder, record)
    seed = int(np.random.SeedSequence((record.config.seed, worker, len(study.trials))).generate_state(1)[0])
    # Trials that run at the same time are taken for bad, so that workers keep apart.
    study.sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    study.pruner = (
        optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS, n_warmup_steps=_STARTUP_EPOCHS)
        if record.pruner == "median"
        else optuna.pruners.NopPruner()
    )
    return study


def _require_same(study: optuna.Study, folder: Path, record: StudyRecord) -> None:
    """Tell a database's study of the same name, begun elsewhere with other settings, from this one."""
    digest = sha256_text(json.dumps(record.to_dict(), sort_keys=True))
    known = study.user_attrs.get(_RECORD)
    if known is None:
        study.set_user_attr(_RECORD, digest)
    elif known != digest:
        raise OutputExistsError(
            f"The storage '{record.storage}' has a study '{study.study_name}' with other settings.",
            hint=f"Name the folder otherwise: --study {folder}-2",
        )


def _storage_errors() -> tuple[type[Exception], ...]:
    import optuna
    import sqlalchemy.exc

    return (OSError, ImportError, ValueError, optuna.exceptions.OptunaError, sqlalchemy.exc.SQLAlchemyError)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder, so that trials marked as running can only be those of a process that is gone.

    Raises:
        JobError: Another process works in it.
    """
    with (folder / "lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JobError(
                f"Another process works on the study {folder}.", hint="Wait for it, or raise its --workers."
            ) from None
        yield


def mend_journal(folder: Path) -> None:
    """Cut off a last line that a killed process did not finish, and its lock; only while the folder is held."""
    file = folder / JOURNAL_FILE
    for lock in folder.glob(f"{JOURNAL_FILE}.lock*"):
        lock.unlink(missing_ok=True)
    if not file.is_file():
        return
    with file.open("rb+") as stream:
        data = stream.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            logging.getLogger(__name__).warning("%s: an unfinished last line is cut off", file)
            stream.truncate(whole)


def owner_of(folder: Path) -> str:
    """Name the machine and the folder."""
    return f"{platform.node()}:{os.fspath(folder.resolve())}"


def take_up_stopped(study: optuna.Study, folder: Path) -> int:
    """Queue the trials that were running when the study was stopped, with the values they had; return how many."""
    import optuna

    stopped = [
        trial
        for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
        if trial.user_attrs.get(OWNER) == owner_of(folder)
    ]
    for trial in stopped:
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        origin = trial.user_attrs.get(RETRIES, trial.number)
        study.enqueue_trial(trial.params, user_attrs={RETRIES: origin})
    return len(stopped)


def current_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials without those that were taken up again, in their order."""
    trials = study.get_trials(deepcopy=False)
    last = {trial.user_attrs.get(RETRIES, trial.number): trial for trial in trials}
    return [last[origin] for origin in sorted(last)]


def state_of(trial: optuna.trial.FrozenTrial) -> TrialState:
    """Return a trial's state in tfl's words."""
    words: dict[str, TrialState] = {
        "COMPLETE": "complete",
        "PRUNED": "pruned",
        "FAIL": "failed",
        "RUNNING": "stopped",
        "WAITING": "waiting",
    }
    return words[trial.state.name]
