"""A mended copy of a data set: what a check found is put right where only one way is right, and listed."""

from __future__ import annotations

import csv
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from tfl.core.errors import OutputExistsError, UserError
from tfl.core.files import fresh_folder, write_json
from tfl.core.notebook import default_progress
from tfl.core.progress import Progress
from tfl.core.records import Record
from tfl.core.tables import folded, html_table
from tfl.data.check.findings import CheckReport
from tfl.data.check.pictures import right_ending
from tfl.data.check.texts import cleaned
from tfl.data.check.verdict import SKIPPED_RULES
from tfl.data.kinds import KINDS
from tfl.data.manifest import Example, Manifest
from tfl.data.readers import MEANINGFUL

#: The list of what was done, in the mended copy.
FIXES_FILE = "fixes.json"
#: The table of a mended copy whose folders don't say everything, and that of texts.
TABLE_FILE = "manifest.csv"
TEXTS_FILE = "texts.csv"
#: Findings that put copies together, by the first of them.
_SAME = frozenset({"label_conflict", "leakage", "duplicate"})

#: The side that keeps a picture that lies on several: what is scored must not have been learned from.
_RANK = {"test": 0, "validation": 1, "train": 2, None: 3}


@dataclass(frozen=True, kw_only=True)
class Fix(Record):
    """One thing that was put right.

    Attributes:
        rule: The rule that was broken.
        path: The file as it is called in the original.
        action: What was done with it.
        to: Its new path or class; empty for `left_out` and `cleaned`.
        reason: Why.
    """

    rule: str
    path: str
    action: Literal["left_out", "renamed", "relabelled", "cleaned"]
    to: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Mending(Record):
    """A mended copy.

    Attributes:
        source: The original, which was not touched.
        examples: How many the copy has.
        fixes: What was done.
    """

    source: str
    examples: int
    fixes: tuple[Fix, ...]

    def _repr_html_(self) -> str:
        counted = Counter((item.rule, item.action.replace("_", " ")) for item in self.fixes)
        rows = [(*kind, count) for kind, count in counted.most_common()]
        caption = f"Mended copy of {self.source}: {self.examples} examples, {len(self.fixes)} changed"
        told = [(item.path, item.action.replace("_", " "), item.to, item.reason) for item in self.fixes]
        first = html_table(("rule", "what was done", "how often"), rows, caption=caption)
        return first + folded("One by one", ("sample", "what was done", "to", "why"), told)


def mend(manifest: Manifest, report: CheckReport, out: Path, *, progress: Progress | None = None) -> Mending:
    """Write a mended copy of a data set; the original is only read.

    Left out are samples that can't be read, copies, both of two equal ones with different classes, and what
    lies on several sides of a given split: of (nearly) equal ones that which is scored stays, of a group the
    side with more members. Endings follow the content, and classes whose names differ by case, space, hyphen or
    underscore become the most frequent one. Texts of a table lose control characters, and letters that were read in the
    wrong encoding are put right. Folders stay folders where they say everything; otherwise the copy has a
    `manifest.csv`, and of texts a `texts.csv`. `fixes.json` lists all of it.

    Args:
        manifest: That was checked, with digests.
        report: Of the check.
        out: A folder that does not exist or is empty, outside of the data.
        progress: Told about every file.

    Raises:
        OutputExistsError: There is something in `out`.
        UserError: `out` lies inside the data, or nothing would be left.
        JobError: The copy can't be written.
    """
    _require_place(out, _extent(manifest))
    fixes = [*_left_out(manifest, report)]
    gone = {fix.path for fix in fixes}
    kept = [example for example in manifest.examples if example.path not in gone]
    if not kept:
        raise UserError(f"{manifest.root}: nothing would be left of the data.", hint="See: tfl data check DATA")
    broken: dict[str, list[str]] = defaultdict(list)
    for item in report.findings:
        broken[item.path].append(item.rule)
    names = _one_spelling(manifest, report)
    kept = [_without_added(example, report) for example in kept]
    places = _Places(_in_folders(kept))
    mended: list[tuple[Example, str]] = []
    for example in kept:
        rules = broken.get(example.path, [])
        clean, cleaning = _cleaned(example, rules)
        new, changes = places.place(clean, names, Path(manifest.root), wrong="wrong_extension" in rules)
        fixes += [*cleaning, *changes]
        mended.append((new, example.path))
    result = Mending(source=manifest.source or manifest.root, examples=len(kept), fixes=tuple(fixes))
    _write(result, mended, manifest, out, table=not places.in_folders, progress=progress or default_progress())
    return result


