"""What scenarios come to: figures of one process, a cell over its rounds, and the whole result."""

from __future__ import annotations

from dataclasses import dataclass, field

from tfl.bench.conditions import Conditions
from tfl.bench.records import Failure
from tfl.bench.statistics import Percentile
from tfl.core.environment import Environment
from tfl.core.records import Record
from tfl.core.tables import html_lines
from tfl.targets import Kernels


@dataclass(frozen=True, kw_only=True)
class LoadPoint(Record):
    """One rate of the server scenario.

    Attributes:
        rate_per_s: At which samples arrived.
        queries: How many were answered.
        is_kept: Whether the p99 kept the bound.
        is_lost: Whether the queue grew so long that the trial was ended.
        p50_ms: From the scheduled arrival to the answer.
        p99_ms: The same.
    """

    rate_per_s: float
    queries: int
    is_kept: bool
    is_lost: bool
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, kw_only=True)
class Figures(Record):
    """What a scenario measured in one process.

    Attributes:
        queries: All that were timed, the warm-up among them.
        samples_per_query: Batch size.
        warm_up: Leading queries that were cut off.
        is_steady: Whether the level stayed the same after that.
        percentiles: Of the steady latencies, or withheld.
        rate_per_s: Samples per second: steady, or the highest that kept the bound.
        resolution: Relative uncertainty that the search itself leaves, 0 for none.
        latency_bound_ms: Of the server scenario, or None.
        curve: Of the server scenario, by rate.
        note: What else must be known to read it.
    """

    queries: int
    samples_per_query: int
    warm_up: int
    is_steady: bool
    percentiles: tuple[Percentile, ...]
    rate_per_s: float
    resolution: float = 0.0
    latency_bound_ms: float | None = None
    curve: tuple[LoadPoint, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class StageTimes(Record):
    """Medians of the way from a file to an answer, each step timed apart and the whole once more in one go.

    Attributes:
        decode_ms: File to picture: read and decode.
        preprocess_ms: Picture to tensor: turn, resize, normalize.
        infer_ms: Tensor to probabilities.
        postprocess_ms: Probabilities to ranked labels.
        end_to_end_ms: File to ranked labels, in one call of each, the clock read at both ends only.
        pictures: How many were taken through.
    """

    decode_ms: float
    preprocess_ms: float
    infer_ms: float
    postprocess_ms: float
    end_to_end_ms: float
    pictures: int


@dataclass(frozen=True, kw_only=True)
class Accuracy(Record):
    """The score of the very files that were timed.

    Attributes:
        artifact_digest: SHA-256 over the digests of the artefact's files.
        metric_name: The task's metric.
        metric: On `sample_count` held-out samples.
    """

    artifact_digest: str
    metric_name: str
    metric: float
    sample_count: int


@dataclass(frozen=True, kw_only=True)
class RoundResult(Record):
    """One cell in one process.

    Attributes:
        artifact_digest: Of the files, before and after the timing.
        cold_load_ms: Engine import and opening in a fresh process; the files were just read for their digests.
        first_inference_ms: The first inference after that.
        peak_rss_bytes: Largest resident memory of the process up to the end of the scenario.
        joules_per_sample: Of all processor packages while the scenario ran, its warm-up included, or None.
        energy_note: Which counters, or why there is none.
        inputs: How many different pictures were gone round.
        conditions: What else the machine did meanwhile.
        stages: For scenarios that time them.
    """

    round: int
    figures: Figures
    artifact_digest: str
    cold_load_ms: float
    first_inference_ms: float
    peak_rss_bytes: int
    joules_per_sample: float | None
    energy_note: str
    inputs: int
    conditions: Conditions
    stages: StageTimes | None = None


@dataclass(frozen=True, kw_only=True)
class CellResult(Record):
    """One artefact under one scenario and setting, over all rounds.

    Attributes:
        name: Unique in the result, such as `onnx-int8 offline batch=8`.
        artifact: `<target>-<precision>`.
        scenario: Name of the scenario plug-in.
        batch: Of the setting; see `Setting`.
        threads: Of the setting.
        lanes: Of the setting.
        percentiles: Over the steady timings of all rounds together.
        rate_per_s: Median over the rounds.
        compared_ms: What comparisons look at, the median of the rounds' medians; see `Outcome.compared_ms`.
        rounds: One per process.
    """

    name: str
    artifact: str
    scenario: str
    batch: int
    threads: int
    lanes: int
    percentiles: tuple[Percentile, ...]
    rate_per_s: float
    compared_ms: float
    rounds: tuple[RoundResult, ...]

    def percentile(self, percent: float) -> Percentile | None:
        """Return one percentile, or None where the scenario has none."""
        return next((item for item in self.percentiles if item.percent == percent), None)


@dataclass(frozen=True, kw_only=True)
class ArtifactFacts(Record):
    """What is the same in all cells of an artefact.

    Attributes:
        folder: Relative to `ScenarioResult.base`.
        digest: SHA-256 over the digests of its files.
    """

    folder: str
    digest: str
    size_bytes: int
    accuracy: Accuracy
    kernels: Kernels


@dataclass(frozen=True, kw_only=True)
class NoiseFloor(Record):
    """What the same cell measured twice, in processes of its own and interleaved, showed (an A/A run).

    Attributes:
        cell: Which.
        floor: Relative difference below which nothing is said.
        ratio: Of the two medians.
    """

    cell: str
    floor: float
    ratio: float


@dataclass(frozen=True, kw_only=True)
class Suite(Record):
    """What is measured and how.

    Attributes:
        name: Of the suite, or empty.
        scenarios: Names of scenario plug-ins.
        artifacts: Names; empty means all that are there.
        sweep: Values of `batch`, `threads`, `lanes`, and `size` in pixels, for which artefacts are made.
        rounds: Processes per cell, interleaved over all cells in an order drawn with the seed.
        seconds: How long each figure is measured at least.
        least_queries: How many queries a percentile is taken from at least.
        latency_bound_ms: For the server scenario; None makes it five times the unloaded median.
        seed: Of orders and arrivals.
    """

    name: str = ""
    scenarios: tuple[str, ...] = ("single_stream",)
    artifacts: tuple[str, ...] = ()
    sweep: dict[str, tuple[int, ...]] = field(default_factory=dict)
    rounds: int = 3
    seconds: float = 2.0
    least_queries: int = 400
    latency_bound_ms: float | None = None
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class ScenarioResult(Record):
    """One benchmark. Every timing is in the `.npz` beside it, by cell, round and series.

    Attributes:
        created: UTC time, ISO 8601.
        suite: What was asked for.
        environment: The machine.
        artifacts: By name.
        cells: In the order of the plan.
        failures: By cell; the others went on.
        noise: Of the A/A run, or None where it failed.
        samples_file: Name of the `.npz` beside the record.
        pictures: SHA-256 of the held-out samples' paths and classes.
    """

    created: str
    suite: Suite
    environment: Environment
    artifacts: dict[str, ArtifactFacts]
    cells: tuple[CellResult, ...]
    failures: dict[str, Failure]
    noise: NoiseFloor | None
    samples_file: str
    pictures: str

    def cell(self, name: str) -> CellResult | None:
        """Return a cell by its name."""
        return next((cell for cell in self.cells if cell.name == name), None)

    def _repr_html_(self) -> str:
        from tfl.bench import scenario_tables as tables

        shown = (tables.cells_table(self), tables.stages_table(self), tables.kernels_table(self))
        lines = [tables.INTERVALS, *tables.best_throughputs(self), tables.noise_line(self)]
        lines += [f"Doubt: {line}" for line in tables.doubts(self)]
        return "".join(item.html() for item in shown) + html_lines([*lines, tables.machine_line(self)])
