"""Cells over scenarios and sweeps: planned, run in fresh processes in rounds that are mixed, and put together."""

from __future__ import annotations

import datetime
import itertools
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.held_out import HeldOut
from tfl.bench.records import Failure
from tfl.bench.scenario_records import (
    Accuracy,
    ArtifactFacts,
    CellResult,
    NoiseFloor,
    RoundResult,
    ScenarioResult,
    Suite,
)
from tfl.bench.scenarios import SCENARIOS, Setting
from tfl.bench.scenarios._base import PERCENTS
from tfl.bench.statistics import Series, compare, noise_floor, percentile
from tfl.bench.suite_time import Left, Pace, announcement, cell_seconds
from tfl.bundle.records import split_sized_name
from tfl.core.child import call_in_child
from tfl.core.environment import read_environment
from tfl.core.errors import ConfigError, DataError, IntegrityError, JobError, TflError, UserError, closest
from tfl.core.files import sha256_text
from tfl.core.progress import Progress
from tfl.targets import Kernels

#: What a sweep may name of a setting; `size`, of the input, is a matter of the artefacts instead.
KNOBS = ("batch", "threads", "lanes")
_SIZES = (8, 4096)
_AGAIN = " (again)"


@dataclass(frozen=True)
class PlannedCell:
    """One artefact under one scenario and setting."""

    name: str
    folder: Path
    scenario: str
    setting: Setting


def plan_suite(suite: Suite, artifacts: Sequence[Path]) -> list[PlannedCell]:
    """List the cells: every artefact under every scenario at every point of the sweep that means something to it.

    Args:
        suite: What is asked for.
        artifacts: Folders; only those whose names the suite has, if it has any.

    Raises:
        NotFoundError: A scenario that is not there.
        ConfigError: A knob that is not there, that no scenario of the suite has, or an artefact that is not there.
    """
    scenarios = {name: SCENARIOS.get(name) for name in suite.scenarios}
    _check_sweep(suite)
    # One of another size goes by the name of what it was made after, too.
    known = {folder: {folder.name, split_sized_name(folder.name)[0]} for folder in artifacts}
    for name in suite.artifacts:
        if not any(name in names for names in known.values()):
            there = [folder.name for folder in artifacts]
            raise ConfigError(
                f"There is no artefact '{name}'.{closest(name, there)}", hint=f"There is: {', '.join(there)}."
            )
    asked = [folder for name in suite.artifacts for folder, names in known.items() if name in names]
    chosen = list(dict.fromkeys(asked)) or list(artifacts)
    cells = []
    for name, scenario in scenarios.items():
        values = []
        for knob in KNOBS:
            if knob == "threads" or knob in scenario.knobs:
                values.append(suite.sweep.get(knob) or scenario.defaults.get(knob) or (0,))
            else:
                values.append((0,))
        for folder, point in itertools.product(chosen, itertools.product(*values)):
            setting = Setting(**dict(zip(KNOBS, point, strict=True)))
            title = " ".join(filter(None, (folder.name, name, setting.text)))
            cells.append(PlannedCell(title, folder, name, setting))
    return cells


def _check_sweep(suite: Suite) -> None:
    problems = []
    for knob, values in suite.sweep.items():
        if knob == "size":
            if not all(_SIZES[0] <= value <= _SIZES[1] for value in values):
                problems.append(f"sweep.size: must be pixels in {list(_SIZES)}. Received: {list(values)}.")
        elif knob not in KNOBS:
            problems.append(f"sweep.{knob}: unknown.{closest(knob, KNOBS)} Allowed: {', '.join((*KNOBS, 'size'))}.")
        elif knob != "threads" and not any(knob in SCENARIOS.get(name).knobs for name in suite.scenarios):
            having = [name for name in SCENARIOS.names() if knob in SCENARIOS.get(name).knobs]
            problems.append(
                f"sweep.{knob}: means nothing to {', '.join(suite.scenarios)}. It does to {', '.join(having)}."
            )
        if any(not 0 <= value <= 4096 for value in values) or not values:
            problems.append(f"sweep.{knob}: must be whole numbers in [0, 4096]. Received: {list(values)}.")
    limits = {"rounds": suite.rounds >= 1, "seconds": suite.seconds > 0, "least_queries": suite.least_queries >= 1}
    problems += [
        f"{name}: must be above 0. Received: {getattr(suite, name)}." for name, fine in limits.items() if not fine
    ]
    if suite.latency_bound_ms is not None and not suite.latency_bound_ms > 0:
        problems.append(f"latency_bound_ms: must be above 0. Received: {suite.latency_bound_ms}.")
    if not suite.scenarios:
        problems.append("scenarios: must not be empty.")
    if problems:
        raise ConfigError("\n".join(problems))


