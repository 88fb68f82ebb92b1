"""What is made of a run's bundle afterwards: artefacts that are verified, and their measurements."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfl.bench.cells import ExportJob, ExportSummary, benchmark_artifacts, export_cells, plan_cells
from tfl.bench.held_out import HeldOut
from tfl.bench.measured_here import remember_benchmark
from tfl.bench.records import Benchmark, Cell
from tfl.bundle import Bundle, Calibration
from tfl.bundle.records import SIMULATION_FILE
from tfl.core.config import BenchmarkConfig, load_config
from tfl.core.errors import UserError
from tfl.core.files import write_text
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.contract import Fusion, Rows
from tfl.data.manifest import Manifest
from tfl.data.store import open_rows
from tfl.targets import choose_calibration


def export_run(
    folder: RunFolder,
    *,
    targets: tuple[str, ...],
    precisions: tuple[str, ...],
    calibration_samples: int,
    workers: int,
    seed: int,
    progress: Progress,
    fused: Fusion = "none",
) -> list[Cell]:
    """Export and verify a run's bundle and write the cells into `exports.json`, beside those that are there.

    Raises:
        UserError: A name is unknown, or a calibration sample is among the scored ones.
    """
    # Wrong names before anything is opened.
    plan_cells(targets, precisions, fused=fused)
    manifest = Manifest.load(folder.manifest_file)
    bundle = Bundle.open(folder.bundle_dir)
    cells = plan_cells(targets, precisions, fused=fused, input_dtype=bundle.signature.inputs[0].dtype)
    calibration, rows = calibration_of(folder, bundle, manifest, calibration_samples, seed, progress=progress)
    held_out = HeldOut.of_run(folder)
    job = ExportJob(
        bundle_dir=folder.bundle_dir,
        base_dir=folder.path,
        artifacts_dir=folder.artifacts_dir,
        work_dir=folder.work_dir,
        logs_dir=folder.logs_dir,
        calibration=calibration,
        calibration_rows=rows,
        held_out=held_out,
        reason_without="" if held_out else f"the samples of {manifest.root} are not there any more",
        simulation_dir=folder.simulation_dir if (folder.simulation_dir / SIMULATION_FILE).is_file() else None,
        simulated_held_out=HeldOut.of_run(folder, simulated=True),
    )
    made = export_cells(cells, job, workers=workers, progress=progress)
    ExportSummary.of_run(folder).merged(made).save(folder.exports_file)
    return made


def calibration_of(
    folder: RunFolder, bundle: Bundle, manifest: Manifest, count: int, seed: int, *, progress: Progress
) -> tuple[Calibration, Rows]:
    """Draw the samples that set the ranges of static int8 from a run's training split.

    Args:
        folder: The run.
        bundle: Whose contract shapes the pictures.
        manifest: Of the run.
        count: How many.
        seed: Of the draw.
        progress: Told while pictures are decoded.

    Raises:
        UserError: There are too few, or one of them is scored.
    """
    scored = manifest.of_split("test")
    if "leakage" in load_config(folder).data.allow:
        # The user lets copies of scored pictures be trained on; calibration keeps away from them all the same.
        digests = {example.sha256 for example in scored}
        shared = {item.path for item in manifest.of_split("train") if item.sha256 in digests}
        manifest = dataclasses.replace(
            manifest, examples=tuple(item for item in manifest.examples if item.path not in shared)
        )
    record, examples = choose_calibration(manifest, sample_count=count, seed=seed, scored=scored)
    rows = open_rows(examples, manifest.root, bundle.preprocessing, cache_dir=folder.work_dir, progress=progress)
    return record, np.asarray(rows)


def benchmark_run(folder: RunFolder, config: BenchmarkConfig, *, progress: Progress) -> Benchmark:
    """Measure every verified artefact of a run; writes `benchmark.json`, `benchmark.md` and `benchmark.png`.

    Raises:
        UserError: There is no verified artefact, or the pictures are gone.
    """
    from tfl.report.plots import draw_accuracy_latency
    from tfl.report.tables import benchmark_markdown

    artifacts = [folder.path / cell.artifact_dir for cell in ExportSummary.of_run(folder).cells if cell.status == "ok"]
    if not artifacts:
        raise UserError(f"{folder.path} has no verified artefact.", hint=f"Make some: tfl export {folder.path}")
    held_out = HeldOut.of_run(folder)
    if held_out is None:
        raise UserError(
            f"The samples that {folder.path} is scored on are not there any more.",
            hint="Name them: tfl benchmark ARTIFACT --data DATA",
        )
    result = benchmark_artifacts(
        artifacts, held_out=held_out, config=config, logs_dir=folder.logs_dir, progress=progress
    )
    result.save(folder.benchmark_file)
    remember_benchmark(result, artifacts, folder.benchmark_file)
    write_text(folder.path / "benchmark.md", benchmark_markdown(result))
    draw_accuracy_latency(result.measurements, folder.path / "benchmark.png")
    return result
