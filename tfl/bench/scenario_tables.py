"""A benchmark under scenarios as titles, rows and sentences, which the terminal, the report and a notebook share."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from tfl.bench.scenario_comparison import ResultComparison
from tfl.bench.scenario_records import CellResult, RoundResult, ScenarioResult
from tfl.bench.standings import Standing
from tfl.bench.statistics import Percentile, Ratio
from tfl.core.tables import Plain

_KERNELS_SHOWN = 3
#: Others that take more than this of the machine, or a quota that stops the process so long, make figures doubtful.
_OTHERS_SHARE, _STOPPED_MS = 0.10, 50.0
INTERVALS = "In brackets: the 95 % interval. 'n < 368' means: withheld, so many timings are needed."
STAGES_TITLE = "From the file to the answer: medians of each step, and of the whole in one go"
KERNELS_TITLE = "What ran"
STANDINGS_TITLE = "Against the fastest by the median: times its time per sample"


def cells_table(result: ScenarioResult, *, scenario: str = "") -> Plain:
    """Return a row per cell: accuracy, latency, rate, energy, memory, first use.

    Args:
        result: The record.
        scenario: Only of this one.
    """
    cells = [cell for cell in result.cells if scenario in ("", cell.scenario)]
    metric = next((facts.accuracy.metric_name for facts in result.artifacts.values()), "accuracy")
    figures = ("ms p50", "p90", "p99") if any(_has_latency(cell) for cell in cells) else ()
    head = ("cell", metric, *figures, "per s", "J per sample", "peak MB", "cold load ms", "first ms")
    rows = tuple(_cell_row(result, cell, bool(figures), scenario=scenario) for cell in cells)
    title = "Under load, each cell in fresh processes" if not scenario else scenario.replace("_", "-")
    return Plain(title, head, rows)


def _has_latency(cell: CellResult) -> bool:
    return any(item.timings for item in cell.percentiles)


def _cell_row(result: ScenarioResult, cell: CellResult, has_latencies: bool, *, scenario: str) -> tuple[str, ...]:
    last = cell.rounds[-1]
    latencies = tuple(shown(cell.percentile(percent)) for percent in (50.0, 90.0, 99.0)) if has_latencies else ()
    return (
        _without(cell.name, scenario),
        f"{result.artifacts[cell.artifact].accuracy.metric:.4f}",
        *latencies,
        f"{cell.rate_per_s:,.1f}" if cell.rate_per_s else "none",
        f"{last.joules_per_sample:.4f}" if last.joules_per_sample is not None else "",
        f"{max(item.peak_rss_bytes for item in cell.rounds) / 1e6:,.0f}",
        f"{statistics.median_high(item.cold_load_ms for item in cell.rounds):,.0f}",
        f"{statistics.median_high(item.first_inference_ms for item in cell.rounds):,.1f}",
    )


def _without(name: str, scenario: str) -> str:
    """Leave the scenario out of a cell's name where it stands above the table."""
    return name.replace(f" {scenario}", "", 1) if scenario else name


def shown(percentile: Percentile | None) -> str:
    """Write a percentile with its interval, or why there is none."""
    if percentile is None or percentile.timings == 0:
        return ""
    if percentile.value_ms is None:
        return f"n < {percentile.needed}"
    return f"{percentile.value_ms:.2f} [{percentile.low_ms:.2f}, {percentile.high_ms:.2f}]"


def shown_ratio(ratio: Ratio) -> str:
    """Write a ratio with its interval."""
    return f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]"


def best_throughputs(result: ScenarioResult) -> list[str]:
    """Say the best setting of each artefact in scenarios whose figure is a rate."""
    best: dict[str, CellResult] = {}
    tried: dict[str, int] = {}
    for cell in result.cells:
        # Only scenarios without latencies are swept for the best; the percentiles of others would differ in meaning.
        if not _has_latency(cell):
            tried[cell.artifact] = tried.get(cell.artifact, 0) + 1
            known = best.get(cell.artifact)
            if known is None or cell.rate_per_s > known.rate_per_s:
                best[cell.artifact] = cell
    return [
        f"Best throughput of {name}: {cell.rate_per_s:,.1f} per s ({cell.name}"
        + (f", the best of {tried[name]} settings)" if tried[name] > 1 else ")")
        for name, cell in best.items()
    ]


def stages_table(result: ScenarioResult) -> Plain:
    """Return the steps from file to answer of each cell that times them."""
    rows = []
    for cell in result.cells:
        stages = cell.rounds[-1].stages
        if stages is not None:
            parts = (stages.decode_ms, stages.preprocess_ms, stages.infer_ms, stages.postprocess_ms)
            rows.append((cell.name, *(f"{part:.2f}" for part in (*parts, sum(parts), stages.end_to_end_ms))))
    head = ("cell", "decode ms", "preprocess", "infer", "postprocess", "sum", "file to answer ms")
    return Plain(STAGES_TITLE, head, tuple(rows))


def curve_tables(result: ScenarioResult) -> list[tuple[str, Plain]]:
    """Return, for each cell with a curve, what its bound is, and latency by rate of arrivals."""
    found = []
    for cell in result.cells:
        figures = cell.rounds[0].figures
        if figures.curve:
            rows = tuple(
                (
                    f"{point.rate_per_s:.1f}",
                    f"{point.p50_ms:.2f}",
                    f"{point.p99_ms:.2f}",
                    "lost" if point.is_lost else "kept" if point.is_kept else "missed",
                )
                for point in figures.curve
            )
            plain = Plain(cell.name, ("arrivals per s", "p50 ms", "p99 ms", "bound"), rows)
            found.append((f"{cell.name}: {figures.note}", plain))
    return found


