"""MLflow: settings, tags, a metric per epoch, the test figures and the report, on a server or in a local file."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tfl.core.errors import JobError, UserError
from tfl.core.extras import is_installed, require, require_installed
from tfl.core.files import read_json, write_json
from tfl.core.log_config import LogConfig
from tfl.loggers._base import Ending, Logger, LogPlan, Row, metrics_of

logger = logging.getLogger(__name__)

#: Holds the id of MLflow's run, so that a resumed training goes on in it.
_ID_FILE = "mlflow.json"
#: MLflow takes at most 100 params and 1000 metrics at once.
_MOST_AT_ONCE = 100
#: MLflow cuts longer values of params off and says so for each.
_LONGEST_PARAM = 6000
_LONGEST_TAG = 5000
_ANSWER_WITHIN_S = 10
_STATUS = {"done": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
_NO_TELEMETRY = ("MLFLOW_DISABLE_TELEMETRY", "true")


class MLflow(Logger):
    """One run of MLflow for one run of tfl, also over interruptions.

    What the server does not take while the training goes on is sent at the end, because no training should be lost
    for its log.
    """

    modules = ("mlflow",)

    def __init__(self, folder: Path, plan: LogPlan) -> None:
        super().__init__(folder, plan)
        self._client: Any = None
        self._run_id = ""
        self._sent: set[tuple[str, int]] = set()
        self._is_lost = False

    @classmethod
    def check(cls, config: LogConfig) -> None:
        super().check(config)
        if not config.mlflow_uri or config.mlflow_uri.startswith("sqlite:"):
            for module in ("sqlalchemy", "alembic"):
                require_installed(module, purpose="MLflow's local store")
        if config.mlflow_uri:
            _require_reachable(config.mlflow_uri)

    def write(self, rows: Sequence[Row], *, known: int) -> None:
        if self._is_lost:
            return
        self._open()
        try:
            self._send(rows)
        except _failures() as error:
            self._is_lost = True
            logger.warning("MLflow takes no more (%s); what is missing is sent at the end of the run.", error)

    def finish(self, ending: Ending, rows: Sequence[Row]) -> None:
        if not (self.folder / _ID_FILE).is_file():
            return
        try:
            self._open()
            self._send(rows)
            now = int(time.time() * 1000)
            entities = require("mlflow.entities", purpose="logging to MLflow")
            metrics = [entities.Metric(f"test/{name}", value, now, 0) for name, value in ending.metrics.items()]
            missing = [item for item in metrics if not self._history(item.key)]
            with _quiet():
                if missing:
                    self._client.log_batch(self._run_id, metrics=missing)
                for name in ending.files:
                    self._client.log_artifact(self._run_id, str(self.folder.parent / name))
                self._client.set_terminated(self._run_id, status=_STATUS[ending.status])
        except (JobError, *_failures()) as error:  # type: ignore[misc]
            logger.warning("MLflow did not take the end of the run: %s", error)

    def _open(self) -> None:
        """Begin MLflow's run, or go on in the one that the folder names."""
        if self._client is not None:
            return
        _send_no_telemetry()
        tracking = require("mlflow.tracking", purpose="logging to MLflow")
        uri = self.plan.config.mlflow_uri or _local_uri(self.folder)
        try:
            with (
                _quiet(),
                contextlib.nullcontext() if self.plan.config.mlflow_uri else _alone(_local_folder(self.folder)),
            ):
                client = tracking.MlflowClient(tracking_uri=uri)
                self._run_id = self._known_run(client) or self._new_run(client)
        except _failures() as error:
            raise JobError(
                f"MLflow at {uri} takes no run: {error}", hint="Mend it and go on with --resume, or log without it."
            ) from error
        self._client = client
        write_json(self.folder / _ID_FILE, {"run_id": self._run_id, "uri": uri})

    def _known_run(self, client: Any) -> str:
        file = self.folder / _ID_FILE
        if not file.is_file():
            return ""
        run_id = str(read_json(file)["run_id"])
        try:
            client.update_run(run_id, status="RUNNING")
        except _failures() as error:
            logger.warning("MLflow has no run %s any more (%s); a new one is begun.", run_id, error)
            return ""
        return run_id

    def _new_run(self, client: Any) -> str:
        name = self.plan.config.mlflow_experiment
        experiment = client.get_experiment_by_name(name)
        place = None if self.plan.config.mlflow_uri else (_local_folder(self.folder) / "artifacts").as_uri()
        experiment_id = (
            experiment.experiment_id if experiment else client.create_experiment(name, artifact_location=place)
        )
        tags = {key: value[:_LONGEST_TAG] for key, value in self.plan.tags.items()}
        run_id = str(client.create_run(experiment_id, run_name=self.plan.run_name or None, tags=tags).info.run_id)
        entities = require("mlflow.entities", purpose="logging to MLflow")
        params = [entities.Param(key, value[:_LONGEST_PARAM]) for key, value in self.plan.params.items()]
        for start in range(0, len(params), _MOST_AT_ONCE):
            client.log_batch(run_id, params=params[start : start + _MOST_AT_ONCE])
        for file in self.plan.files:
            client.log_artifact(run_id, str(self.folder.parent / file))
        return run_id

    def _send(self, rows: Sequence[Row]) -> None:
        """Send every figure that MLflow does not have at its step."""
        now = int(time.time() * 1000)
        wanted = {(key, step): value for step, row in enumerate(rows, 1) for key, value in metrics_of(row).items()}
        for key in dict.fromkeys(key for key, _ in wanted.keys() - self._sent):
            if not any(known == key for known, _ in self._sent):
                self._sent |= {(key, step) for step in self._history(key)}
        entities = require("mlflow.entities", purpose="logging to MLflow")
        missing = [item for item in wanted if item not in self._sent]
        for start in range(0, len(missing), _MOST_AT_ONCE):
            part = missing[start : start + _MOST_AT_ONCE]
            metrics = [entities.Metric(key, wanted[key, step], now, step) for key, step in part]
            with _quiet():
                self._client.log_batch(self._run_id, metrics=metrics)
            self._sent.update(part)

    def _history(self, key: str) -> set[int]:
        with _quiet():
            return {item.step for item in self._client.get_metric_history(self._run_id, key)}