def _without_added(example: Example, report: CheckReport) -> Example:
    """Leave out what the check itself told of an example."""
    if not report.added:
        return example
    kept = {name: value for name, value in example.attributes.items() if name not in report.added}
    return replace(example, attributes=kept)


def _cleaned(example: Example, rules: Iterable[str]) -> tuple[Example, list[Fix]]:
    """Put right what stands in a text itself."""
    fixes = []
    for rule in rules:
        text = cleaned(example.text, rule)
        if text != example.text and text.strip():
            example = replace(example, text=text)
            fixes.append(Fix(rule=rule, path=example.path, action="cleaned", to="", reason="only one way is right"))
    return example, fixes


def _extent(manifest: Manifest) -> Path:
    """Return what the data take up: a table does not own the folder that it lies in."""
    return Path(manifest.source if any(example.text for example in manifest.examples) else manifest.root)


def _require_place(out: Path, root: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExistsError(
            f"{out} exists already; a mended copy goes into a new folder.", hint="Choose another name."
        )
    if out.resolve().is_relative_to(root.resolve()):
        raise UserError(
            f"{out} lies inside the data ({root}), which are never changed.", hint="Choose a folder beside them."
        )


def _left_out(manifest: Manifest, report: CheckReport) -> Iterator[Fix]:
    of_path = {example.path: example for example in manifest.examples}
    gone: set[str] = set()
    for fix in (*_damaged(report), *_copies(of_path, manifest, report), *_sides(of_path, report), *_groups(manifest)):
        if fix.path not in gone:
            gone.add(fix.path)
            yield fix


def _damaged(report: CheckReport) -> Iterator[Fix]:
    for item in report.findings:
        if item.rule in SKIPPED_RULES or item.rule in ("duplicate_row", "unused"):
            yield _without(item.rule, item.path, item.message)


def _copies(of_path: dict[str, Example], manifest: Manifest, report: CheckReport) -> Iterator[Fix]:
    kind = KINDS.get(manifest.kind)
    same = kind.examiner().same
    groups: dict[str, list[str]] = defaultdict(list)
    for item in report.findings:
        if item.rule in _SAME and item.related:
            groups[item.related].append(item.path)
    for first_path, others in groups.items():
        copies = [of_path[path] for path in sorted({first_path, *others}) if path in of_path]
        paths = ", ".join(example.path for example in copies)
        if len({example.label for example in copies}) > 1:
            for example in copies:
                yield _without("label_conflict", example.path, f"the same {kind.noun} has several classes: {paths}")
            continue
        first = min(copies, key=lambda example: (_RANK[example.split], example.path))
        for example in copies:
            if example is not first:
                rule = "duplicate" if example.given_split == first.given_split else "leakage"
                yield _without(rule, example.path, f"{same} {first.path}, which stays")


def _sides(of_path: dict[str, Example], report: CheckReport) -> Iterator[Fix]:
    for group in report.duplicate_groups:
        members = [of_path[path] for path in group if path in of_path]
        first = min(members, key=lambda example: (_RANK[example.split], example.path))
        for example in members:
            if example.given_split != first.given_split:
                yield _without("near_leakage", example.path, f"is nearly the same as {first.path}, which stays")


def _groups(manifest: Manifest) -> Iterator[Fix]:
    members: dict[str, list[Example]] = defaultdict(list)
    for example in manifest.examples:
        if example.group and example.given_split:
            members[example.group].append(example)
    for group, examples in members.items():
        sides = Counter(example.given_split for example in examples)
        stays = min(sides, key=lambda side: (-sides[side], str(side)))
        for example in examples:
            if example.given_split != stays:
                yield _without("group_leakage", example.path, f"most of the group '{group}' is in '{stays}'")


def _without(rule: str, path: str, reason: str) -> Fix:
    return Fix(rule=rule, path=path, action="left_out", to="", reason=reason)


def _one_spelling(manifest: Manifest, report: CheckReport) -> dict[str, str]:
    """Map each misspelled class to the most frequent of those that it can't be told from."""
    counts = manifest.counts()
    groups: dict[str, set[str]] = defaultdict(set)
    for item in report.findings:
        if item.rule == "label_spelling":
            groups[item.related] |= {item.related, item.path}
    chosen: dict[str, str] = {}
    for names in groups.values():
        best = min(names, key=lambda name: (-counts.get(name, 0), name))
        chosen |= {name: best for name in names if name != best}
    return chosen


def _in_folders(examples: Iterable[Example]) -> bool:
    """Say whether the folders tell class and split of every file, so that no table is needed."""
    for example in examples:
        told = (example.given_split, example.label) if example.given_split else (example.label,)
        more = example.labels or example.group or example.attributes
        if more or PurePosixPath(example.path).parent.parts[: len(told)] != told:
            return False
    return True


class _Places:
    """New paths, each given once."""

    def __init__(self, in_folders: bool) -> None:
        self.in_folders = in_folders
        self._taken: set[str] = set()

    def place(
        self, example: Example, names: dict[str, str], root: Path, *, wrong: bool
    ) -> tuple[Example, tuple[Fix, ...]]:
        """Return the example as it is in the copy, and what changed."""
        fixes: list[Fix] = []
        path = PurePosixPath(example.path)
        if wrong:
            path = path.with_suffix(right_ending((root / example.path).read_bytes()) or path.suffix)
        new = names.get(example.label, example.label)
        if new != example.label:
            reason = f"'{example.label}' and '{new}' can't be told apart"
            fixes.append(Fix(rule="label_spelling", path=example.path, action="relabelled", to=new, reason=reason))
            if self.in_folders:
                depth = 1 if example.given_split else 0
                path = PurePosixPath(*path.parts[:depth], new, *path.parts[depth + 1 :])
        free, number = path, 1
        while free.as_posix() in self._taken:
            free, number = path.with_name(f"{path.stem}-{number}{path.suffix}"), number + 1
        self._taken.add(free.as_posix())
        if wrong:
            reason = "the ending follows the content"
            fixes.append(
                Fix(rule="wrong_extension", path=example.path, action="renamed", to=free.as_posix(), reason=reason)
            )
        labels = tuple(sorted({names.get(label, label) for label in example.labels}))
        return replace(example, path=free.as_posix(), label=new, labels=labels), tuple(fixes)


def _write(
    result: Mending,
    mended: Sequence[tuple[Example, str]],
    manifest: Manifest,
    out: Path,
    *,
    table: bool,
    progress: Progress,
) -> None:
    root = Path(manifest.root)
    with fresh_folder(out) as place:
        for done, (example, before) in enumerate(mended, 1):
            if not example.text:
                target = place / example.path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / before, target)
            progress.update("copying", done=done, total=len(mended))
        examples = [example for example, _ in mended]
        if any(example.text for example in examples):
            _write_texts(place / TEXTS_FILE, examples)
        elif table:
            _write_table(place / TABLE_FILE, examples)
        write_json(place / FIXES_FILE, result.to_dict())


