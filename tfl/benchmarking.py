"""Benchmarks of a model under scenarios: measured, kept, held against a baseline, and done again."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tfl.bench.cells import ExportSummary
from tfl.bench.choice import Bounds, Choice
from tfl.bench.choice_files import choice_of_result, choice_of_run
from tfl.bench.measured_here import remember_scenarios
from tfl.bench.records import Failure
from tfl.bench.scenario_comparison import ResultComparison, compare_results, require_same_machine
from tfl.bench.scenario_files import (
    AGAIN,
    BASELINE,
    RESULT_FILE,
    comparison_file,
    load_result,
    next_folder,
    save_result,
)
from tfl.bench.scenario_records import ScenarioResult, Suite
from tfl.bench.scenario_runner import plan_suite, run_suite
from tfl.bench.scenario_tables import standings_table
from tfl.bench.standings import Standing, standings
from tfl.bench.statistics import Series
from tfl.core.display import RecordTuple
from tfl.core.environment import read_environment
from tfl.core.errors import JobError, NotFoundError, OutputExistsError, UserError
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.model import Model
from tfl.report.picture import Picture
from tfl.resizing import resized_artifacts


@dataclass(frozen=True)
class Measured:
    """A result and where it lies.

    Attributes:
        result: The record.
        series: Every timing.
        path: The record's file.
    """

    result: ScenarioResult
    series: Mapping[str, Series]
    path: Path

    def __repr__(self) -> str:
        return f"Measured({len(self.result.cells)} cells, {str(self.path)!r})"

    def _repr_html_(self) -> str:
        against = standings_table(self.standings()).html()
        return self.result._repr_html_() + against

    def standings(self) -> RecordTuple[Standing]:
        """Hold every artefact against the fastest of its scenario, with the verdict that the noise allows."""
        return RecordTuple(standings(self.result, self.series))

    def show_latencies(self) -> Picture:
        """Draw the percentiles of every closed-loop cell with their intervals.

        Raises:
            UserError: No cell has a percentile that is not withheld.
        """
        from tfl.report.load_chart import draw_latencies, latency_cells

        if not latency_cells(self.result):
            raise UserError(
                f"{self.path} has no latency to draw.", hint="Measure single-stream with enough queries: 368 for a p99."
            )
        draw_latencies(self.result, path := self.path.parent / f"{self.path.stem}-latencies.png")
        return Picture(path)

    def show_servers(self) -> Picture:
        """Draw latency against the rate of arrivals, with the bound.

        Raises:
            UserError: The server scenario was not measured.
        """
        from tfl.report.load_chart import draw_servers, server_cells

        if not server_cells(self.result):
            raise UserError(f"{self.path} has no server scenario.", hint="Measure with the scenario server.")
        draw_servers(self.result, path := self.path.parent / f"{self.path.stem}-servers.png")
        return Picture(path)


def benchmark_scenarios(
    model: Model,
    suite: Suite,
    *,
    data: str | Path | None = None,
    split: str | None = None,
    out: Path | None = None,
) -> Measured:
    """Measure a model's artefacts under the scenarios of a suite and keep record and timings.

    Args:
        model: A run, a bundle or an artefact.
        suite: What is measured and how.
        data: Real pictures with classes; by default the run's held-out ones.
        split: A split of them.
        out: The record; by default `benchmarks/<n>/result.json` in the run, or beside an artefact that lies in none.

    Raises:
        OutputExistsError: `out` is there already.
        ConfigError: The suite can't be planned.
        JobError: Nothing could be measured.
    """
    if out is not None and out.exists():
        raise OutputExistsError(f"{out} exists already.", hint="Choose another --out.")
    samples = model.held_out(data, split=split)[0]
    base = _base(model)
    artifacts, failures = _artifacts(model, suite)
    result, series = run_suite(
        suite,
        artifacts,
        held_out=samples,
        base=base,
        logs_dir=model.run.logs_dir if model.run else None,
        progress=model.progress,
    )
    result = dataclasses.replace(result, failures={**failures, **result.failures})
    path = out or next_folder(RunFolder(base).benchmarks_dir) / RESULT_FILE
    saved = save_result(result, series, path)
    remember_scenarios(saved, base, path)
    return Measured(saved, series, path)


def _artifacts(model: Model, suite: Suite) -> tuple[list[Path], dict[str, Failure]]:
    """Return what is measured, at every size of the sweep, and what of that could not be made."""
    found = _verified(model, suite)
    sizes = suite.sweep.get("size", ())
    if not sizes:
        return found, {}
    # What can't be planned must not cost the exports.
    plan_suite(suite, found)
    if model.kind != "run" or model.run is None:
        raise UserError(
            f"A sweep over sizes makes artefacts from a run's training samples, and {model.path} is none.",
            hint="Name the run: tfl benchmark RUN --sweep size=160,224",
        )
    chosen = [folder for folder in found if not suite.artifacts or folder.name in suite.artifacts]
    made, failures = resized_artifacts(model.run, chosen, sizes, progress=model.progress)
    if not made:
        raise JobError(f"Nothing could be made. The first reason: {next(iter(failures.values())).message}")
    return made, failures


def _verified(model: Model, suite: Suite) -> list[Path]:
    """Return the artefacts but those that failed their verification; who names one gets it.

    Raises:
        UserError: None is left.
    """
    found = model.artifacts()
    if model.kind == "artifact" or model.run is None:
        return found
    failed = ExportSummary.of_run(model.run).failed_names
    left_out = [folder.name for folder in found if folder.name in failed and folder.name not in suite.artifacts]
    if left_out:
        model.progress.result(f"left out, since they failed their verification: {', '.join(left_out)}")
    kept = [folder for folder in found if folder.name not in left_out]
    if not kept:
        raise UserError(f"{model.path} has no verified artefact.", hint=f"Make some: tfl export {model.path}")
    return kept


def _base(model: Model) -> Path:
    """Return the run, or the folder that a bundle's or an artefact's results are put beside."""
    return model.run.path if model.run is not None else model.path.resolve().parent


def read_measured(path: Path) -> Measured:
    """Read a result from its record or the folder of that."""
    result, series = load_result(path)
    return Measured(result, series, path / RESULT_FILE if path.is_dir() else path)


def pin_baseline(measured: Measured, baseline: Path) -> None:
    """Copy a result with its timings to where later ones are held against it; an older baseline is replaced."""
    save_result(measured.result, measured.series, baseline)


def read_baseline(baseline: Path) -> Measured:
    """Read a pinned result, before anything is measured for it.

    Raises:
        NotFoundError: There is no baseline.
        IntegrityError: It or its timings are damaged.
        UserError: It is of another machine.
    """
    if not baseline.is_file():
        raise NotFoundError(f"There is no baseline {baseline}.", hint="Make it of this result: add --pin")
    old = read_measured(baseline)
    require_same_machine(old.result.environment, read_environment())
    return old


def compare_with_baseline(measured: Measured, old: Measured) -> ResultComparison:
    """Hold a result against a pinned one, and keep the comparison beside the result.

    Args:
        measured: The new result.
        old: From `read_baseline`.

    Raises:
        UserError: It is of another machine, or of other cells.
    """
    comparison = compare_results(old.result, old.series, measured.result, measured.series)
    comparison.save(comparison_file(measured.path, BASELINE))
    return comparison


def verify_result(
    path: Path, *, model: Path | None = None, data: str | Path | None = None, progress: Progress | None = None
) -> tuple[Measured, ResultComparison]:
    """Measure again what a result says, with its own suite, and compare.

    The new result is kept beside the old one, as `<name>-again.json`, and the comparison with it.

    Args:
        path: The record or its folder.
        model: The run, bundle or artefact; by default the run that the record lies in.
        data: As in `benchmark_scenarios`.
        progress: Told what happens.

    Raises:
        UserError: The record lies in no run and no model is named.
    """
    old = read_measured(path)
    place = model or _model_of(old.path)
    opened = Model(place, progress=progress)
    again = old.path.with_name(f"{old.path.stem}-again.json")
    for file in (again, again.with_suffix(".npz")):
        file.unlink(missing_ok=True)
    new = benchmark_scenarios(opened, old.result.suite, data=data, out=again)
    comparison = compare_results(old.result, old.series, new.result, new.series)
    comparison.save(comparison_file(old.path, AGAIN))
    return new, comparison


def _model_of(path: Path) -> Path:
    run = RunFolder.around(path)
    if run is None:
        raise UserError(f"{path} lies in no run, so what it measured is not known.", hint="Name it with --model MODEL.")
    return run.path


def recommend_artifact(path: Path, bounds: Bounds, *, chart: Path | None = None) -> Choice:
    """Recommend one of a run's artefacts by what was measured of them.

    The newest result with single-stream cells in the run's `benchmarks` counts, else the run's plain table. A run
    that can be written to keeps the choice as `recommendation.json`, for its report.

    Args:
        path: A run, or a result of a benchmark.
        bounds: What must be kept.
        chart: Draw the options into this PNG.

    Raises:
        UserError: Nothing was measured, or `chart` is a folder.
        JobError: A file can't be written.
    """
    if chart is not None and chart.is_dir():
        raise UserError(f"{chart} is a folder, and the picture is a file.", hint=f"Such as {chart / 'choice.png'}")
    choice = choice_of_result(path, bounds) if path.is_file() or (path / RESULT_FILE).is_file() else None
    if choice is None:
        run = RunFolder.find(path)
        choice = choice_of_run(run, bounds)
        # An archive that can't be written to can still be asked.
        if os.access(run.path, os.W_OK):
            choice.save(run.recommendation_file)
    if chart is not None:
        from tfl.report.choice_chart import draw_choice

        draw_choice(choice, chart)
    return choice
