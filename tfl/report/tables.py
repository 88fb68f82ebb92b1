"""Tables in HTML and Markdown, and the rows that the report and the benchmark file share."""

from __future__ import annotations

import html
from collections.abc import Sequence

from tfl.bench.records import Benchmark, Cell, Measurement
from tfl.core.tables import NONE as NONE
from tfl.core.tables import html_table as html_table

#: One character and one message line more would not be read in a table.
_REASON_CHARS = 300

BENCHMARK_HEAD = (
    "artefact",
    "MB",
    "accuracy",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "file to answer p50 ms",
    "samples per s",
    "at batch",
    "load ms",
    "first ms",
    "peak memory MB",
    "threads",
)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table (GitHub's flavour); pipes, line ends and markup in cells are made harmless."""
    lines = ["| " + " | ".join(map(str, head)) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(markdown_text(item) for item in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def markdown_text(value: object) -> str:
    """Return text that Markdown shows as it is, on one line."""
    text = " ".join(str(value).split())
    text = html.escape(text, quote=False)
    for char in "\\|`*_[]":
        text = text.replace(char, f"\\{char}")
    return text


def measurement_row(item: Measurement) -> list[str]:
    """Return the figures of one artefact in the order of `BENCHMARK_HEAD`."""
    return [
        item.artifact,
        f"{item.size_bytes / 1e6:.2f}",
        f"{item.metric:.4f}",
        f"{item.model_ms.p50:.2f}",
        f"{item.model_ms.p90:.2f}",
        f"{item.model_ms.p99:.2f}",
        f"{item.end_to_end_ms.p50:.2f}",
        f"{item.throughput_per_s:,.0f}",
        f"{item.throughput_batch}",
        f"{item.load_ms:,.1f}",
        f"{item.first_inference_ms:.1f}",
        f"{item.peak_rss_bytes / 1e6:,.0f}",
        f"{item.threads or 'auto'}",
    ]


def benchmark_markdown(benchmark: Benchmark) -> str:
    """Return the benchmark as a Markdown page: the table, what failed, and the machine it holds for."""
    environment = benchmark.environment
    parts = ["# Benchmark", "", markdown_table(BENCHMARK_HEAD, [measurement_row(m) for m in benchmark.measurements])]
    for name, failure in benchmark.failures.items():
        parts.append(f"- {markdown_text(name)} could not be measured: {markdown_text(short(failure.message))}")
    if benchmark.failures:
        parts.append("")
    parts += [f"{line}\n" for line in how_measured(benchmark)]
    versions = ", ".join(f"{name} {version}" for name, version in environment.versions.items())
    parts.append(f"{environment.system}, Python {environment.python}; {versions}\n")
    return "\n".join(parts)


def how_measured(benchmark: Benchmark) -> list[str]:
    """Say what the figures stand on, one sentence or two per line."""
    environment = benchmark.environment
    lines = []
    if benchmark.measurements:
        timings = sorted(item.model_ms.timings for item in benchmark.measurements)
        samples = {item.sample_count for item in benchmark.measurements}
        lines.append(
            f"Every artefact in a fresh process, on {' or '.join(map(str, sorted(samples)))} real samples that no"
            f" training and no calibration saw; latency for batch 1 over {timings[0]} to {timings[-1]} timings."
            " The accuracy is that of the very files timed."
        )
        if timings[0] < 1000:
            lines.append("With fewer than 1,000 timings a p99 is an indication, not a promise.")
    noise = (
        f"The same measurement repeated differs by up to {benchmark.noise_floor:.1%}; smaller differences say nothing."
        if benchmark.noise_floor is not None
        else "The noise floor was not taken (it needs more than one round)."
    )
    quota = "" if environment.cpu_quota is None else f", quota {environment.cpu_quota:g}"
    lines.append(noise)
    lines.append(
        f"Machine: {environment.cpu}, {environment.cpu_count} processors{quota},"
        f" {environment.memory_bytes / 1e9:.0f} GB; instruction sets: {', '.join(environment.isa) or 'none noted'};"
        f" frequency governor: {environment.governor}."
    )
    return lines


def cell_reason(cell: Cell) -> str:
    """Say why a cell has no artefact, or what its proof did not cover; empty when there is nothing to say."""
    if cell.failure is not None:
        log = f" (log: {cell.failure.log})" if cell.failure.log else ""
        return f"Failed in {cell.failure.stage}: {short(cell.failure.message).rstrip('.')}{log}."
    if cell.reason:
        return cell.reason
    return cell.verification.note if cell.verification is not None else ""


def short(message: str) -> str:
    """Return the first line of a message, cut at a length that fits a table."""
    line = message.strip().splitlines()[0] if message.strip() else ""
    return line if len(line) <= _REASON_CHARS else line[: _REASON_CHARS - 1] + "…"