@dataclass(frozen=True)
class _Job:
    """What every child gets.

    Attributes:
        base: What the folders in the result are relative to.
        held_out: The samples' file.
        root: Of the pictures.
        scratch: For the children's files.
    """

    suite: Suite
    base: Path
    held_out: Path
    root: Path
    scratch: Path
    logs_dir: Path | None

    def arguments(self, folder: Path) -> dict[str, Any]:
        return {"artifact_dir": str(folder), "held_out": str(self.held_out), "root": str(self.root)}

    @property
    def told(self) -> Path:
        """Where a child says what it is at."""
        return self.scratch / "told.txt"

    def log(self, name: str) -> Path | None:
        return self.logs_dir / f"{name}.log" if self.logs_dir else None


def run_suite(
    suite: Suite,
    artifacts: Sequence[Path],
    *,
    held_out: HeldOut,
    base: Path,
    logs_dir: Path | None,
    progress: Progress,
) -> tuple[ScenarioResult, dict[str, Series]]:
    """Measure a suite.

    One cell of the plan is in it twice: an A/A run, whose difference is the noise floor of all comparisons.

    Args:
        suite: What is asked for.
        artifacts: Folders to choose from.
        held_out: Real pictures with their classes; the accuracy is theirs.
        base: What the folders in the result are relative to.
        logs_dir: Receives a log per cell.
        progress: Told what happens.

    Returns:
        The record, and every timing by `<cell>/<round>/<series>`.

    Raises:
        ConfigError: The suite can't be planned.
        DataError: The pictures are all the same, or one can't be decoded.
        JobError: Not one cell could be measured.
    """
    cells = plan_suite(suite, artifacts)
    # The same cell twice tells what no difference looks like; the last shall not be the slowest scenario.
    double = next((cell for cell in cells if SCENARIOS.get(cell.scenario).times_stages), cells[0])
    again = PlannedCell(double.name + _AGAIN, double.folder, double.scenario, double.setting)
    failures: dict[str, Failure] = {}
    series: dict[str, Series] = {}
    with tempfile.TemporaryDirectory(prefix="tfl-bench-") as folder:
        job = _Job(suite, base, Path(folder) / "held_out.npz", held_out.root, Path(folder), logs_dir)
        limited = held_out.limited()
        limited.save(job.held_out)
        facts, paces = _facts(sorted({cell.folder for cell in cells}), job, failures, progress)
        planned = [cell for cell in (*cells, again) if cell.folder.name in facts]
        rounds = _rounds(planned, job, paces, failures, series, progress)
    noise = _noise_floor(double.name, rounds, series)
    results = tuple(_cell_result(cell, rounds[cell.name], series) for cell in cells if rounds.get(cell.name))
    if not results:
        first = next(iter(failures.values()))
        raise JobError(f"Nothing could be measured. The first reason: {first.message}")
    _require_one_artifact(results, facts)
    return (
        ScenarioResult(
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            suite=suite,
            environment=read_environment(),
            artifacts=facts,
            cells=results,
            failures=failures,
            noise=noise,
            samples_file="",
            pictures=sha256_text(*limited.paths, *map(str, limited.truth)),
        ),
        series,
    )


def _facts(
    folders: Sequence[Path], job: _Job, failures: dict[str, Failure], progress: Progress
) -> tuple[dict[str, ArtifactFacts], dict[str, Pace]]:
    """Score every artefact, see what its engine runs, and how fast it is about."""
    facts, paces = {}, {}
    for count, folder in enumerate(folders):
        progress.update(f"scoring {folder.name}", done=count, total=len(folders))
        arguments = job.arguments(folder)
        begin_s = time.monotonic()
        try:
            told = call_in_child(
                "tfl.bench.scenario_child:score_here", arguments, log_path=job.log(f"score-{folder.name}")
            )
        except UserError:
            # The caller's mistake, such as an altered file, holds for the whole run.
            raise
        except TflError as error:
            failures[folder.name] = Failure.of(error, "score")
            continue
        accuracy = Accuracy.from_dict(told["accuracy"])
        facts[folder.name] = ArtifactFacts(
            folder=Path(os.path.relpath(folder, job.base)).as_posix(),
            digest=accuracy.artifact_digest,
            size_bytes=told["size_bytes"],
            accuracy=accuracy,
            kernels=Kernels.from_dict(told["kernels"]),
        )
        paces[folder.name] = Pace(process_s=time.monotonic() - begin_s, sample_s=told["sample_s"])
    return facts, paces


