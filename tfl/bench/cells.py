"""The table of target x precision: each cell is exported, verified and measured alone; one failure stops no other."""

from __future__ import annotations

import dataclasses
import shutil
import statistics
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tfl.bench.held_out import HeldOut
from tfl.bench.measure import measure
from tfl.bench.parity import verify
from tfl.bench.records import Benchmark, Cell, Failure, Measurement
from tfl.bundle import Calibration
from tfl.core.config import BenchmarkConfig
from tfl.core.environment import read_environment
from tfl.core.errors import ChildError, TflError, UnsupportedError, VerificationError, unknown_name
from tfl.core.progress import Progress
from tfl.core.records import Record
from tfl.core.run_folder import RunFolder
from tfl.core.tables import html_table
from tfl.data.contract import Fusion, Rows
from tfl.targets import TARGETS, export_artifacts, stage_saved_model


@dataclass(frozen=True, kw_only=True)
class ExportSummary(Record):
    """All cells of a run."""

    cells: tuple[Cell, ...]

    @classmethod
    def of_run(cls, folder: RunFolder) -> ExportSummary:
        """Read a run's, which has no cells before anything was exported."""
        return cls.load(folder.exports_file) if folder.exports_file.is_file() else cls(cells=())

    def merged(self, newer: Sequence[Cell]) -> ExportSummary:
        """Return the cells with newer ones in the place of those of the same name."""
        names = {cell.name for cell in newer}
        return ExportSummary(cells=(*(cell for cell in self.cells if cell.name not in names), *newer))

    def _repr_html_(self) -> str:
        head = ("artefact", "status", "MB", "metric", "float model", "decisions that differ", "checks", "reason")
        return html_table(
            head, [_shown(cell) for cell in self.cells], caption="Exported, each verified in a fresh process"
        )

    @property
    def failed_names(self) -> tuple[str, ...]:
        """Names of the artefacts that could not be made or failed their verification."""
        return tuple(cell.name for cell in self.cells if cell.status == "failed")

    def to_climb(self) -> list[str]:
        """Name the targets whose calibrated export failed its verification, and that have other quantizations to try.

        `tfl quantize` looks for one that holds.
        """
        return list(
            dict.fromkeys(
                cell.target
                for cell in self.cells
                if cell.failure is not None
                and cell.failure.stage == "verify"
                and cell.precision in TARGETS.get(cell.target).calibrated
                and TARGETS.get(cell.target).rungs
            )
        )


def _shown(cell: Cell) -> tuple[str, ...]:
    proof = cell.verification
    reason = cell.failure.message.splitlines()[0] if cell.failure is not None else cell.reason
    status = {"ok": "verified", "failed": "FAILED", "unsupported": "unsupported"}[cell.status]
    if proof is None:
        return (cell.name, status, "", "", "", "", "", reason)
    held_out, passed = proof.held_out, sum(check.passed for check in proof.checks)
    return (
        cell.name,
        status,
        f"{cell.size_bytes / 1e6:.2f}",
        "" if proof.metric is None else f"{proof.metric:.4f}",
        "" if proof.float_metric is None else f"{proof.float_metric:.4f}",
        "" if held_out is None else f"{held_out.flipped} of {held_out.sample_count}",
        f"{passed} of {len(proof.checks)} hold",
        reason,
    )


@dataclass(frozen=True)
class ExportJob:
    """What every cell needs.

    Attributes:
        bundle_dir: What is exported.
        base_dir: What the cells' paths are relative to.
        artifacts_dir: Receives a folder per cell.
        work_dir: For the shared SavedModel; removed afterwards.
        logs_dir: Receives a log per cell.
        calibration: The samples' record, or None where there are none.
        calibration_rows: `(samples, *row_shape)` of the contract's type, such as `(samples, height, width, 3)` uint8.
        held_out: To verify on, or None.
        simulation_dir: A `Simulation` of the bundle, or None.
        simulated_held_out: `held_out` with the answers of the simulation, or None.
        reason_without: Why there are none.
    """

    bundle_dir: Path
    base_dir: Path
    artifacts_dir: Path
    work_dir: Path
    logs_dir: Path
    calibration: Calibration | None
    calibration_rows: Rows | None
    held_out: HeldOut | None
    reason_without: str = ""
    simulation_dir: Path | None = None
    simulated_held_out: HeldOut | None = None

    def held_out_of(self, cell: Cell) -> HeldOut | None:
        """Return what a cell is verified on, with the answers of the model that it was made of."""
        return self.simulated_held_out if cell.precision in TARGETS.get(cell.target).simulated else self.held_out


