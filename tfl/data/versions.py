"""Versions of data: what changed from one manifest to another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tfl.core.records import Record
from tfl.data.manifest import Example, Manifest

ChangeKind = Literal["added", "removed", "renamed", "content", "relabelled", "moved", "regrouped", "columns"]
CHANGE_KINDS: tuple[ChangeKind, ...] = get_args(ChangeKind)


@dataclass(frozen=True, kw_only=True)
class Change(Record):
    """One difference of one sample.

    Attributes:
        kind: `added`, `removed`, `renamed` (same bytes under another path), `content` (other bytes under the same
            path), `relabelled`, `moved` (to another split), `regrouped`, or `columns` (other attributes).
        path: In the new version; in the old one where it was removed.
        before: The old path, label or split, or the digest's first 12 digits; empty where added.
        after: The new one; empty where removed.
    """

    kind: ChangeKind
    path: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class DataDiff(Record):
    """What changed between two versions.

    Attributes:
        before: Where the old version lies.
        after: Where the new one lies.
        fingerprint_before: `Manifest.fingerprint`.
        fingerprint_after: The same of the new version.
        examples_before: How many examples.
        examples_after: How many examples.
        unchanged: Examples of the new version without any difference.
        counts: Changes per kind, all kinds.
        changes: In the order of the kinds, then of the paths. A file may have several.
    """

    before: str
    after: str
    fingerprint_before: str
    fingerprint_after: str
    examples_before: int
    examples_after: int
    unchanged: int
    counts: dict[str, int]
    changes: tuple[Change, ...]

    @property
    def is_same(self) -> bool:
        """Whether nothing changed."""
        return not self.changes


def diff_manifests(before: Manifest, after: Manifest, *, names: tuple[str, str] = ("before", "after")) -> DataDiff:
    """Compare two versions, sample by sample.

    Files are matched by path, and those that are left by content, so that a renamed file is not told as removed and
    added. Texts of a table are matched by content first, because one new row moves all lines below it. A label is
    compared along either match. Splits are compared where both versions have one.

    Args:
        before: With digests.
        after: With digests.
        names: What the record calls them.
    """
    moved = _same_content(
        [item for item in before.examples if item.text], [item for item in after.examples if item.text]
    )
    done_old, done_new = ({pair[side].path for pair in moved} for side in (0, 1))
    old = {example.path: example for example in before.examples if example.path not in done_old}
    others = [example for example in after.examples if example.path not in done_new]
    pairs = [(old[example.path], example) for example in others if example.path in old]
    here = {example.path for example in others}
    gone = [example for path, example in old.items() if path not in here]
    come = [example for example in others if example.path not in old]
    renamed = _same_content(gone, come)
    matched_old, matched_new = ({pair[side].path for pair in renamed} for side in (0, 1))
    renamed += moved
    changes = [_change("added", item.path, "", item.label) for item in come if item.path not in matched_new]
    changes += [_change("removed", item.path, item.label, "") for item in gone if item.path not in matched_old]
    changes += [_change("renamed", new.path, was.path, new.path) for was, new in renamed if _place(was) != _place(new)]
    for was, new in [*pairs, *renamed]:
        changes += _differences(was, new)
    changes.sort(key=lambda item: (CHANGE_KINDS.index(item.kind), item.path))
    touched = {change.path for change in changes if change.kind != "removed"}
    return DataDiff(
        before=names[0],
        after=names[1],
        fingerprint_before=before.fingerprint,
        fingerprint_after=after.fingerprint,
        examples_before=len(before.examples),
        examples_after=len(after.examples),
        unchanged=sum(example.path not in touched for example in after.examples),
        counts={kind: sum(change.kind == kind for change in changes) for kind in CHANGE_KINDS},
        changes=tuple(changes),
    )


def _change(kind: ChangeKind, path: str, before: str, after: str) -> Change:
    return Change(kind=kind, path=path, before=before, after=after)


def _place(example: Example) -> str:
    """Return where a sample lies: its file, whatever the line."""
    return example.path.rpartition(":")[0] if example.text else example.path


def _same_content(gone: Sequence[Example], come: Sequence[Example]) -> list[tuple[Example, Example]]:
    """Pair samples of the same content; of several copies, those of the same label and place first."""
    by_content: dict[str, list[Example]] = defaultdict(list)
    for example in gone:
        if example.sha256 or example.text:
            by_content[example.sha256 or example.text].append(example)
    pairs = []
    for example in come:
        candidates = by_content.get(example.sha256 or example.text, [])
        if candidates:
            match = max(candidates, key=lambda item: (item.label == example.label, item.path == example.path))
            candidates.remove(match)
            pairs.append((match, example))
    return pairs


def _differences(was: Example, new: Example) -> list[Change]:
    changes = []
    if was.sha256 and new.sha256 and was.sha256 != new.sha256:
        changes.append(_change("content", new.path, was.sha256[:12], new.sha256[:12]))
    if (was.label, was.labels) != (new.label, new.labels):
        changes.append(_change("relabelled", new.path, was.label, new.label))
    if was.split and new.split and was.split != new.split:
        changes.append(_change("moved", new.path, was.split, new.split))
    if was.group != new.group:
        changes.append(_change("regrouped", new.path, was.group, new.group))
    if was.attributes != new.attributes:
        changes.append(_change("columns", new.path, _told(was.attributes), _told(new.attributes)))
    return changes


def _told(attributes: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(attributes.items()))
