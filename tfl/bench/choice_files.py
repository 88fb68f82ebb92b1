"""A choice among artefacts, from what lies in a run or a result."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from tfl.bench.cells import ExportSummary
from tfl.bench.choice import Bounds, Choice, Option, choose, options_of_scenarios, options_of_table
from tfl.bench.records import Benchmark
from tfl.bench.scenario_files import RESULT_FILE, load_result, newest_result
from tfl.core.errors import UserError
from tfl.core.run_folder import RunFolder


def choice_of_run(run: RunFolder, bounds: Bounds) -> Choice:
    """Choose by the newest result with single-stream cells in the run's `benchmarks`, else by its plain table.

    What failed its verification is no option, even where it was measured.

    Raises:
        UserError: Nothing was measured, or nothing that was verified.
    """
    newest, failed = newest_result(run.benchmarks_dir), ExportSummary.of_run(run).failed_names
    found = choice_of_result(newest, bounds, failed=failed) if newest else None
    if found is not None:
        return found
    if not run.benchmark_file.is_file():
        raise UserError(
            f"Nothing was measured of {run.path}.", hint=f"Measure: tfl benchmark {run.path} --scenario single-stream"
        )
    table = Benchmark.load(run.benchmark_file)
    metric_name = table.measurements[0].metric_name if table.measurements else "accuracy"
    options, left_out = _sound(options_of_table(table, bounds.percent), failed)
    return choose(options, bounds, source=str(run.benchmark_file), metric_name=metric_name, left_out=left_out)


def choice_of_result(path: Path, bounds: Bounds, *, failed: Collection[str] = ()) -> Choice | None:
    """Choose by a result, or return None where it has no latency of single pictures.

    Args:
        path: The record or its folder.
        bounds: What must be kept.
        failed: Names of artefacts that are no options.

    Raises:
        IntegrityError: The record or its timings are missing or damaged.
    """
    result, _ = load_result(path)
    options, left_out = options_of_scenarios(result, bounds.percent)
    if not options and not left_out:
        return None
    options, not_sound = _sound(options, failed)
    left_out |= not_sound
    metric_name = next(iter(result.artifacts.values())).accuracy.metric_name
    source = path / RESULT_FILE if path.is_dir() else path
    return choose(options, bounds, source=str(source), metric_name=metric_name, left_out=left_out)


def _sound(options: Sequence[Option], failed: Collection[str]) -> tuple[list[Option], dict[str, str]]:
    """Return the options that may be chosen, and why others may not."""
    left_out = {option.name: "it failed its verification" for option in options if option.artifact in failed}
    return [option for option in options if option.name not in left_out], left_out
