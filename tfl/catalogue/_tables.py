"""Entries as tables of texts, for terminal, Markdown, notebooks and the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tfl.bench.measured_here import MeasuredHere
from tfl.catalogue._entries import BYTES_PER_WEIGHT, ModelEntry
from tfl.core.tables import Plain

_STEPS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def short_number(value: float | None) -> str:
    """Return three digits and a unit, such as `2.26 M`; empty for None."""
    if value is None:
        return ""
    for step, unit in _STEPS:
        # 999,600 is 1.00 M, not 1000 k.
        if value >= step * 0.9995:
            scaled = value / step
            return f"{scaled:.{max(0, 2 - (scaled >= 9.995) - (scaled >= 99.95))}f} {unit}"
    return f"{value:g}"


def entry_table(
    entries: Iterable[ModelEntry], *, precision: str = "fp32", title: str = "", brief: bool = False
) -> Plain:
    """Return a row for each entry.

    Args:
        entries: To show.
        precision: That the size is told in.
        title: Of the table.
        brief: Leave out size and licence.
    """
    columns: dict[str, Callable[[ModelEntry], str]] = {
        "backbone": lambda entry: entry.spec,
        # Every picture has three channels.
        "input": lambda entry: entry.preprocessing.summary.removesuffix(" x 3"),
        "weights": lambda entry: short_number(entry.parameters),
        "MACs": lambda entry: short_number(entry.facts.multiply_adds),
        f"MB {precision}": lambda entry: _megabytes(entry, precision),
        "score": lambda entry: f"{entry.score.value:.1%}" if entry.score else "",
        "licence": lambda entry: entry.licence,
        "ms here": lambda entry: f"{entry.fastest.latency_ms_p50:.2f}" if entry.fastest else "",
        "offline": lambda entry: "yes" if entry.available_offline else "",
    }
    head = tuple(name for name in columns if not brief or name not in (f"MB {precision}", "licence"))
    return Plain(title, head, tuple(tuple(columns[name](entry) for name in head) for entry in entries))


def legend(entries: Iterable[ModelEntry]) -> str:
    """Say what the columns of `entry_table` mean, in a line or two."""
    scores = dict.fromkeys(f"{entry.score.data} {entry.score.metric}" for entry in entries if entry.score)
    score = f" score: as published, {' or '.join(scores)}." if scores else ""
    return (
        "weights and MACs (multiply-adds for one input): without a classifier. MB: estimated from the weights."
        f"{score} ms here: least measured on this machine at this input."
    )


def facts_table(entry: ModelEntry) -> Plain:
    """Return all that is known of one backbone, a row each; what is not known is said."""
    facts = entry.facts
    rows = [
        ("backbone", entry.spec),
        ("family", facts.family),
        ("task", entry.task),
        *entry.preprocessing.described,
        ("smallest input", f"{entry.min_size} x {entry.min_size}" if entry.min_size else ""),
        ("weights", _count(entry.parameters)),
        ("weights with its classifier", _count(facts.parameters_with_top) if facts.parameters_with_top else ""),
        ("multiply-adds", _costs(entry)),
        ("features", f"{entry.feature_size:,}" if entry.feature_size else "known once it is loaded"),
        ("size, estimated", _sizes(entry)),
        *((f"{item.data} {item.metric}", f"{item.value:.1%} ({item.source})") for item in facts.scores),
        *([] if facts.scores else [("published score", "none that tfl knows a source for")]),
        ("weights from", entry.weights_origin),
        ("licence", entry.licence + (f" ({facts.licence_source})" if facts.licence_source else "")),
        *(("measured here", text) for text in _measurements(entry.measured)),
        ("offline now", "yes" if entry.available_offline else "no"),
        ("downloaded from", "" if entry.available_offline else facts.address),
        ("note", entry.note),
    ]
    return Plain("", ("", ""), tuple((name, text) for name, text in rows if text))


def _count(value: int | None) -> str:
    return "not known" if value is None else f"{value:,}"


def _costs(entry: ModelEntry) -> str:
    facts = entry.facts
    if facts.multiply_adds is None:
        return "not counted"
    whole = facts.multiply_adds_with_top
    beside = f", {short_number(whole)} with its classifier" if whole else ""
    return f"{short_number(facts.multiply_adds)} for {facts.multiply_adds_at}{beside}"


def _sizes(entry: ModelEntry) -> str:
    sizes = (f"{_megabytes(entry, precision)} MB {precision}" for precision in BYTES_PER_WEIGHT)
    return ", ".join(sizes) if entry.estimated_bytes else "not known"


def _megabytes(entry: ModelEntry, precision: str) -> str:
    size = entry.estimated_bytes.get(precision)
    return "" if size is None else f"{size / 1e6:.1f}"


def _measurements(measured: Sequence[MeasuredHere]) -> list[str]:
    """Tell the newest of each kind; a backbone that is often used has dozens of older ones."""
    newest: dict[tuple[str, str], MeasuredHere] = {}
    for item in measured:
        newest.setdefault((item.what, item.input), item)
    older = len(measured) - len(newest)
    told = [_measurement(item) for item in newest.values()]
    return [*told, *([f"{older} more, which are older"] if older else [])] or ["not yet"]


def _measurement(item: MeasuredHere) -> str:
    origin = f", {item.record}" if item.record else ", tfl models recommend"
    return (
        f"{item.latency_ms_p50:.2f} ms {item.what} at {item.input}, {item.size_bytes / 1e6:.2f} MB"
        f" ({item.created[:10]}{origin})"
    )
