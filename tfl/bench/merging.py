"""Results of several machines in one table: the same artefact under the same scenario, machine by machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tfl.bench.scenario_records import CellResult, ScenarioResult
from tfl.core.environment import Environment
from tfl.core.errors import UserError
from tfl.core.records import Record


@dataclass(frozen=True, kw_only=True)
class MergedRow(Record):
    """One cell of one artefact on all machines.

    Attributes:
        cell: Its name.
        digest: Of the artefact's files; the same name with other files makes a row of its own.
        metric_name: The task's metric.
        metrics: By machine; they can differ where engines choose other kernels.
        compared_ms: Median latency, or milliseconds per sample, by machine; a machine without the cell is left out.
        rate_per_s: By machine.
        p99_ms: By machine, where it was not withheld.
    """

    cell: str
    digest: str
    metric_name: str
    metrics: dict[str, float]
    compared_ms: dict[str, float]
    rate_per_s: dict[str, float]
    p99_ms: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class MergedResult(Record):
    """All rows.

    Attributes:
        machines: Environment by name: the processor, with a number where several results share one.
        noise_floors: Of the A/A runs, by machine.
        rows: In the order of the first result that has them.
        notes: What keeps rows from being compared.
    """

    machines: dict[str, Environment]
    noise_floors: dict[str, float]
    rows: tuple[MergedRow, ...]
    notes: tuple[str, ...]


def merge_results(results: Sequence[ScenarioResult]) -> MergedResult:
    """Put results side by side.

    Raises:
        UserError: There are fewer than two, or one is there twice.
    """
    if len(results) < 2:
        raise UserError(f"Merging takes two results at least. Received: {len(results)}.", hint="Name more results.")
    for index, result in enumerate(results):
        if result in results[:index]:
            raise UserError(f"The result of {result.created} was given more than once.", hint="Name each result once.")
    names = _machine_names(results)
    rows: dict[tuple[str, str], dict[str, tuple[ScenarioResult, CellResult]]] = {}
    for name, result in zip(names, results, strict=True):
        for cell in result.cells:
            key = (cell.name, result.artifacts[cell.artifact].digest)
            rows.setdefault(key, {})[name] = (result, cell)
    return MergedResult(
        machines={name: result.environment for name, result in zip(names, results, strict=True)},
        noise_floors={name: item.noise.floor for name, item in zip(names, results, strict=True) if item.noise},
        rows=tuple(_row(cell, digest, found) for (cell, digest), found in rows.items()),
        notes=tuple(_notes(rows.keys(), results)),
    )


def _row(cell: str, digest: str, found: dict[str, tuple[ScenarioResult, CellResult]]) -> MergedRow:
    accuracies = {name: result.artifacts[item.artifact].accuracy for name, (result, item) in found.items()}
    p99 = {name: item.percentile(99.0) for name, (_, item) in found.items()}
    return MergedRow(
        cell=cell,
        digest=digest,
        metric_name=next(iter(accuracies.values())).metric_name,
        metrics={name: accuracy.metric for name, accuracy in accuracies.items()},
        compared_ms={name: item.compared_ms for name, (_, item) in found.items()},
        rate_per_s={name: item.rate_per_s for name, (_, item) in found.items()},
        p99_ms={name: item.value_ms for name, item in p99.items() if item and item.value_ms is not None},
    )


def _machine_names(results: Sequence[ScenarioResult]) -> list[str]:
    names: list[str] = []
    for result in results:
        environment = result.environment
        name = f"{environment.cpu} x {environment.cpu_count}"
        again = sum(item == name or item.startswith(f"{name} #") for item in names)
        names.append(f"{name} #{again + 1}" if again else name)
    return names


def _notes(keys: Iterable[tuple[str, str]], results: Sequence[ScenarioResult]) -> list[str]:
    notes = []
    cells = [cell for cell, _ in keys]
    for cell in dict.fromkeys(cells):
        if cells.count(cell) > 1:
            notes.append(f"{cell}: the artefacts have the same name and other files; each has a row.")
    if len({result.pictures for result in results}) > 1:
        notes.append("The accuracies are on different samples and do not compare.")
    if len({(result.suite.seconds, result.suite.rounds) for result in results}) > 1:
        notes.append("The results were measured for different times or rounds; short ones are less sure.")
    return notes
