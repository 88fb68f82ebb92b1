"""A choice among artefacts, from what lies in a run or a result."""

from __future__ import annotations

from pathlib import Path

from tfl.bench.choice import Bounds, Choice, choose, options_of_scenarios, options_of_table
from tfl.bench.records import Benchmark
from tfl.bench.scenario_files import RESULT_FILE, load_result, newest_result
from tfl.core.errors import UserError
from tfl.core.run_folder import RunFolder


def choice_of_run(run: RunFolder, bounds: Bounds) -> Choice:
    """Choose by the newest result with single-stream cells in the run's `benchmarks`, else by its plain table.

    Raises:
        UserError: Nothing was measured.
    """
    newest = newest_result(run.benchmarks_dir)
    found = choice_of_result(newest, bounds) if newest else None
    if found is not None:
        return found
    if not run.benchmark_file.is_file():
        raise UserError(
            f"Nothing was measured of {run.path}.", hint=f"Measure: tfl benchmark {run.path} --scenario single-stream"
        )
    table = Benchmark.load(run.benchmark_file)
    metric_name = table.measurements[0].metric_name if table.measurements else "accuracy"
    options = options_of_table(table, bounds.percent)
    return choose(options, bounds, source=str(run.benchmark_file), metric_name=metric_name)


def choice_of_result(path: Path, bounds: Bounds) -> Choice | None:
    """Choose by a result, or return None where it has no latency of single pictures.

    Args:
        path: The record or its folder.
        bounds: What must be kept.

    Raises:
        IntegrityError: The record or its timings are missing or damaged.
    """
    result, _ = load_result(path)
    options, left_out = options_of_scenarios(result, bounds.percent)
    if not options and not left_out:
        return None
    metric_name = next(iter(result.artifacts.values())).accuracy.metric_name
    source = path / RESULT_FILE if path.is_dir() else path
    return choose(options, bounds, source=str(source), metric_name=metric_name, left_out=left_out)
