"""How the artefacts of one result stand to each other, with the verdicts that the noise allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tfl.bench.scenario_records import CellResult, ScenarioResult
from tfl.bench.scenario_runner import compared
from tfl.bench.statistics import Ratio, Series, compare
from tfl.core.records import Record


@dataclass(frozen=True, kw_only=True)
class Standing(Record):
    """One artefact at its best setting against the fastest under the same scenario.

    Attributes:
        cell: Name of the cell.
        against: Name of the fastest cell.
        settings: How many settings it is the best of; the best of many is lucky.
        ratio: Of the times, this one's over the fastest's.
    """

    scenario: str
    cell: str
    artifact: str
    against: str
    settings: int
    ratio: Ratio


def standings(result: ScenarioResult, series: Mapping[str, Series]) -> tuple[Standing, ...]:
    """Hold every artefact against the fastest one, scenario by scenario, the fastest first.

    A sweep counts with its best cell per artefact. Verdicts respect the result's noise floor and what the scenario's
    search leaves open.

    Args:
        result: With at least two artefacts under a scenario; others have nothing to stand against.
        series: The result's timings.
    """
    floor = result.noise.floor if result.noise else 0.0
    made: list[Standing] = []
    for scenario in dict.fromkeys(cell.scenario for cell in result.cells):
        cells = [cell for cell in result.cells if cell.scenario == scenario]
        best = _best_of_each(cells)
        if len(best) < 2:
            continue
        fastest = best[0]
        for cell in best[1:]:
            resolution = max(item.figures.resolution for item in (*fastest.rounds, *cell.rounds))
            sides = [[values / _size(item) for values in compared(item.name, series)] for item in (fastest, cell)]
            ratio = compare(*sides, noise_floor=max(floor, resolution))
            settings = sum(other.artifact == cell.artifact for other in cells)
            made.append(
                Standing(
                    scenario=scenario,
                    cell=cell.name,
                    artifact=cell.artifact,
                    against=fastest.name,
                    settings=settings,
                    ratio=ratio,
                )
            )
    return tuple(made)


def _best_of_each(cells: Sequence[CellResult]) -> list[CellResult]:
    best: dict[str, CellResult] = {}
    for cell in cells:
        if cell.artifact not in best or _per_sample_ms(cell) < _per_sample_ms(best[cell.artifact]):
            best[cell.artifact] = cell
    return sorted(best.values(), key=_per_sample_ms)


def _size(cell: CellResult) -> int:
    """Return how many samples what is compared stands for: rates are of one already, queries of a sweep differ."""
    return cell.rounds[0].figures.samples_per_query if any(item.timings for item in cell.percentiles) else 1


def _per_sample_ms(cell: CellResult) -> float:
    return cell.compared_ms / _size(cell)
