"""Settings of the experiment log."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from tfl.core.errors import ConfigError
from tfl.core.records import Record

#: What a run keeps when nothing else is asked for; those whose packages are missing are left out, and it is recorded.
DEFAULT_LOGGERS = ("csv_file", "json_lines", "tensorboard")


@dataclass(frozen=True, kw_only=True)
class LogConfig(Record):
    """Where the epochs of a training are written.

    Attributes:
        loggers: Names of loggers. `json_lines` is always kept, because the report draws its curves from it.
        mlflow_uri: Where MLflow keeps runs: `http://server:5000` or `sqlite:////folder/mlflow.db`. Empty means
            `mlruns/mlflow.db` beside the run.
        mlflow_experiment: The experiment of MLflow that the run belongs to; it is made where it is missing.
    """

    loggers: tuple[str, ...] = DEFAULT_LOGGERS
    mlflow_uri: str = ""
    mlflow_experiment: str = "tfl"

    def __post_init__(self) -> None:
        problems = []
        if not self.mlflow_experiment.strip():
            problems.append("mlflow_experiment: must not be empty.")
        if "://" in self.mlflow_uri and urlsplit(self.mlflow_uri).password:
            # The config is saved in the run and shown in its report.
            problems.append(
                "mlflow_uri: must hold no password. Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead."
            )
        if problems:
            raise ConfigError("\n".join(problems))
