"""The tables that several commands print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfl_cli._output import print_table, quoted

if TYPE_CHECKING:
    from tfl.bench.cells import ExportSummary
    from tfl.bench.records import Benchmark, Cell, Verification
    from tfl.tasks import SliceScores

_SLICES_SHOWN = 20


def climb_commands(exports: ExportSummary, run: Path) -> list[str]:
    """Return the command that looks for a quantization that holds, where one did not; else nothing."""
    targets = ",".join(exports.to_climb())
    return [f"tfl quantize {quoted(run)} --target {targets}"] if targets else []


def print_cells(cells: Sequence[Cell]) -> None:
    """Print exports: what each came to and the proof."""
    rows = []
    for cell in cells:
        proof = cell.verification
        held_out = proof.held_out if proof else None
        rows.append(
            [
                cell.target,
                cell.variant,
                _status(cell),
                f"{cell.size_bytes / 1e6:.2f}" if cell.size_bytes else "",
                f"{held_out.flipped} of {held_out.sample_count}" if held_out else "",
                f"{held_out.max_difference:.1e}" if held_out else "",
                f"{proof.metric:.4f}" if proof and proof.metric is not None else "",
                _note(cell),
            ]
        )
    head = ["target", "precision", "status", "MB", "decisions that differ", "max difference", "accuracy", "note"]
    print_table(head, rows, title="Exports against the float model", keys=2)


def print_slices(slices: Sequence[SliceScores]) -> None:
    """Print the accuracy by slice, the worst first."""
    rows = [
        [
            item.column,
            item.value,
            item.sample_count,
            f"{item.accuracy:.3f}",
            f"{item.accuracy_low:.3f} to {item.accuracy_high:.3f}",
            f"{item.difference:+.3f}",
            "more than chance" if item.differs else "few samples" if item.is_small else "",
        ]
        for item in slices[:_SLICES_SHOWN]
    ]
    head = ["column", "value", "samples", "accuracy", "95 % interval", "difference to all", "note"]
    print_table(head, rows, title="Where it is weaker: accuracy by slice, the worst first", keys=2)
    if len(slices) > _SLICES_SHOWN:
        click.echo(f"... and {len(slices) - _SLICES_SHOWN} more; all with --json.")


def print_benchmark(benchmark: Benchmark, cells: Sequence[Cell] = ()) -> None:
    """Print the benchmark, with the cells that have no figures at the end."""
    by_name = {cell.name: cell for cell in cells}
    rows: list[list[object]] = []
    for item in benchmark.measurements:
        cell = by_name.get(item.artifact)
        rows.append(
            [
                item.target,
                item.variant,
                _status(cell) if cell else "",
                f"{item.size_bytes / 1e6:.2f}",
                f"{item.metric:.4f}",
                f"{item.model_ms.p50:.2f}",
                f"{item.model_ms.p90:.2f}",
                f"{item.model_ms.p99:.2f}",
                f"{item.end_to_end_ms.p50:.2f}",
                f"{item.throughput_per_s:,.0f}",
                str(item.throughput_batch),
                f"{item.load_ms:,.1f}",
                f"{item.first_inference_ms:.1f}",
                f"{item.peak_rss_bytes / 1e6:,.0f}",
            ]
        )
    measured = {item.artifact for item in benchmark.measurements}
    head = [
        *("target", "precision", "status", "MB", "accuracy", "ms p50", "p90", "p99"),
        *("file to answer ms", "per s", "at batch", "load ms", "first ms", "peak MB"),
    ]
    print_table(head, rows, title="Measured on this machine: batch 1 latency, best throughput, memory", keys=2)
    for cell in cells:
        if cell.name not in measured:
            untimed = ", not measured" if cell.status == "ok" else ""
            click.echo(f"{cell.name}: {_status(cell)}{untimed}. {_note(cell)}".rstrip())
    for name, failure in benchmark.failures.items():
        click.echo(f"{name}: could not be measured: {failure.message.splitlines()[0]}")
    environment = benchmark.environment
    noise = f"; noise floor {benchmark.noise_floor:.1%}" if benchmark.noise_floor is not None else ""
    click.echo(
        f"{environment.cpu}, {environment.cpu_count} processors, {', '.join(environment.isa) or 'no SIMD flags'}{noise}"
    )


def print_verifications(proofs: Sequence[Verification]) -> None:
    """Print every check of every proof."""
    for proof in proofs:
        rows = [
            [check.name, f"{check.value:.3g}", f"{check.limit:.3g}", "ok" if check.passed else "FAILED"]
            for check in proof.checks
        ]
        verdict = "verified" if proof.passed else "NOT VERIFIED"
        print_table(["check", "value", "limit", ""], rows, title=f"{proof.artifact}: {verdict}")
        if proof.metric is not None:
            beside = f", float model {proof.float_metric:.4f}" if proof.float_metric is not None else ""
            click.echo(f"{proof.metric_name} {proof.metric:.4f}{beside}")
        click.echo(f"Why these limits: {proof.tolerance.reason}")
        if proof.note:
            click.echo(f"Note: {proof.note}")
    if len(proofs) > 1:
        wrong = [proof.artifact for proof in proofs if not proof.passed]
        failed = f"; not {', '.join(wrong)}" if wrong else ""
        click.echo(f"\n{len(proofs) - len(wrong)} of {len(proofs)} verified{failed}.")


def _status(cell: Cell) -> str:
    return {"ok": "verified", "failed": "FAILED", "unsupported": "unsupported"}[cell.status]


def _note(cell: Cell) -> str:
    if cell.failure is not None:
        log = f" (log: {cell.failure.log})" if cell.failure.log else ""
        return f"{cell.failure.stage}: {cell.failure.message.splitlines()[0]}{log}"
    return cell.reason