def _rounds(
    cells: Sequence[PlannedCell],
    job: _Job,
    paces: Mapping[str, Pace],
    failures: dict[str, Failure],
    series: dict[str, Series],
    progress: Progress,
) -> dict[str, list[RoundResult]]:
    """Run every cell once per round, each round in an order of its own, so that a drift meets all alike."""
    found: dict[str, list[RoundResult]] = {cell.name: [] for cell in cells}
    if not cells:
        return found
    seconds = {
        cell.name: cell_seconds(job.suite, cell.scenario, cell.setting, pace=paces[cell.folder.name]) for cell in cells
    }
    progress.result(announcement(list(seconds.values()), rounds=job.suite.rounds))
    left = Left({name: most_s for name, (_, most_s) in seconds.items()}, rounds=job.suite.rounds)
    total, done = len(cells) * job.suite.rounds, 0
    for number in range(job.suite.rounds):
        order = list(cells)
        random.Random(f"{job.suite.seed}-{number}").shuffle(order)  # noqa: S311 - an order, not a secret
        for cell in order:
            watch = _Watch(f"round {number + 1}: {cell.name}", (done, total), left, job.told, progress)
            done += 1
            if cell.name not in failures:
                try:
                    result, arrays = run_cell(cell, number, job, watch=watch)
                except (DataError, IntegrityError):
                    # The pictures are wrong for every cell, and a file altered now was not when it was scored.
                    raise
                except TflError as error:
                    failures[cell.name] = Failure.of(error, "benchmark")
                else:
                    found[cell.name].append(result)
                    series |= {f"{cell.name}/{number}/{name}": values for name, values in arrays.items()}
            left.done(cell.name)
    progress.update("measuring", done=total, total=total)
    return found


class _Watch:
    """Tells the progress what a cell's process is at."""

    def __init__(self, title: str, counted: tuple[int, int], left: Left, told: Path, progress: Progress) -> None:
        self._title, self._counted, self._left, self._told, self._progress = title, counted, left, told, progress
        self._text = ""
        told.unlink(missing_ok=True)
        self._tell()

    def __call__(self) -> None:
        text = self._told.read_text(encoding="utf-8") if self._told.exists() else ""
        # What says nothing new would fill a log.
        if text != self._text:
            self._text = text
            self._tell()

    def _tell(self) -> None:
        done, total = self._counted
        text = ", ".join(filter(None, (self._title, self._text, self._left.text)))
        self._progress.update(text, done=done, total=total)


def run_cell(
    cell: PlannedCell, number: int, job: _Job, *, watch: Callable[[], None] | None = None
) -> tuple[RoundResult, Mapping[str, Series]]:
    """Measure one cell in a fresh process; `watch` is called meanwhile, and finds in `job.told` what it is at.

    Raises:
        ChildError: The engine crashed.
        UnsupportedError: The target can't be opened as the setting asks.
    """
    samples = job.scratch / "samples.npz"
    arguments = job.arguments(cell.folder) | {
        "scenario": cell.scenario,
        "setting": cell.setting.to_dict(),
        "round": number,
        "seconds": job.suite.seconds,
        "least_queries": job.suite.least_queries,
        "latency_bound_ms": job.suite.latency_bound_ms,
        "seed": job.suite.seed + number,
        "samples": str(samples),
        "told": str(job.told),
    }
    told = call_in_child(
        "tfl.bench.scenario_child:run_here",
        arguments,
        log_path=job.log(f"benchmark-{cell.folder.name}"),
        watch=watch,
    )
    with np.load(samples, allow_pickle=False) as arrays:
        timings = {name: np.asarray(arrays[name], dtype=np.float64) for name in arrays.files}
    return RoundResult.from_dict(told), timings


def compared(name: str, series: Mapping[str, Series]) -> list[Series]:
    """Return what a cell is compared by, one series per round."""
    prefix, suffix = f"{name}/", "/compared_ms"
    return [values for key, values in series.items() if key.startswith(prefix) and key.endswith(suffix)]


def _noise_floor(name: str, rounds: Mapping[str, list[RoundResult]], series: Mapping[str, Series]) -> NoiseFloor | None:
    if not rounds.get(name) or not rounds.get(name + _AGAIN):
        return None
    once, again = compared(name, series), compared(name + _AGAIN, series)
    return NoiseFloor(cell=name, floor=noise_floor(once, again), ratio=compare(once, again).value)


def _cell_result(cell: PlannedCell, rounds: Sequence[RoundResult], series: Mapping[str, Series]) -> CellResult:
    parts = compared(cell.name, series)
    has_latencies = any(item.timings for item in rounds[0].figures.percentiles)
    if rounds[0].figures.curve:
        # Rounds may keep the bound at different rates, so their latencies do not belong together.
        pooled = rounds[statistics.median_low(range(len(rounds)))].figures.percentiles
    else:
        pooled = tuple(percentile(np.concatenate(parts) if has_latencies else [], percent) for percent in PERCENTS)
    return CellResult(
        name=cell.name,
        artifact=cell.folder.name,
        scenario=cell.scenario,
        batch=cell.setting.batch,
        threads=cell.setting.threads,
        lanes=cell.setting.lanes,
        percentiles=pooled,
        rate_per_s=statistics.median(item.figures.rate_per_s for item in rounds),
        compared_ms=statistics.median(float(np.median(values)) for values in parts),
        rounds=tuple(rounds),
    )


def _require_one_artifact(results: Sequence[CellResult], facts: Mapping[str, ArtifactFacts]) -> None:
    """Refuse a table whose accuracies and times are of different files."""
    for cell in results:
        if {item.artifact_digest for item in cell.rounds} != {facts[cell.artifact].digest}:
            raise JobError(
                f"{cell.artifact} was changed meanwhile: its accuracy and its times are of different files.",
                hint="Measure again, and let nothing export meanwhile.",
            )
