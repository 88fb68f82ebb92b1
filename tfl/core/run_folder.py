"""Where everything of a run lies, and how far the run has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tfl.core.environment import Environment
from tfl.core.errors import NotFoundError, closest
from tfl.core.provenance import CodeVersion
from tfl.core.records import Record

RUN_FILE = "run.json"
StageStatus = Literal["done", "failed", "stopped"]


@dataclass(frozen=True, kw_only=True)
class StageRecord(Record):
    """One stage that ended, and what it cost, over all attempts at it.

    Attributes:
        status: `failed` and `stopped` stages are done again when the run goes on.
        seconds: By the clock on the wall.
        cpu_seconds: Of all processors together, those of ended child processes included; None in older records.
        peak_rss_bytes: Largest resident set of the run's own process up to the end of the stage; None in older records.
        energy_joules: Of the machine's processor packages, whoever used them; None where not measurable.
    """

    status: StageStatus
    seconds: float
    cpu_seconds: float | None = None
    peak_rss_bytes: int | None = None
    energy_joules: float | None = None


@dataclass(frozen=True, kw_only=True)
class Resumption(Record):
    """One time that the run was gone on with.

    Attributes:
        at: UTC time, ISO 8601.
        command: The command line, or `python`.
        changes: What differed from the process before: versions, machine, environment variables, code.
    """

    at: str
    command: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunRecord(Record):
    """The state of a run.

    Attributes:
        name: The folder's name when it was made.
        created: UTC time, ISO 8601.
        command: The command line, or `python`.
        status: `running`, `done`, `failed`, or `stopped` (interrupted; it can be resumed).
        stages: Those that ended, by name.
        environment: Of the process that began the run.
        message: Why it failed, or empty.
        by: Who began it, as `user@host`.
        code: tfl's own version and commit; None in older records.
        settings: The resolved config by dotted name, as it was when the run began.
        config_digest: SHA-256 of those settings that decide results.
        data_fingerprint: `Manifest.fingerprint` with the splits; empty before they are made.
        packages: Versions of everything tfl stands on.
        energy_note: Which counters the energy is of, or why it is not measurable.
        resumptions: Later processes that went on with it.
        reproduces: The run that this one does again, as a path; empty for all others.
        made_from: The run whose model this one compresses or learns from, as a path; empty for all others.
    """

    name: str
    created: str
    command: str
    tfl_version: str
    status: Literal["running", "done", "failed", "stopped"]
    stages: dict[str, StageRecord]
    environment: Environment
    message: str = ""
    by: str = ""
    code: CodeVersion | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    config_digest: str = ""
    data_fingerprint: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    energy_note: str = ""
    resumptions: tuple[Resumption, ...] = ()
    reproduces: str = ""
    made_from: str = ""


@dataclass(frozen=True)
class RunFolder:
    """The layout of a run's folder."""

    path: Path

    def beside(self, suffix: str) -> Path:
        """Return where a run that is made of this one lies by default."""
        return self.path.parent / f"{self.path.name}-{suffix}"

    @property
    def record_file(self) -> Path:
        """`RunRecord`."""
        return self.path / RUN_FILE

    @property
    def config_file(self) -> Path:
        """`RunConfig` as YAML."""
        return self.path / "config.yaml"

    @property
    def manifest_file(self) -> Path:
        """`Manifest` with splits and digests."""
        return self.path / "manifest.json"

    @property
    def check_file(self) -> Path:
        """`CheckReport`."""
        return self.path / "check.json"

    @property
    def training_dir(self) -> Path:
        """History, summary, checkpoint and TensorBoard log."""
        return self.path / "training"

    @property
    def folds_dir(self) -> Path:
        """Cross-validation: its record, the out-of-fold predictions, and a folder per fold."""
        return self.path / "folds"

    @property
    def search_dir(self) -> Path:
        """What the search found that the run's settings come from: its record and its charts."""
        return self.path / "search"

    @property
    def evaluation_dir(self) -> Path:
        """Evaluations, predictions and pictures."""
        return self.path / "evaluation"

    @property
    def predictions_file(self) -> Path:
        """The float model on the test split: `paths`, `truth`, `outputs`."""
        return self.evaluation_dir / "predictions.npz"

    @property
    def bundle_dir(self) -> Path:
        """The bundle."""
        return self.path / "bundle"

    @property
    def simulation_dir(self) -> Path:
        """`Simulation`, in a run whose network was trained for quantization."""
        return self.path / "simulation"

    @property
    def simulated_predictions_file(self) -> Path:
        """The simulation on the test split, as `predictions_file`."""
        return self.evaluation_dir / "predictions-simulated.npz"

    @property
    def compression_file(self) -> Path:
        """`Compression`, in a run that compresses another one's network."""
        return self.path / "compression.json"

    @property
    def artifacts_dir(self) -> Path:
        """The artefacts, one folder each."""
        return self.bundle_dir / "artifacts"

    @property
    def exports_file(self) -> Path:
        """`ExportSummary`."""
        return self.path / "exports.json"

    @property
    def quantize_dir(self) -> Path:
        """Accuracy-aware quantization: a `Ladder` per target."""
        return self.path / "quantize"

    @property
    def benchmark_file(self) -> Path:
        """`Benchmark`."""
        return self.path / "benchmark.json"

    @property
    def benchmarks_dir(self) -> Path:
        """Benchmarks under scenarios: a folder with a number and a `ScenarioResult` each."""
        return self.path / "benchmarks"

    @property
    def recommendation_file(self) -> Path:
        """`Choice`: the last one that was asked for."""
        return self.path / "recommendation.json"

    @property
    def distillation_file(self) -> Path:
        """`Distillation`, in a run whose network learned from another one's."""
        return self.path / "distillation.json"

    @property
    def logs_dir(self) -> Path:
        """Output of child processes."""
        return self.path / "logs"

    @property
    def work_dir(self) -> Path:
        """What is needed only while the run goes on; removed at its end."""
        return self.path / "work"

    @property
    def reproduction_file(self) -> Path:
        """`Reproduction`, in a run that does another one again."""
        return self.path / "reproduction.json"

    @property
    def report_file(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    @property
    def card_file(self) -> Path:
        """The model card, in Markdown."""
        return self.path / "model_card.md"

    @property
    def card_fields_file(self) -> Path:
        """What a person says of the model, for its card; never written by tfl."""
        return self.path / "model_card.yaml"

    @classmethod
    def find(cls, path: Path) -> RunFolder:
        """Open an existing run.

        Raises:
            NotFoundError: `path` is not a run; names the closest run beside it.
        """
        if (path / RUN_FILE).is_file():
            return cls(path)
        beside = (
            [item.name for item in path.parent.iterdir() if item.is_dir() and item != path]
            if path.parent.is_dir()
            else []
        )
        what = "holds no run.json" if path.is_dir() else "does not exist"
        raise NotFoundError(
            f"{path} {what}, so it is not a run.{closest(path.name, beside)}", hint="See the runs: tfl runs list"
        )

    @classmethod
    def around(cls, path: Path) -> RunFolder | None:
        """Return the run that a bundle or an artefact lies in, or None."""
        for folder in (path, *path.resolve().parents):
            if (folder / RUN_FILE).is_file():
                return cls(folder)
        return None