def plan_cells(
    targets: Sequence[str], precisions: Sequence[str], *, fused: Fusion = "none", input_dtype: str = ""
) -> list[Cell]:
    """List the cells in order; those that a target can't make are `unsupported` with the target's reason.

    Args:
        targets: Names; empty means all.
        precisions: Names.
        fused: What of the preprocessing to put into every model file.
        input_dtype: Of the model's input; empty where it is not known yet.

    Raises:
        NotFoundError: A target, or a precision that no target knows.
        UnsupportedError: Not one cell can be made.
    """
    chosen = {name: TARGETS.get(name) for name in (targets or TARGETS.names())}
    known = {
        item for name in TARGETS.names() for item in (*TARGETS.get(name).precisions, *TARGETS.get(name).unsupported)
    }
    known |= {item for target in chosen.values() for item in target.precisions}
    for precision in precisions:
        if precision not in known:
            raise unknown_name("precision", precision, known)
    cells = []
    for name, target in chosen.items():
        for precision in precisions:
            reason = target.why_not_fused(fused) or (target.why_not_fed(input_dtype) if input_dtype else "")
            if precision not in target.precisions:
                reason = target.unsupported.get(precision, "the format has no such precision")
            status: Literal["ok", "unsupported"] = "unsupported" if reason else "ok"
            cells.append(Cell(target=name, precision=precision, status=status, reason=reason, fused=fused))
    if all(cell.status == "unsupported" for cell in cells):
        reasons = "; ".join(f"{cell.name}: {cell.reason}" for cell in cells)
        raise UnsupportedError(
            f"Nothing can be exported: {reasons}.", hint="Choose another --target, --precision or --fuse-preprocessing."
        )
    return cells


def export_cells(cells: Sequence[Cell], job: ExportJob, *, workers: int, progress: Progress) -> list[Cell]:
    """Export and verify every cell that is not unsupported, `workers` at a time.

    A cell whose verification fails is `failed` and keeps its artefact and its figures as evidence.
    """
    todo = [cell for cell in cells if cell.status != "unsupported"]
    done: dict[str, Cell] = {cell.name: cell for cell in cells if cell.status == "unsupported"}
    if todo:
        progress.update("staging the float32 SavedModel")
        staged = stage_saved_model(job.bundle_dir, job.work_dir / "staged", log_path=job.logs_dir / "stage.log")
        for cell in _made_cells(todo, job, staged, workers=workers, progress=progress):
            done[cell.name] = cell
            progress.result(describe(cell))
        shutil.rmtree(staged, ignore_errors=True)
    return [done[cell.name] for cell in cells]


def _made_cells(
    todo: Sequence[Cell], job: ExportJob, staged: Path, *, workers: int, progress: Progress
) -> Iterator[Cell]:
    """Export target by target and verify cell by cell, `workers` processes at a time; yield what is finished."""
    groups = [[cell for cell in todo if cell.target == target] for target in {cell.target: None for cell in todo}]
    # The longest work first, so that no worker is left with it at the end.
    groups.sort(key=len, reverse=True)
    with ThreadPoolExecutor(workers) as pool:
        exports = {pool.submit(_export_group, group, job, staged) for group in groups}
        verifications: set[Future[Cell]] = set()
        finished = 0
        try:
            progress.update("exporting and verifying", done=0, total=len(todo))
            while exports or verifications:
                either: set[Future[Any]] = {*exports, *verifications}
                ready, _ = wait(either, return_when=FIRST_COMPLETED)
                for group in exports & ready:
                    verifications |= {pool.submit(verify_cell, cell, job) for cell in group.result()}
                for verification in verifications & ready:
                    finished += 1
                    yield verification.result()
                    progress.update("exporting and verifying", done=finished, total=len(todo))
                exports -= ready
                verifications -= ready
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def describe(cell: Cell) -> str:
    """Say in one line what became of a cell."""
    if cell.status == "unsupported":
        return f"{cell.name}: not supported: {cell.reason}"
    if cell.failure is not None:
        return f"{cell.name}: FAILED in {cell.failure.stage}: {cell.failure.message.splitlines()[0]}"
    line = f"{cell.name}: {cell.size_bytes / 1e6:.2f} MB, verified"
    proof = cell.verification
    if proof is not None and proof.held_out is not None:
        line += f" on {proof.held_out.sample_count} held-out samples: {proof.held_out.flipped} decisions differ"
    return line


