"""What a verification and a measurement say, and the cell of target x precision they stand in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from tfl.bundle.records import artifact_name
from tfl.core.environment import Environment
from tfl.core.errors import TflError
from tfl.core.records import Record
from tfl.core.tables import html_lines, html_table
from tfl.data.contract import Fusion
from tfl.targets import Tolerance

#: Columns of a measurement in a notebook; the report has more.
_MEASURED = (
    "artefact",
    "MB",
    "metric",
    "p50 ms",
    "p99 ms",
    "file to answer p50 ms",
    "samples per s",
    "at batch",
    "peak memory MB",
)


@dataclass(frozen=True, kw_only=True)
class Failure(Record):
    """Why a cell failed. The others go on.

    Attributes:
        stage: `export`, `verify` or `benchmark`.
        error: Class of the error.
        message: What it said.
        log: Path of the kept log, relative to the run, or empty.
        code: What a program can go by, and `tfl errors CODE` explains; empty in records of older versions.
    """

    stage: str
    error: str
    message: str
    log: str = ""
    code: str = ""

    @classmethod
    def of(cls, error: TflError, stage: str, *, log: str = "") -> Self:
        """Record an error."""
        return cls(stage=stage, error=type(error).__name__, message=str(error), log=log, code=error.code)


@dataclass(frozen=True, kw_only=True)
class Differences(Record):
    """Artefact against float model on the same inputs.

    Attributes:
        sample_count: How many inputs.
        max_difference: Largest absolute difference of any probability.
        mean_difference: Mean absolute difference.
        agreement: Share of equal top-1 decisions, in [0, 1].
        flipped: How many decisions differ.
    """

    sample_count: int
    max_difference: float
    mean_difference: float
    agreement: float
    flipped: int


@dataclass(frozen=True, kw_only=True)
class Check(Record):
    """One statement that was tested.

    Attributes:
        name: Such as `golden max difference`.
        value: What came out.
        limit: What it was held against.
        passed: Whether it holds.
    """

    name: str
    value: float
    limit: float
    passed: bool


@dataclass(frozen=True, kw_only=True)
class Verification(Record):
    """The proof that an artefact does what the float model does, made in a fresh process.

    Attributes:
        artifact: `<target>-<precision>`.
        passed: All checks hold.
        golden: Differences on the golden batch inside the artefact.
        held_out: Differences on held-out samples, or None when there were none to test on.
        metric_name: The task's metric.
        metric: Of the artefact on the held-out samples, or None.
        float_metric: Of the float model on the same samples, or None.
        tolerance: The limits and why.
        note: What was not tested and why, or empty.
    """

    artifact: str
    passed: bool
    golden: Differences
    held_out: Differences | None
    metric_name: str
    metric: float | None
    float_metric: float | None
    checks: tuple[Check, ...]
    tolerance: Tolerance
    note: str = ""

    def _repr_html_(self) -> str:
        rows = [
            (item.name, f"{item.value:.4g}", f"{item.limit:.4g}", "holds" if item.passed else "FAILS")
            for item in self.checks
        ]
        score = "" if self.metric is None else f", {self.metric_name} {self.metric:.4f}"
        caption = f"{self.artifact} {'passed' if self.passed else 'FAILED'} its verification{score}"
        lines = [f"Limits: {self.tolerance.reason}", *([self.note] if self.note else [])]
        return html_table(("check", "value", "limit", ""), rows, caption=caption) + html_lines(lines)


@dataclass(frozen=True, kw_only=True)
class LatencyMs(Record):
    """Percentiles of a latency in milliseconds, and how many timings they stand on."""

    p50: float
    p90: float
    p99: float
    timings: int


@dataclass(frozen=True, kw_only=True)
class Measurement(Record):
    """Speed, memory and accuracy of one artefact, all of the very same files, in a fresh process.

    Attributes:
        artifact: `<target>-<precision>`.
        size_bytes: Of the model files.
        metric: The task's metric on `sample_count` held-out samples.
        model_ms: Batch 1, tensor in, tensor out.
        end_to_end_ms: Batch 1, from the file on disk to the answer: read, decode, resize, infer, decode.
        throughput_per_s: Samples per second, tensor in, tensor out, at `throughput_batch`.
        throughput_by_batch: Samples per second at every batch size that was tried.
        load_ms: Opening the artefact, digest check left out.
        first_inference_ms: The first inference after opening.
        peak_rss_bytes: Largest resident memory of the process.
        threads: Threads the engine was told to use; 0 means its own choice.
    """

    artifact: str
    target: str
    precision: str
    size_bytes: int
    metric_name: str
    metric: float
    sample_count: int
    model_ms: LatencyMs
    end_to_end_ms: LatencyMs
    throughput_per_s: float
    throughput_batch: int
    throughput_by_batch: dict[str, float]
    load_ms: float
    first_inference_ms: float
    peak_rss_bytes: int
    threads: int

    @property
    def variant(self) -> str:
        """The artefact's name without its target: the precision, and what of the preprocessing is fused."""
        return self.artifact.removeprefix(f"{self.target}-")


@dataclass(frozen=True, kw_only=True)
class Cell(Record):
    """One target x precision.

    Attributes:
        status: `ok`, `failed`, or `unsupported` (the target can't make it).
        reason: Why it is unsupported, or empty.
        artifact_dir: Relative to the run; empty unless an artefact was written.
        fused: What of the preprocessing is inside the model file.
    """

    target: str
    precision: str
    status: Literal["ok", "failed", "unsupported"]
    reason: str = ""
    artifact_dir: str = ""
    size_bytes: int = 0
    verification: Verification | None = None
    failure: Failure | None = None
    fused: Fusion = "none"

    @property
    def name(self) -> str:
        """The artefact's."""
        return artifact_name(self.target, self.precision, self.fused)

    @property
    def variant(self) -> str:
        """The artefact's name without its target: the precision, and what of the preprocessing is fused."""
        return self.name.removeprefix(f"{self.target}-")


@dataclass(frozen=True, kw_only=True)
class Benchmark(Record):
    """The table.

    Attributes:
        environment: Of the machine the figures hold for.
        noise_floor: Relative spread (max/min - 1) of the same measurement repeated, or None when not taken.
    """

    environment: Environment
    measurements: tuple[Measurement, ...]
    failures: dict[str, Failure]
    noise_floor: float | None

    def _repr_html_(self) -> str:
        rows = [
            (
                item.artifact,
                f"{item.size_bytes / 1e6:.2f}",
                f"{item.metric:.4f}",
                f"{item.model_ms.p50:.2f}",
                f"{item.model_ms.p99:.2f}",
                f"{item.end_to_end_ms.p50:.2f}",
                f"{item.throughput_per_s:,.0f}",
                f"{item.throughput_batch}",
                f"{item.peak_rss_bytes / 1e6:,.0f}",
            )
            for item in self.measurements
        ]
        lines = [f"{name} could not be measured: {failure.message}" for name, failure in self.failures.items()]
        if self.noise_floor is not None:
            lines.append(f"The same measurement repeated differs by up to {self.noise_floor:.1%}.")
        lines.append(f"Machine: {self.environment.cpu}, {self.environment.cpu_count} processors.")
        return html_table(_MEASURED, rows, caption="Speed and accuracy of the very same files") + html_lines(lines)
