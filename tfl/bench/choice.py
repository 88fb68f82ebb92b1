"""Which of a run's artefacts to take, within bounds that a device or a person sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from tfl.bench.records import Benchmark
from tfl.bench.scenario_records import ScenarioResult
from tfl.core.errors import ConfigError, UserError
from tfl.core.records import Record
from tfl.core.tables import html_lines

#: Of artefacts that score within so much of the best one that fits, the fastest is taken.
_SAME_METRIC = 0.01
#: Names of an option's figures in the order they are told.
_FIGURES = ("latency_ms", "metric", "size_bytes", "peak_rss_bytes")


@dataclass(frozen=True, kw_only=True)
class Bounds(Record):
    """What must be kept; None means no bound.

    Attributes:
        max_latency_ms: Of one picture, tensor in, tensor out, at the percentile.
        min_metric: Of the task's metric on held-out pictures.
        max_size_bytes: Of the model files.
        max_memory_bytes: Of the peak resident memory of the process.
        percent: Which percentile of the latency counts: 50, 90 or 99.
    """

    max_latency_ms: float | None = None
    min_metric: float | None = None
    max_size_bytes: int | None = None
    max_memory_bytes: int | None = None
    percent: float = 90.0

    @classmethod
    def asked(
        cls,
        *,
        max_latency_ms: float | None,
        min_metric: float | None,
        max_size_mb: float | None,
        max_memory_mb: float | None,
        percent: float,
    ) -> Bounds:
        """Take bounds as people give them, sizes in 10^6 bytes."""
        return cls(
            max_latency_ms=max_latency_ms,
            min_metric=min_metric,
            max_size_bytes=None if max_size_mb is None else round(max_size_mb * 1e6),
            max_memory_bytes=None if max_memory_mb is None else round(max_memory_mb * 1e6),
            percent=percent,
        )

    def __post_init__(self) -> None:
        problems = [
            f"{name}: must be above 0. Received: {value}."
            for name in ("max_latency_ms", "min_metric", "max_size_bytes", "max_memory_bytes")
            if (value := getattr(self, name)) is not None and not value > 0
        ]
        if self.percent not in (50.0, 90.0, 99.0):
            problems.append(f"percent: must be 50, 90 or 99. Received: {self.percent}.")
        if problems:
            raise ConfigError("\n".join(problems))


@dataclass(frozen=True, kw_only=True)
class Excess(Record):
    """A bound that is broken.

    Attributes:
        figure: Name of the figure.
        value: What it is.
        bound: What it should keep.
        share: By how much of the bound it is broken, above 0.
    """

    figure: str
    value: float
    bound: float
    share: float


@dataclass(frozen=True, kw_only=True)
class Option(Record):
    """One artefact as it was measured.

    Attributes:
        name: Of the cell: the artefact and, where a sweep was measured, its setting.
        latency_ms: At the percentile of the bounds.
        broken: The bounds it does not keep.
        is_on_front: Whether no other is at least as good in all four figures and better in one.
    """

    name: str
    artifact: str
    latency_ms: float
    metric: float
    size_bytes: int
    peak_rss_bytes: int
    broken: tuple[Excess, ...] = ()
    is_on_front: bool = False

    @property
    def worst(self) -> float:
        """The largest share by which a bound is broken, 0 where all are kept."""
        return max((excess.share for excess in self.broken), default=0.0)


@dataclass(frozen=True, kw_only=True)
class Choice(Record):
    """What was found.

    Attributes:
        picked: Name of the option, or empty where none keeps the bounds.
        closest: Where none does, the one whose worst excess is the least.
        reason: In one or two sentences.
        source: The record that the figures are from.
        metric_name: The task's metric.
        left_out: Cells without a figure for the latency, and why.
    """

    options: tuple[Option, ...]
    bounds: Bounds
    picked: str
    closest: str
    reason: str
    source: str
    metric_name: str
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)

    def _repr_html_(self) -> str:
        from tfl.bench.choice_tables import asked_of, choice_table

        left_out = [f"{name} is left out: {why}." for name, why in self.left_out.items()]
        return choice_table(self).html() + html_lines([asked_of(self.bounds), self.reason, *left_out])


def options_of_scenarios(result: ScenarioResult, percent: float) -> tuple[list[Option], dict[str, str]]:
    """Take the closed loops of one sample from a result; return also the cells whose percentile is withheld."""
    options, left_out = [], {}
    for cell in result.cells:
        if any(item.figures.samples_per_query != 1 or item.figures.curve for item in cell.rounds):
            continue
        found = cell.percentile(percent)
        if found is None or found.timings == 0:
            continue
        if found.value_ms is None:
            left_out[cell.name] = f"its p{percent:g} needs {found.needed} timings and has {found.timings}"
            continue
        facts = result.artifacts[cell.artifact]
        options.append(
            Option(
                name=cell.name,
                artifact=cell.artifact,
                latency_ms=found.value_ms,
                metric=facts.accuracy.metric,
                size_bytes=facts.size_bytes,
                peak_rss_bytes=max(item.peak_rss_bytes for item in cell.rounds),
            )
        )
    return options, left_out


def options_of_table(benchmark: Benchmark, percent: float) -> list[Option]:
    """Take the measurements of the plain benchmark."""
    return [
        Option(
            name=item.artifact,
            artifact=item.artifact,
            latency_ms={50.0: item.model_ms.p50, 90.0: item.model_ms.p90, 99.0: item.model_ms.p99}[percent],
            metric=item.metric,
            size_bytes=item.size_bytes,
            peak_rss_bytes=item.peak_rss_bytes,
        )
        for item in benchmark.measurements
    ]


def choose(
    options: Sequence[Option],
    bounds: Bounds,
    *,
    source: str,
    metric_name: str,
    left_out: dict[str, str] | None = None,
) -> Choice:
    """Pick the fastest of those options that keep all bounds and score within 0.01 of the best such option.

    Raises:
        UserError: There are no options.
    """
    if not options:
        why = "".join(f" {name}: {reason}." for name, reason in (left_out or {}).items())
        raise UserError(
            f"No artefact that may be chosen has a measured latency of one sample.{why}",
            hint="Measure: tfl benchmark RUN --scenario single-stream",
        )
    judged = [
        dataclasses.replace(
            option,
            broken=tuple(_broken(option, bounds)),
            is_on_front=not any(_dominates(other, option) for other in options),
        )
        for option in options
    ]
    judged.sort(key=lambda option: (option.latency_ms, -option.metric, option.name))
    fitting = [option for option in judged if not option.broken]
    picked = closest = ""
    if fitting:
        best = max(option.metric for option in fitting)
        same = [option for option in fitting if option.metric >= best - _SAME_METRIC - 1e-12]
        pick = min(same, key=lambda option: (option.latency_ms, option.size_bytes, option.name))
        picked, reason = pick.name, _why(pick, fitting, judged, metric_name)
    else:
        nearest = min(judged, key=lambda option: (option.worst, option.name))
        closest, reason = nearest.name, _why_not(nearest, judged, bounds, metric_name)
    return Choice(
        options=tuple(judged),
        bounds=bounds,
        picked=picked,
        closest=closest,
        reason=reason,
        source=source,
        metric_name=metric_name,
        left_out=left_out or {},
    )


def _broken(option: Option, bounds: Bounds) -> list[Excess]:
    found = []
    for figure, value, bound in (
        ("latency_ms", option.latency_ms, bounds.max_latency_ms),
        ("size_bytes", option.size_bytes, bounds.max_size_bytes),
        ("peak_rss_bytes", option.peak_rss_bytes, bounds.max_memory_bytes),
    ):
        if bound is not None and value > bound:
            found.append(Excess(figure=figure, value=float(value), bound=float(bound), share=value / bound - 1.0))
    if bounds.min_metric is not None and option.metric < bounds.min_metric:
        share = 1.0 - option.metric / bounds.min_metric
        found.append(Excess(figure="metric", value=option.metric, bound=bounds.min_metric, share=share))
    return found


def _dominates(one: Option, other: Option) -> bool:
    pairs = [
        (one.latency_ms, other.latency_ms),
        (-one.metric, -other.metric),
        (one.size_bytes, other.size_bytes),
        (one.peak_rss_bytes, other.peak_rss_bytes),
    ]
    return all(first <= second for first, second in pairs) and any(first < second for first, second in pairs)


def said(figure: str, value: float, metric_name: str) -> str:
    """Write a figure for people, such as `latency 4.20 ms`."""
    words = {
        "latency_ms": f"latency {value:.2f} ms",
        "metric": f"{metric_name} {value:.4f}",
        "size_bytes": f"size {value / 1e6:.2f} MB",
        "peak_rss_bytes": f"memory {value / 1e6:.0f} MB",
    }
    return words[figure]


def _why(pick: Option, fitting: Sequence[Option], options: Sequence[Option], metric_name: str) -> str:
    figures = ", ".join(said(name, getattr(pick, name), metric_name) for name in _FIGURES)
    text = f"{pick.name}: {figures}. {len(fitting)} of {len(options)} keep all bounds"
    best = max(fitting, key=lambda option: option.metric)
    if best.metric > pick.metric:
        text += f"; {best.name} scores {best.metric - pick.metric:.4f} more and takes {best.latency_ms:.2f} ms"
    elif len(fitting) > 1:
        text += "; of those that score alike it is the fastest"
    return f"{text}."


def _why_not(nearest: Option, options: Sequence[Option], bounds: Bounds, metric_name: str) -> str:
    excesses = ", ".join(
        f"{said(item.figure, item.value, metric_name)}, the bound is {said(item.figure, item.bound, metric_name)}"
        f" ({item.share:.0%} beyond)"
        for item in nearest.broken
    )
    text = f"None of {len(options)} keeps all bounds. The closest is {nearest.name}: {excesses}."
    alone = [option for option in options if len(option.broken) == 1]
    if alone:
        least = min(alone, key=lambda option: option.worst)
        excess = least.broken[0]
        text += (
            f" The bound broken least alone is that of the {said(excess.figure, excess.bound, metric_name)}:"
            f" with {said(excess.figure, excess.value, metric_name)} {least.name} would fit."
        )
    return text
