"""Runs side by side as a page: which one recognises most, whether that is more than chance, and what differs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import numpy as np

from tfl.bench.held_out import HeldOut
from tfl.bench.paired import mcnemar_of
from tfl.bench.records import Measurement
from tfl.comparison import OTHER_DATA, SECTION_TITLES, Comparison, compare, shown_name, shown_value
from tfl.core.errors import UserError
from tfl.core.files import write_text
from tfl.report._style import narrow_twin, twin
from tfl.report.facts import Facts, read_facts
from tfl.report.html import render_page
from tfl.report.parts import Figure, Link, Page, Row, Section, Table
from tfl.report.speed_chart import draw_accuracy_latency, pareto_front
from tfl.report.tables import NONE

#: Below, a difference on the same samples is told from chance.
_SIGNIFICANT = 0.05
#: With more points a chart shows each run's Pareto front alone.
_MOST_POINTS = 24
#: By which a page is known that may be written over.
_OURS = '<meta name="generator" content="tfl">'


def write_comparison(runs: Sequence[str | Path], path: str | Path) -> Path:
    """Write a page that sets runs side by side, with a chart of all their measured artefacts.

    Args:
        runs: Folders of at least two runs.
        path: The HTML file; the chart is embedded.

    Returns:
        The path.

    Raises:
        NotFoundError: One is not a run.
        UserError: There are fewer than two, one comes twice, or the file is there and is no such page.
        IntegrityError: A record of one can't be read.
        MissingExtraError: Jinja2 or matplotlib is not installed.
    """
    comparison = compare(*runs)
    path = Path(path)
    facts = [read_facts(Path(run.run)) for run in comparison.runs]
    places = [item.folder.path.resolve() for item in facts]
    if len(places) < 2 or len(set(places)) < len(places):
        raise UserError(f"A comparison takes two different runs or more. Received: {', '.join(map(str, places))}.")
    if path.is_dir() or (path.is_file() and _OURS not in path.read_text(encoding="utf-8", errors="replace")[:2000]):
        raise UserError(f"{path} is there and was not written by tfl report.", hint="Choose another file: --out FILE")
    chart = path.with_name(f".{path.name}.png")
    try:
        write_text(path, render_page(_page(comparison, facts, path, chart)))
    finally:
        for file in (chart, twin(chart), narrow_twin(chart)):
            file.unlink(missing_ok=True)
    return path


def _page(comparison: Comparison, facts: Sequence[Facts], path: Path, chart: Path) -> Page:
    chances = _chances(facts) if comparison.is_same_data else [None] * len(facts)
    sections = [Section("runs", "Runs", (), (_table(facts, chances),), _charts(facts, chart), _notes(facts))]
    for kind, title in SECTION_TITLES.items():
        if kind == "results":
            # They are the table above.
            continue
        rows = tuple(
            Row("", (shown_name(section, name), *(shown_value(name, value) or NONE for value in values)))
            for section, name, values in comparison.rows()
            if section == kind
        )
        words = () if rows else ("None.",)
        table = Table(title, ("what", *(item.name for item in facts)), rows)
        sections.append(Section(kind, title, words, (table,) if rows else (), ()))
    return Page(
        title="Runs compared",
        subtitle=" · ".join(item.name for item in facts),
        answer=_answer(facts, chances),
        warning="" if comparison.is_same_data else OTHER_DATA,
        sections=tuple(sections),
        links=tuple(
            Link(item.name, quote(Path(os.path.relpath(item.folder.report_file, path.resolve().parent)).as_posix()))
            for item in facts
            if item.folder.report_file.is_file()
        ),
    )


def _best(facts: Sequence[Facts]) -> int | None:
    scored = [index for index, item in enumerate(facts) if item.evaluation is not None]
    return max(scored, key=lambda index: _accuracy(facts[index]), default=None)


def _accuracy(facts: Facts) -> float:
    return facts.evaluation.accuracy if facts.evaluation is not None else 0.0


def _chances(facts: Sequence[Facts]) -> list[float | None]:
    """Return for each run the p-value of its difference from the best one on the very same test samples."""
    best = _best(facts)
    rights = [_right(item) for item in facts]
    first = rights[best] if best is not None else None
    if first is None:
        return [None] * len(facts)
    chances: list[float | None] = []
    for index, right in enumerate(rights):
        known = right is not None and index != best and right.keys() == first.keys()
        if not known or right is None:
            chances.append(None)
            continue
        chances.append(mcnemar_of(np.array(list(first.values())), np.array([right[path] for path in first])))
    return chances


def _right(facts: Facts) -> dict[str, bool] | None:
    """Map each test sample to whether the float model answers it rightly."""
    file = facts.folder.predictions_file
    if not file.is_file() or facts.manifest is None:
        return None
    samples = HeldOut.load(file, Path(facts.manifest.root))
    if samples.outputs is None:
        return None
    right = samples.outputs.argmax(axis=1) == np.asarray(samples.truth)
    return dict(zip(samples.paths, map(bool, right), strict=True))


def _answer(facts: Sequence[Facts], chances: Sequence[float | None]) -> tuple[str, ...]:
    best = _best(facts)
    if best is None:
        return ("None of these runs has an evaluation yet, so nothing can be said of which is better.",)
    scores, noun = facts[best].evaluation, facts[best].data.nouns
    if scores is None:
        return ()
    said = [
        f"{facts[best].name} recognises the most new {noun}: {scores.accuracy:.1%}"
        f" (95 % interval {scores.accuracy_low:.1%} to {scores.accuracy_high:.1%})."
    ]
    alike = [facts[index].name for index, chance in enumerate(chances) if chance is not None and chance > _SIGNIFICANT]
    worse = [facts[index].name for index, chance in enumerate(chances) if chance is not None and chance <= _SIGNIFICANT]
    if alike:
        said.append(f"{', '.join(alike)} can't be told from it on these {noun}.")
    if worse:
        said.append(f"{', '.join(worse)} {'is' if len(worse) == 1 else 'are'} worse by more than chance.")
    if all(chance is None for chance in chances):
        said.append("The runs were not scored on the same test samples, so chance can't be ruled out.")
    return tuple(said)


def _table(facts: Sequence[Facts], chances: Sequence[float | None]) -> Table:
    best = _best(facts)
    rows = []
    for index, (item, chance) in enumerate(zip(facts, chances, strict=True)):
        scores, smallest = item.evaluation, item.smallest_good()
        found = item.measurement_of(smallest) if smallest is not None else None
        stages = item.record.stages if item.record else {}
        values = (
            item.name,
            item.bundle.backbone.spec if item.bundle else NONE,
            f"{scores.accuracy:.4f}" if scores else NONE,
            f"{scores.accuracy_low:.3f} to {scores.accuracy_high:.3f}" if scores else NONE,
            f"{scores.macro_f1:.4f}" if scores else NONE,
            "best" if index == best else NONE if chance is None else f"{chance:.3g}",
            smallest.name if smallest else NONE,
            f"{smallest.size_bytes / 1e6:.2f}" if smallest else NONE,
            f"{found.model_ms.p50:.2f}" if found else NONE,
            f"{stages['train'].seconds:.0f}" if "train" in stages else NONE,
        )
        rows.append(Row("chosen" if index == best else "", values, key=item.name))
    head = (
        *("run", "backbone", "accuracy", "95 % interval", "macro F1", "p against the best"),
        *("smallest artefact that keeps it", "MB", "latency p50 ms", "training s"),
    )
    return Table("Every run", head, tuple(rows))


def _notes(facts: Sequence[Facts]) -> tuple[str, ...]:
    machines = {item.benchmark.environment.cpu for item in facts if item.benchmark is not None}
    notes = [
        "p is that of McNemar's exact test on the same test samples: below 0.05 the difference is more than chance."
        " With many runs some differ by chance all the same."
    ]
    if len(machines) > 1:
        notes.append(
            f"Latencies were measured on different machines and do not compare: {', '.join(sorted(machines))}."
        )
    return tuple(notes)


def _charts(facts: Sequence[Facts], chart: Path) -> tuple[Figure, ...]:
    by_run = [item.benchmark.measurements if item.benchmark else () for item in facts]
    fronts_alone = sum(map(len, by_run)) > _MOST_POINTS
    points: list[Measurement] = []
    for item, found in zip(facts, by_run, strict=True):
        shown = pareto_front(found) if fronts_alone else found
        points += [dataclasses.replace(point, target=item.name) for point in shown]
    if not points:
        return ()
    draw_accuracy_latency(points, chart)
    description = "Each point is a verified artefact, a colour for each run; the dashed line joins those that no other"
    description += " beats in both." + (" Of each run only such are shown." if fronts_alone else "")
    return (Figure("Accuracy against latency", description, chart),)