def kernels_table(result: ScenarioResult) -> Plain:
    """Return what the engines ran: files, integer kernels, their share of the time."""
    rows = []
    for name, facts in result.artifacts.items():
        kernels = facts.kernels
        share = kernels.integer_time_share
        most = ", ".join(f"{k.count} {k.operation} {k.precision}" for k in kernels.kernels[:_KERNELS_SHOWN])
        rows.append(
            (
                name,
                facts.digest[:12],
                f"{facts.size_bytes / 1e6:.2f}",
                f"{kernels.integer_count} of {kernels.count}" if kernels.count else "",
                f"{share:.0%}" if share is not None else "",
                most or kernels.note,
            )
        )
    return Plain(
        KERNELS_TITLE, ("artefact", "SHA-256", "MB", "int8 kernels", "of the time", "most of them"), tuple(rows)
    )


def standings_table(found: Sequence[Standing]) -> Plain:
    """Return each artefact against the fastest of its scenario."""
    rows = tuple(
        (
            item.scenario.replace("_", "-"),
            _without(item.cell, item.scenario) + (f" (best of {item.settings})" if item.settings > 1 else ""),
            _without(item.against, item.scenario),
            shown_ratio(item.ratio),
            f"{item.ratio.noise_floor:.1%}",
            item.ratio.verdict,
        )
        for item in found
    )
    head = ("scenario", "cell", "the fastest", "ratio [95 %]", "noise floor", "verdict")
    return Plain(STANDINGS_TITLE, head, rows)


def comparison_table(comparison: ResultComparison, *, old: str, new: str) -> Plain:
    """Return one result against another, cell by cell."""
    rows = tuple(
        (
            cell.name,
            f"{cell.old_ms:.3f}",
            f"{cell.new_ms:.3f}",
            shown_ratio(cell.ratio),
            f"{cell.ratio.noise_floor:.1%}",
            cell.ratio.verdict,
            "other samples" if cell.metric_change is None else f"{cell.metric_change:+.4f}",
            "same" if cell.same_artifact else "other files",
        )
        for cell in comparison.cells
    )
    head = ("cell", f"{old} ms", f"{new} ms", "ratio [95 %]", "noise floor", "verdict", "accuracy", "artefact")
    return Plain(f"{new} against {old}: a ratio under 1 is faster", head, rows)


def conditions_table(result: ScenarioResult) -> Plain:
    """Return what the machine did beside each cell: the worst of its rounds."""
    return Plain(
        "What else the machine did, the worst of the rounds",
        ("cell", "others' share", "stopped by quota ms", "taken by the host ms", "switches", "load", "steady"),
        tuple((cell.name, *_conditions(cell.rounds)) for cell in result.cells),
    )


def _conditions(rounds: Sequence[RoundResult]) -> tuple[str, ...]:
    found = [item.conditions for item in rounds]
    others, throttled, stolen, load = (
        max((value for item in found if (value := getattr(item, name)) is not None), default=None)
        for name in ("others_share", "throttled_ms", "stolen_ms", "load_average")
    )
    return (
        "" if others is None else f"{others:.0%}",
        "" if throttled is None else f"{throttled:.0f}",
        "" if stolen is None else f"{stolen:.0f}",
        f"{max(item.involuntary_switches for item in found):,}",
        "" if load is None else f"{load:.1f}",
        f"{sum(item.figures.is_steady for item in rounds)} of {len(rounds)}",
    )


def doubts(result: ScenarioResult) -> list[str]:
    """Say what in the conditions speaks against the figures: a line per kind, with the worst cell."""
    others, stopped, unsteady = [], [], []
    for cell in result.cells:
        found = [item.conditions for item in cell.rounds]
        share = max((item.others_share for item in found if item.others_share is not None), default=0.0)
        stopped_ms = max((item.throttled_ms or 0.0) + (item.stolen_ms or 0.0) for item in found)
        if share > _OTHERS_SHARE:
            others.append((share, cell.name))
        if stopped_ms > _STOPPED_MS:
            stopped.append((stopped_ms, cell.name))
        if not all(item.figures.is_steady for item in cell.rounds):
            unsteady.append(cell.name)
    lines = []
    if others:
        lines.append(f"{_cells(others)}: other processes took {max(others)[0]:.0%} of the machine.")
    if stopped:
        lines.append(f"{_cells(stopped)}: the host or the container's quota stopped it for {max(stopped)[0]:.0f} ms.")
    if unsteady:
        lines.append(f"{', '.join(unsteady)}: the latency changed its level after the warm-up.")
    if result.cells and all(item.energy_note.startswith("not") for cell in result.cells for item in cell.rounds):
        lines.append(f"there is no energy: {result.cells[0].rounds[0].energy_note}.")
    return lines


def _cells(found: Sequence[tuple[float, str]]) -> str:
    worst = max(found)[1]
    return worst if len(found) == 1 else f"{len(found)} cells, {worst} the most"


def noise_line(result: ScenarioResult) -> str:
    """Say what no difference looks like."""
    if result.noise is None:
        return "There is no noise floor: the A/A run failed."
    return (
        f"Noise floor {result.noise.floor:.1%}: {result.noise.cell} measured twice differed by "
        f"{abs(result.noise.ratio - 1):.1%}. Smaller differences say nothing."
    )


def machine_line(result: ScenarioResult) -> str:
    """Say which machine the figures hold for."""
    environment = result.environment
    return (
        f"{environment.cpu}, {environment.cpu_count} processors, {', '.join(environment.isa) or 'no SIMD flags'}; "
        f"governor {environment.governor}"
    )