def _local_folder(folder: Path) -> Path:
    return folder.resolve().parent.parent / "mlruns"


def _local_uri(folder: Path) -> str:
    """Return the store beside the run: MLflow's own default of folders of files is being given up for a database."""
    return f"sqlite:///{_local_folder(folder) / 'mlflow.db'}"


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other runs out while the tables are made: two at once leave neither a whole database nor a clear message."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _send_no_telemetry() -> None:
    """Keep MLflow from reporting its use to its makers; it looks once, when it is imported."""
    os.environ.setdefault(*_NO_TELEMETRY)


def _failures() -> tuple[type[Exception], ...]:
    """Return what MLflow raises when a store can't be used."""
    exceptions = require("mlflow.exceptions", purpose="logging to MLflow")
    found = [exceptions.MlflowException, OSError]
    if is_installed("sqlalchemy") and is_installed("alembic"):
        # Not everything that a database says is put into MLflow's own words.
        found.append(require("sqlalchemy.exc", purpose="MLflow's local store").SQLAlchemyError)
        found.append(require("alembic.util", purpose="MLflow's local store").CommandError)
    return tuple(found)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep news about database tables and links to runs from the terminal; warnings are kept."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "mlflow.store.db.utils", "alembic")]
    before = [item.level for item in loggers]
    for item in loggers:
        item.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for item, level in zip(loggers, before, strict=True):
            item.setLevel(level)


def _require_reachable(uri: str) -> None:
    """Ask a server whether it is there, once and briefly: MLflow itself tries for minutes.

    Raises:
        UserError: Nobody answers, or MLflow knows no such address.
    """
    _send_no_telemetry()
    if uri.startswith(("http://", "https://")):
        import requests  # comes with MLflow

        try:
            requests.get(uri, timeout=_ANSWER_WITHIN_S)
        except requests.RequestException as error:
            raise UserError(
                f"log.mlflow_uri: no MLflow server answers at {uri}: {error}",
                hint="Start it (mlflow server), correct the address, or leave it empty for a local store.",
            ) from error
        return
    tracking = require("mlflow.tracking", purpose="logging to MLflow")
    try:
        with _quiet():
            tracking.MlflowClient(tracking_uri=uri).search_experiments(max_results=1)
    except _failures() as error:
        raise UserError(
            f"log.mlflow_uri: MLflow can't use {uri}: {_first_sentence(error)}",
            hint="Use http://SERVER:PORT or sqlite:////FOLDER/mlflow.db, or leave it empty for a local store.",
        ) from error


def _first_sentence(error: Exception) -> str:
    return str(error).strip().splitlines()[0].partition(". ")[0]


LOGGER = MLflow