def _write_texts(file: Path, examples: Sequence[Example]) -> None:
    """Write texts as a table that is read as it was: further columns get a name that means nothing."""
    columns = list(dict.fromkeys(name for example in examples for name in example.attributes))
    labels = "labels" if any(example.labels for example in examples) else "label"
    values = {
        "text": [example.text for example in examples],
        labels: ["|".join(example.labels) or example.label for example in examples],
        "split": [example.given_split or "" for example in examples],
        "group": [example.group for example in examples],
    }
    values = {name: cells for name, cells in values.items() if any(cells)}
    for column in columns:
        name = column
        while name.strip().casefold().replace(" ", "_") in MEANINGFUL or name in values:
            name = f"original_{name}"
        values[name] = [example.attributes.get(column, "") for example in examples]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(values)
        writer.writerows(zip(*values.values(), strict=True))


def _write_table(file: Path, examples: Iterable[Example]) -> None:
    examples = list(examples)
    columns = sorted({name for example in examples for name in example.attributes})
    many = any(example.labels for example in examples)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "labels" if many else "label", "split", "group", *columns])
        for example in examples:
            label = "|".join(example.labels) if many else example.label
            values = [example.attributes.get(name, "") for name in columns]
            writer.writerow([example.path, label, example.given_split or "", example.group, *values])
