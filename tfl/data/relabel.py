"""Decisions about labels: a table that a person fills in, and the new version of the data that follows from it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from tfl.core.errors import DataError, closest
from tfl.core.files import write_text
from tfl.core.records import Record
from tfl.core.tables import folded, html_lines, html_table
from tfl.data.manifest import Example, Manifest

KINDS = ("label_error", "top_loss", "low_confidence")
Kind = Literal["label_error", "top_loss", "low_confidence"]

#: What a person may write into the column `decision`, beside the name of a class.
KEEP, ACCEPT, REMOVE = "keep", "accept", "remove"

#: Of a table that nobody has looked at.
NONE_DECIDED: Mapping[str, str] = MappingProxyType({})

_COLUMNS = ("decision", "path", "label", "suggested", "kind", "probability", "suggested_probability", "sha256")
_NAMED = 10
_HEAD = ("sample", "labelled", "looks like", "why")
#: Of a text, in a notebook's table.
_SHOWN_CHARS = 80


@dataclass(frozen=True, kw_only=True)
class ReviewItem(Record):
    """One sample that a person should look at.

    Attributes:
        path: Below the data's root.
        label: As the data have it.
        suggested: The class that a model which has not seen the sample takes it for.
        kind: `label_error` (cleanlab takes the label for wrong), `top_loss` (the label is unlikely), or
            `low_confidence` (no class is likely).
        probability: Of the label, in [0, 1].
        suggested_probability: Of the suggested class, in [0, 1].
        sha256: Of the file.
        split: Where the run had it.
        text: Its beginning, where the samples are texts.
    """

    path: str
    label: str
    suggested: str
    kind: Kind
    probability: float
    suggested_probability: float
    sha256: str
    split: str
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Review(Record):
    """What a person should look at, and what that is drawn from.

    Attributes:
        run: The run's folder.
        data_fingerprint: Of the version of the data that was judged.
        backbone: Whose features were used.
        folds: How many times the data were cut.
        examples: How many were judged.
        accuracy: Of the cross-validated judgement against the labels as they are, in [0, 1].
        label_errors: How many labels cleanlab takes for wrong, also those that are not listed.
        items: The likeliest errors first.
        judged_by: `probe` (a linear model for each fold) or `training` (the run's own recipe, cross-validated).
    """

    run: str
    data_fingerprint: str
    backbone: str
    folds: int
    examples: int
    accuracy: float
    label_errors: int
    items: tuple[ReviewItem, ...]
    judged_by: Literal["probe", "training"] = "probe"

    def _repr_html_(self) -> str:
        caption = (
            f"{self.label_errors} of {self.examples} labels are likely wrong; {len(self.items)} samples to look at"
        )
        wrong = [_shown(item) for item in self.items if item.kind != "low_confidence"]
        unsure = [_shown(item) for item in self.items if item.kind == "low_confidence"]
        first = html_table(_HEAD, wrong, caption=caption) if wrong else html_lines([f"{caption}."])
        return first + folded(f"{len(unsure)} samples that are hard to tell", _HEAD, unsure)


@dataclass(frozen=True, kw_only=True)
class Relabelling(Record):
    """What was decided.

    Attributes:
        before: Fingerprint of the version that the decisions are about.
        after: Of the new one.
        relabelled: Path -> old and new label.
        removed: Paths that were left out.
        kept: How many were looked at and stay as they are.
        open: How many are undecided.
    """

    before: str
    after: str
    relabelled: dict[str, tuple[str, str]]
    removed: tuple[str, ...]
    kept: int
    open: int


def _shown(item: ReviewItem) -> tuple[str, ...]:
    return (
        f"{item.path} {item.text[:_SHOWN_CHARS]}".rstrip(),
        f"{item.label} ({item.probability:.1%})",
        f"{item.suggested} ({item.suggested_probability:.1%})",
        item.kind.replace("_", " "),
    )


def write_table(items: Sequence[ReviewItem], path: Path, *, decisions: Mapping[str, str] = NONE_DECIDED) -> None:
    """Write the items as CSV with a column `decision`; texts stand in a last column.

    Args:
        items: In their order.
        path: The table.
        decisions: Path of a sample -> what was decided; the others are left open.

    Raises:
        JobError: The file can't be written.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    with_texts = any(item.text for item in items)
    writer.writerow([*_COLUMNS, "text"] if with_texts else _COLUMNS)
    for item in items:
        likely = [f"{item.probability:.4f}", f"{item.suggested_probability:.4f}"]
        row = [decisions.get(item.path, ""), item.path, item.label, item.suggested, item.kind, *likely, item.sha256]
        writer.writerow([*row, _safe(item.text)] if with_texts else row)
    write_text(path, stream.getvalue())


def _safe(text: str) -> str:
    """Keep a spreadsheet from taking a text for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def read_decisions(table: Path) -> dict[str, str]:
    """Read which samples a table decides on, and how; what is open is left out.

    Raises:
        DataError: The table can't be read.
    """
    rows = ((row["path"], (row.get("decision") or "").strip()) for _, row in _read(table))
    return {path: decision for path, decision in rows if decision}


def apply_table(
    manifest: Manifest, table: Path, *, new_classes: frozenset[str] = frozenset()
) -> tuple[Manifest, Relabelling]:
    """Make a new version of a manifest from a table with decisions.

    An empty decision and `keep` change nothing, `accept` takes the suggested class, `remove` leaves the sample out,
    and the name of a class gives it that one. What tfl split by itself is split again when the version is used: by
    content, so that every sample stays where it was. Decisions about samples that have another content or
    another label by now are refused, because they were made about something else.

    Args:
        manifest: The version that the table is about.
        table: CSV with the columns `decision` and `path`; `label`, `suggested` and `sha256` are compared where they
            are.
        new_classes: Classes that the data do not have yet.

    Raises:
        DataError: The table can't be read, or lines of it can't be applied; all of them are named.
    """
    rows = _read(table)
    of_path = {example.path: example for example in manifest.examples}
    known = {*manifest.labels, *new_classes}
    chosen: dict[str, str] = {}
    problems: list[str] = []
    for line, row in rows:
        example = of_path.get(row["path"])
        decision = (row.get("decision") or "").strip()
        problem = _problem(row, example, decision, known) if decision and decision != KEEP else ""
        if not problem and decision and chosen.setdefault(row["path"], decision) != decision:
            problem = f"{row['path']} is decided twice, as '{chosen[row['path']]}' and as '{decision}'"
        if problem:
            problems.append(f"  line {line}: {problem}")
        elif decision == ACCEPT:
            chosen[row["path"]] = row["suggested"]
    if problems:
        more = f"\n  ... and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
        raise DataError(
            f"{table}: {len(problems)} {'decision' if len(problems) == 1 else 'decisions'} can't be applied:\n"
            + "\n".join(problems[:_NAMED])
            + more,
            hint=f"A decision is {KEEP}, {ACCEPT}, {REMOVE} or a class: {', '.join(manifest.labels)}. "
            "A new class: --new-class NAME",
        )
    return _changed(manifest, chosen, undecided=sum(not (row.get("decision") or "").strip() for _, row in rows))


def _read(table: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            head = stream.readline()
            stream.seek(0)
            # Spreadsheets of many countries write semicolons.
            reader = csv.DictReader(stream, delimiter=";" if head.count(";") > head.count(",") else ",")
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"The table {table} can't be read: {error}.", hint="Save it as CSV, UTF-8.") from error
    missing = [name for name in ("decision", "path") if name not in (reader.fieldnames or ())]
    if missing:
        raise DataError(
            f"{table} has no column {' and no column '.join(map(repr, missing))}; it has: "
            f"{', '.join(reader.fieldnames or ())}.",
            hint="Use the table that 'tfl data review' wrote, and fill in the column 'decision'.",
        )
    return rows


def _problem(row: dict[str, str], example: Example | None, decision: str, known: set[str]) -> str:
    path = row["path"]
    if example is None:
        return f"there is no '{path}' in the data"
    if row.get("sha256") and example.sha256 and row["sha256"] != example.sha256:
        return f"{path} has another content than when it was judged"
    if row.get("label") and row["label"] != example.label:
        return f"{path} is labelled '{example.label}' by now, not '{row['label']}'"
    if decision == REMOVE:
        return ""
    label = row.get("suggested", "") if decision == ACCEPT else decision
    if label not in known:
        return f"'{label}' is no class of the data.{closest(label, {*known, KEEP, ACCEPT, REMOVE})}"
    return ""


def _changed(manifest: Manifest, chosen: dict[str, str], *, undecided: int) -> tuple[Manifest, Relabelling]:
    relabelled: dict[str, tuple[str, str]] = {}
    removed: list[str] = []
    examples: list[Example] = []
    for example in manifest.examples:
        decision = chosen.get(example.path, KEEP)
        if decision == REMOVE:
            removed.append(example.path)
            continue
        # What the data came with stays; what tfl gave is given again, from the content.
        new = example if example.given_split else replace(example, split=None)
        if decision not in (KEEP, example.label):
            relabelled[example.path] = (example.label, decision)
            new = replace(new, label=decision)
        examples.append(new)
    labels = tuple(sorted({example.label for example in examples}))
    version = replace(
        manifest, examples=tuple(examples), labels=labels, problems=(), unused=(), parent=manifest.fingerprint
    )
    kept = sum(decision == KEEP for decision in chosen.values())
    return version, Relabelling(
        before=manifest.fingerprint,
        after=version.fingerprint,
        relabelled=relabelled,
        removed=tuple(removed),
        kept=kept,
        open=undecided,
    )