def _export_group(cells: Sequence[Cell], job: ExportJob, staged: Path) -> list[Cell]:
    """Export the cells of one target in one process; when it crashes, each in its own, so that one fails alone."""
    log = job.logs_dir / f"export-{cells[0].target if len(cells) > 1 else cells[0].name}.log"
    try:
        return _exported(cells, job, staged, log)
    except ChildError as error:
        if len(cells) == 1:
            return [_failed(cells[0], "export", error, log, job)]
        return [cell for alone in cells for cell in _export_group([alone], job, staged)]
    except TflError as error:
        return [_failed(cell, "export", error, log, job) for cell in cells]


def _exported(cells: Sequence[Cell], job: ExportJob, staged: Path, log: Path) -> list[Cell]:
    out_dirs = {cell.precision: job.artifacts_dir / cell.name for cell in cells}
    made = export_artifacts(
        job.bundle_dir,
        out_dirs,
        target=cells[0].target,
        saved_model_dir=staged,
        calibration=job.calibration,
        calibration_rows=job.calibration_rows,
        simulation_dir=job.simulation_dir,
        fused=cells[0].fused,
        log_path=log,
    )
    results = []
    for cell in cells:
        artifact = made[cell.precision]
        if isinstance(artifact, TflError):
            results.append(_failed(cell, "export", artifact, log, job))
        else:
            place = out_dirs[cell.precision].relative_to(job.base_dir).as_posix()
            results.append(dataclasses.replace(cell, artifact_dir=place, size_bytes=artifact.size_bytes))
    return results


def verify_cell(cell: Cell, job: ExportJob) -> Cell:
    """Verify the artefact of a cell and return the cell with the proof; a cell without an artefact stays as it is."""
    if cell.failure is not None:
        return cell
    log = job.logs_dir / f"verify-{cell.name}.log"
    try:
        proof = verify(
            job.base_dir / cell.artifact_dir,
            held_out=job.held_out_of(cell),
            reason_without=job.reason_without,
            log_path=log,
        )
    except TflError as error:
        return _failed(cell, "verify", error, log, job)
    if proof.passed:
        return dataclasses.replace(cell, verification=proof)
    failed = "; ".join(f"{c.name} is {c.value:.4g}, the limit is {c.limit:.4g}" for c in proof.checks if not c.passed)
    failure = Failure.of(VerificationError(failed), "verify", log=_relative(log, job.base_dir))
    return dataclasses.replace(cell, status="failed", verification=proof, failure=failure)


def _failed(cell: Cell, stage: str, error: TflError, log: Path, job: ExportJob) -> Cell:
    return dataclasses.replace(
        cell, status="failed", failure=Failure.of(error, stage, log=_relative(log, job.base_dir))
    )


def _relative(log: Path, base: Path) -> str:
    return log.relative_to(base).as_posix() if log.is_file() and log.is_relative_to(base) else ""


def benchmark_artifacts(
    artifacts: Sequence[Path],
    *,
    held_out: HeldOut,
    config: BenchmarkConfig,
    logs_dir: Path | None,
    progress: Progress,
) -> Benchmark:
    """Measure artefacts one after the other, each in a fresh process, `config.rounds` times in turn.

    The latencies of a cell are those of its median round, its throughput at each batch size is the median over
    the rounds; the spread of the p50 latency over the rounds, the largest of any cell, is the noise floor.
    """
    rounds: dict[str, list[Measurement]] = {}
    failures: dict[str, Failure] = {}
    total = len(artifacts) * config.rounds
    for count in range(total):
        folder = artifacts[count % len(artifacts)]
        progress.update(f"measuring {folder.name}", done=count, total=total)
        log = logs_dir / f"benchmark-{folder.name}.log" if logs_dir else None
        try:
            rounds.setdefault(folder.name, []).append(measure(folder, held_out=held_out, config=config, log_path=log))
        except TflError as error:
            failures[folder.name] = Failure.of(error, "benchmark")
    progress.update("measuring", done=total, total=total)
    measurements = tuple(_median(found) for name, found in rounds.items() if name not in failures)
    spreads = [_spread(found) for found in rounds.values() if len(found) > 1]
    return Benchmark(
        environment=read_environment(),
        measurements=measurements,
        failures=failures,
        noise_floor=max(spreads, default=None),
    )


def _median(found: list[Measurement]) -> Measurement:
    middle = sorted(found, key=lambda item: item.model_ms.p50)[len(found) // 2]
    by_batch = {
        size: statistics.median(item.throughput_by_batch[size] for item in found) for size in middle.throughput_by_batch
    }
    best = max(by_batch, key=lambda size: by_batch[size])
    return dataclasses.replace(
        middle, throughput_by_batch=by_batch, throughput_per_s=by_batch[best], throughput_batch=int(best)
    )


def _spread(found: list[Measurement]) -> float:
    values = [item.model_ms.p50 for item in found]
    return max(values) / min(values) - 1.0
