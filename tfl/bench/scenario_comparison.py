"""Two results against each other: a baseline and now, or a result and its repetition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tfl.bench.scenario_records import ScenarioResult
from tfl.bench.scenario_runner import compared
from tfl.bench.statistics import Ratio, Series, compare
from tfl.core.environment import Environment, environment_differences
from tfl.core.errors import UserError
from tfl.core.records import Record
from tfl.core.tables import html_lines

#: The same files on the same pictures score the same, up to the rounding of a sum.
_SAME_METRIC = 1e-9
#: Another training of the same recipe may lose so much of its metric and is no regression.
METRIC_DROP = 0.01


@dataclass(frozen=True, kw_only=True)
class CellComparison(Record):
    """One cell then and now.

    Attributes:
        old_ms: What it was compared by; see `CellResult.compared_ms`.
        new_ms: The same now.
        ratio: Of the times, new over old, with the verdict.
        same_artifact: Whether the files are the same.
        metric_change: New metric minus old on the same pictures, or None where these differ.
    """

    name: str
    old_ms: float
    new_ms: float
    ratio: Ratio
    same_artifact: bool
    metric_change: float | None

    @property
    def is_worse(self) -> bool:
        """Slower beyond the noise, or less accurate by more than `METRIC_DROP`."""
        return self.ratio.verdict == "slower" or (self.metric_change or 0.0) < -METRIC_DROP

    @property
    def is_reproduced(self) -> bool:
        """Neither faster nor slower beyond the noise, from the same files, with the same metric."""
        same = self.metric_change is not None and abs(self.metric_change) <= _SAME_METRIC
        return self.ratio.verdict == "no difference" and self.same_artifact and same


@dataclass(frozen=True, kw_only=True)
class ResultComparison(Record):
    """All cells then and now.

    Attributes:
        cells: Those of both.
        missing: Cells of the old result that the new one lacks.
        noise_floor: The larger of the two A/A runs.
        differences: What differs between the environments.
    """

    cells: tuple[CellComparison, ...]
    missing: tuple[str, ...]
    noise_floor: float
    differences: tuple[str, ...]

    @property
    def is_regression(self) -> bool:
        """Whether any cell is worse or gone."""
        return bool(self.missing) or any(cell.is_worse for cell in self.cells)

    @property
    def is_reproduced(self) -> bool:
        """Whether every cell came out the same."""
        return not self.missing and all(cell.is_reproduced for cell in self.cells)

    def _repr_html_(self) -> str:
        from tfl.bench.scenario_tables import comparison_table

        lines = [*(f"{name} is missing." for name in self.missing), *(f"Differs: {line}" for line in self.differences)]
        return comparison_table(self, old="then", new="now").html() + html_lines(lines)


def require_same_machine(old: Environment, new: Environment) -> None:
    """Refuse to compare times of different processors.

    Raises:
        UserError: They are.
    """
    if old.cpu != new.cpu or old.cpu_count != new.cpu_count:
        raise UserError(
            f"The results are of different machines: {old.cpu} with {old.cpu_count} "
            f"processors, and {new.cpu} with {new.cpu_count}. Their times do not compare.",
            hint="Pin a baseline on this machine: tfl benchmark RUN --baseline FILE --pin",
        )


def compare_results(
    old: ScenarioResult, old_series: Mapping[str, Series], new: ScenarioResult, new_series: Mapping[str, Series]
) -> ResultComparison:
    """Compare cell by cell.

    Differences count from the larger noise floor of the two on, and from what the scenario's own search leaves open.

    Raises:
        UserError: They are of different processors, or have no cell in common.
    """
    require_same_machine(old.environment, new.environment)
    floor = max(result.noise.floor if result.noise else 0.0 for result in (old, new))
    cells = []
    for before in old.cells:
        after = new.cell(before.name)
        if after is None:
            continue
        facts, facts_now = old.artifacts[before.artifact], new.artifacts[after.artifact]
        resolution = max(item.figures.resolution for item in (*before.rounds, *after.rounds))
        ratio = compare(
            compared(before.name, old_series), compared(after.name, new_series), noise_floor=max(floor, resolution)
        )
        change = facts_now.accuracy.metric - facts.accuracy.metric
        cells.append(
            CellComparison(
                name=before.name,
                old_ms=before.compared_ms,
                new_ms=after.compared_ms,
                ratio=ratio,
                same_artifact=facts.digest == facts_now.digest,
                metric_change=change if old.pictures == new.pictures else None,
            )
        )
    if not cells:
        raise UserError(
            "The results have no cell in common.",
            hint=f"One has: {', '.join(cell.name for cell in old.cells)}; the other: "
            f"{', '.join(cell.name for cell in new.cells)}.",
        )
    return ResultComparison(
        cells=tuple(cells),
        missing=tuple(cell.name for cell in old.cells if new.cell(cell.name) is None),
        noise_floor=floor,
        differences=environment_differences(old.environment, new.environment),
    )
