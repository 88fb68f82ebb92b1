"""Tables of benchmarks under scenarios."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tfl_cli._output import print_table

if TYPE_CHECKING:
    from tfl.bench.merging import MergedResult
    from tfl.bench.scenario_comparison import ResultComparison
    from tfl.benchmarking import Measured
    from tfl.core.tables import Plain


def print_scenarios(measured: Measured) -> None:
    """Print a result: the cells, the artefacts, the way from file to answer, and what to doubt."""
    from tfl.bench import scenario_tables as tables
    from tfl.bench.standings import standings

    result = measured.result
    _print(tables.cells_table(result))
    click.echo(tables.INTERVALS)
    for line in tables.best_throughputs(result):
        click.echo(line)
    _print(tables.stages_table(result))
    for note, plain in tables.curve_tables(result):
        click.echo(note)
        print_table(plain.head, plain.rows)
    _print(tables.standings_table(standings(result, measured.series)))
    _print(tables.kernels_table(result))
    for name, failure in result.failures.items():
        click.echo(f"{name}: could not be measured: {failure.message.splitlines()[0]}")
    for line in tables.doubts(result):
        click.echo(f"Doubt: {line}")
    click.echo(tables.machine_line(result))
    click.echo(tables.noise_line(result))


def _print(plain: Plain) -> None:
    if plain.rows:
        print_table(plain.head, plain.rows, title=plain.title)


def print_comparison(comparison: ResultComparison, *, old: str, new: str) -> None:
    """Print two results against each other."""
    from tfl.bench.scenario_tables import comparison_table

    _print(comparison_table(comparison, old=old, new=new))
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
