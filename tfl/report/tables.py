"""Small tables as HTML for notebooks and as Markdown for files."""

from __future__ import annotations

import html
from collections.abc import Sequence

from tfl.bench.records import Benchmark


def html_table(head: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str) -> str:
    """Format a table; every cell is escaped."""
    left = "style='text-align:left'"
    names = "".join(f"<th {left}>{html.escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td {left}>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    header = f"<thead><tr>{names}</tr></thead>" if any(head) else ""
    return f"<table><caption {left}>{html.escape(caption)}</caption>{header}<tbody>{body}</tbody></table>"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Format a table; a bar inside a cell is escaped."""
    lines = [list(map(str, head)), ["---"] * len(head), *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def benchmark_markdown(benchmark: Benchmark) -> str:
    """Format a benchmark as a page: the table, what failed, and the machine."""
    head = [
        *("target", "precision", "MB", "accuracy", "samples", "model ms p50", "p90", "p99"),
        *("end-to-end ms p50", "p90", "p99", "per s", "at batch", "load ms", "first ms", "peak MB", "threads"),
    ]
    rows = [
        [
            item.target,
            item.precision,
            f"{item.size_bytes / 1e6:.2f}",
            f"{item.metric:.4f}",
            item.sample_count,
            *(f"{value:.2f}" for value in (item.model_ms.p50, item.model_ms.p90, item.model_ms.p99)),
            *(f"{value:.2f}" for value in (item.end_to_end_ms.p50, item.end_to_end_ms.p90, item.end_to_end_ms.p99)),
            f"{item.throughput_per_s:.0f}",
            item.throughput_batch,
            f"{item.load_ms:.0f}",
            f"{item.first_inference_ms:.1f}",
            f"{item.peak_rss_bytes / 1e6:.0f}",
            item.threads or "engine's choice",
        ]
        for item in benchmark.measurements
    ]
    environment = benchmark.environment
    noise = "not taken" if benchmark.noise_floor is None else f"{benchmark.noise_floor:.1%}"
    facts = [
        ["processor", environment.cpu],
        ["processors", environment.cpu_count],
        ["instruction sets", ", ".join(environment.isa) or "none of note"],
        ["governor", environment.governor],
        ["system", environment.system],
        ["noise floor", noise],
        *([name, version] for name, version in environment.versions.items()),
    ]
    failed = "".join(
        f"- {name}: {failure.error}: {failure.message.splitlines()[0]}\n"
        for name, failure in benchmark.failures.items()
    )
    return (
        "# Benchmark\n\n"
        "Model: from tensor to tensor, batch 1. End-to-end: from the file on disk to the answer. Every row ran in a"
        " process of its own, and its accuracy is that of the very files that were timed.\n\n"
        + markdown_table(head, rows)
        + (f"\nNot measured:\n\n{failed}" if failed else "")
        + "\n## Machine\n\n"
        + markdown_table(["what", "value"], facts)
    )
