"""Tables of benchmarks under scenarios."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tfl_cli._output import print_table

if TYPE_CHECKING:
    from tfl.bench.merging import MergedResult
    from tfl.bench.scenario_comparison import ResultComparison
    from tfl.bench.scenario_records import CellResult, ScenarioResult
    from tfl.bench.statistics import Percentile

_KERNELS_SHOWN = 3
#: Others that take more than this of the machine, or a quota that stops the process so long, make figures doubtful.
_OTHERS_SHARE, _STOPPED_MS = 0.10, 50.0


def print_scenarios(result: ScenarioResult) -> None:
    """Print a result: the cells, the artefacts, the way from file to answer, and what to doubt."""
    print_table(
        ["cell", "accuracy", "ms p50", "p90", "p99", "per s", "J per sample", "peak MB", "cold load ms", "first ms"],
        [_row(result, cell) for cell in result.cells],
        title="Under load, each cell in fresh processes",
    )
    click.echo("In brackets: the 95 % interval. 'n < 368' means: withheld, so many timings are needed.")
    _print_best(result)
    _print_stages(result)
    for cell in result.cells:
        curve = cell.rounds[0].figures.curve
        if curve:
            click.echo(f"{cell.name}: {cell.rounds[0].figures.note}")
            print_table(
                ["arrivals per s", "p50 ms", "p99 ms", "bound"],
                [
                    [
                        f"{point.rate_per_s:.1f}",
                        f"{point.p50_ms:.2f}",
                        f"{point.p99_ms:.2f}",
                        "lost" if point.is_lost else "kept" if point.is_kept else "missed",
                    ]
                    for point in curve
                ],
            )
    _print_kernels(result)
    for name, failure in result.failures.items():
        click.echo(f"{name}: could not be measured: {failure.message.splitlines()[0]}")
    for line in doubts(result):
        click.echo(f"Doubt: {line}")
    environment = result.environment
    click.echo(
        f"{environment.cpu}, {environment.cpu_count} processors, {', '.join(environment.isa) or 'no SIMD flags'}; "
        f"governor {environment.governor}"
    )
    if result.noise is not None:
        click.echo(
            f"Noise floor {result.noise.floor:.1%}: {result.noise.cell} measured twice differed by "
            f"{abs(result.noise.ratio - 1):.1%}. Smaller differences say nothing."
        )
    else:
        click.echo("There is no noise floor: the A/A run failed.")


def _row(result: ScenarioResult, cell: CellResult) -> list[str]:
    last = cell.rounds[-1]
    accuracy = result.artifacts[cell.artifact].accuracy
    return [
        cell.name,
        f"{accuracy.metric:.4f}",
        *(shown(cell.percentile(percent)) for percent in (50.0, 90.0, 99.0)),
        f"{cell.rate_per_s:,.1f}",
        f"{last.joules_per_sample:.4f}" if last.joules_per_sample is not None else "",
        f"{max(item.peak_rss_bytes for item in cell.rounds) / 1e6:,.0f}",
        f"{sorted(item.cold_load_ms for item in cell.rounds)[len(cell.rounds) // 2]:,.0f}",
        f"{sorted(item.first_inference_ms for item in cell.rounds)[len(cell.rounds) // 2]:,.1f}",
    ]


def shown(percentile: Percentile | None) -> str:
    """Write a percentile with its interval, or why there is none."""
    if percentile is None or percentile.timings == 0:
        return ""
    if percentile.value_ms is None:
        return f"n < {percentile.needed}"
    return f"{percentile.value_ms:.2f} [{percentile.low_ms:.2f}, {percentile.high_ms:.2f}]"


def _print_best(result: ScenarioResult) -> None:
    offline: dict[str, CellResult] = {}
    for cell in result.cells:
        # Only scenarios without latencies are swept for the best; the percentiles of others would differ in meaning.
        if not any(item.timings for item in cell.percentiles):
            best = offline.get(cell.artifact)
            if best is None or cell.rate_per_s > best.rate_per_s:
                offline[cell.artifact] = cell
    for name, cell in offline.items():
        click.echo(f"Best throughput of {name}: {cell.rate_per_s:,.1f} per s ({cell.name})")


def _print_stages(result: ScenarioResult) -> None:
    rows = []
    for cell in result.cells:
        stages = cell.rounds[-1].stages
        if stages is not None:
            parts = (stages.decode_ms, stages.preprocess_ms, stages.infer_ms, stages.postprocess_ms)
            rows.append([cell.name, *(f"{part:.2f}" for part in (*parts, sum(parts), stages.end_to_end_ms))])
    if rows:
        head = ["cell", "decode ms", "preprocess", "infer", "postprocess", "sum", "file to answer ms"]
        print_table(head, rows, title="From the file to the answer: medians of each step, and of the whole in one go")


def _print_kernels(result: ScenarioResult) -> None:
    rows = []
    for name, facts in result.artifacts.items():
        kernels = facts.kernels
        share = kernels.integer_time_share
        most = ", ".join(f"{k.count} {k.operation} {k.precision}" for k in kernels.kernels[:_KERNELS_SHOWN])
        rows.append(
            [
                name,
                facts.digest[:12],
                f"{facts.size_bytes / 1e6:.2f}",
                f"{kernels.integer_count} of {kernels.count}" if kernels.count else "",
                f"{share:.0%}" if share is not None else "",
                most or kernels.note,
            ]
        )
    print_table(["artefact", "SHA-256", "MB", "int8 kernels", "of the time", "most of them"], rows, title="What ran")


def doubts(result: ScenarioResult) -> list[str]:
    """Say what in the conditions speaks against the figures."""
    lines = []
    for cell in result.cells:
        found = [item.conditions for item in cell.rounds]
        others = max((item.others_share for item in found if item.others_share is not None), default=0.0)
        stopped = max((item.throttled_ms or 0.0) + (item.stolen_ms or 0.0) for item in found)
        if others > _OTHERS_SHARE:
            lines.append(f"{cell.name}: other processes took {others:.0%} of the machine.")
        if stopped > _STOPPED_MS:
            lines.append(f"{cell.name}: the host or the container's quota stopped it for {stopped:.0f} ms.")
        if not all(item.figures.is_steady for item in cell.rounds):
            lines.append(f"{cell.name}: the latency changed its level after the warm-up.")
    if result.cells and all(item.energy_note.startswith("not") for cell in result.cells for item in cell.rounds):
        lines.append(f"there is no energy: {result.cells[0].rounds[0].energy_note}")
    return lines


def print_comparison(comparison: ResultComparison, *, old: str, new: str) -> None:
    """Print two results against each other."""
    rows = [
        [
            cell.name,
            f"{cell.old_ms:.3f}",
            f"{cell.new_ms:.3f}",
            f"{cell.ratio.value:.3f} [{cell.ratio.low:.3f}, {cell.ratio.high:.3f}]",
            f"{cell.ratio.noise_floor:.1%}",
            cell.ratio.verdict,
            "other pictures" if cell.metric_change is None else f"{cell.metric_change:+.4f}",
            "same" if cell.same_artifact else "other files",
        ]
        for cell in comparison.cells
    ]
    head = ["cell", f"{old} ms", f"{new} ms", "ratio [95 %]", "noise floor", "verdict", "accuracy", "artefact"]
    print_table(head, rows, title=f"{new} against {old}: a ratio under 1 is faster")
    for name in comparison.missing:
        click.echo(f"{name}: is missing")
    for line in comparison.differences:
        click.echo(f"Differs: {line}")


def print_merged(merged: MergedResult) -> None:
    """Print results of several machines side by side."""
    names = list(merged.machines)
    rows = []
    for row in merged.rows:
        values = [
            f"{row.rate_per_s[name]:,.1f} ({row.compared_ms[name]:.2f} ms)" if name in row.rate_per_s else ""
            for name in names
        ]
        metrics = sorted({f"{value:.4f}" for value in row.metrics.values()})
        rows.append([row.cell, row.digest[:12], " / ".join(metrics), *values])
    print_table(["cell", "SHA-256", "accuracy", *(f"{name}: per s (ms)" for name in names)], rows, title="By machine")
    for name, environment in merged.machines.items():
        floor = merged.noise_floors.get(name)
        noise = f"noise floor {floor:.1%}" if floor is not None else "no noise floor"
        click.echo(f"{name}: {', '.join(environment.isa) or 'no SIMD flags'}; {environment.system}; {noise}")
    for note in merged.notes:
        click.echo(f"Note: {note}")
