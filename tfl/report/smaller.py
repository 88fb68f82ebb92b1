"""The report's parts of a run whose network was made of another run's: compressed, or taught by it."""

from __future__ import annotations

from pathlib import Path

from tfl.bench.records import Benchmark, Measurement
from tfl.compress import tables
from tfl.compress.distill import Distillation
from tfl.compress.records import Compression
from tfl.core.run_folder import RunFolder
from tfl.core.tables import NONE, Plain
from tfl.report.facts import Facts
from tfl.report.parts import Row, Section, Table

_MOST_LAYERS = 80


def smaller_sections(facts: Facts) -> list[Section]:
    """Return the sections about compression and distillation, where the run is of the kind."""
    sections = []
    if facts.compression is not None:
        sections.append(_compressed(facts, facts.compression))
    if facts.distillation is not None:
        sections.append(_distilled(facts, facts.distillation))
    return sections


def _compressed(facts: Facts, made: Compression) -> Section:
    speed, words = _speed(facts, made.source, "before")
    plain = [tables.compression_table(made), speed]
    return Section(
        name="compressed",
        title="Compressed",
        words=(*tables.compression_lines(made), *words),
        tables=tuple(_as_table(item) for item in plain if item is not None),
        figures=(),
        notes=(
            "Zeros and repeated values gain room only after compression such as gzip, and no speed by themselves.",
            *made.notes,
        ),
        details=(_as_table(tables.layers_table(made)), _as_table(tables.epochs_table(made))),
    )


def _distilled(facts: Facts, made: Distillation) -> Section:
    speed, words = _speed(facts, made.teacher, "teacher")
    plain = [tables.distillation_table(made), speed]
    return Section(
        name="distilled",
        title="Taught by another network",
        words=(*tables.distillation_lines(made), *words),
        tables=tuple(_as_table(item) for item in plain if item is not None),
        figures=(),
        notes=("'Without it' is the student's frozen backbone with a head that learned from the labels alone.",),
    )


def _as_table(plain: Plain) -> Table:
    more = len(plain.rows) - _MOST_LAYERS
    title = plain.title + (f" (the first {_MOST_LAYERS}; {more} more in the record)" if more > 0 else "")
    rows = tuple(Row("", tuple(cell or NONE for cell in row)) for row in plain.rows[:_MOST_LAYERS])
    return Table(title, plain.head, rows)


def _speed(facts: Facts, source: str, name: str) -> tuple[Plain | None, list[str]]:
    """Set what was measured of both runs on the same machine side by side, or say that nothing was.

    Args:
        facts: Of the new run.
        source: Folder of the run it was made from.
        name: What that one is called.
    """
    now = facts.benchmark
    if now is None or not now.measurements:
        return None, [f"Speed: not measured. Measure the exports: tfl benchmark {facts.folder.path}"]
    file = RunFolder(Path(source)).benchmark_file
    before = Benchmark.load(file) if file.is_file() else None
    if before is not None and before.environment.cpu != now.environment.cpu:
        return None, ["Speed: measured below, and the run it was made from was measured on another processor."]
    known = {item.artifact: item for item in before.measurements} if before is not None else {}
    # The two were timed at different times, so the larger noise of both holds between them.
    floors = [item.noise_floor for item in (before, now) if item is not None and item.noise_floor is not None]
    words = [
        "Speed: measured one run after the other, not in turns"
        + (
            f"; the same artefact measured again differed by up to {max(floors):.1%}."
            if floors
            else "; the noise is not known."
        )
        if known
        else "Speed: only this run's exports were measured."
    ]
    rows = tuple(_speed_row(item, known.get(item.artifact)) for item in now.measurements)
    head = ("artefact", f"{name}: MB", "now", f"{name}: ms p50", "now", f"{name}: per s", "now")
    return Plain("Size and speed of the exports, as measured", head, rows), words


def _speed_row(now: Measurement, before: Measurement | None) -> tuple[str, ...]:
    def pair(name: str, digits: int, unit: float = 1.0) -> tuple[str, str]:
        first = "" if before is None else f"{getattr(before, name) / unit:,.{digits}f}"
        return first, f"{getattr(now, name) / unit:,.{digits}f}"

    latency = ("" if before is None else f"{before.model_ms.p50:.2f}", f"{now.model_ms.p50:.2f}")
    return (now.artifact, *pair("size_bytes", 2, 1e6), *latency, *pair("throughput_per_s", 0))
