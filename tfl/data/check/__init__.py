"""The data check: every sample is looked at once, as a whole, and held against the rules; so is the set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from tfl.core.progress import Progress
from tfl.data.check import sets
from tfl.data.check.examine import Examiner, Seen
from tfl.data.check.findings import RULES, CheckReport, Finding, finding
from tfl.data.check.names import odd_names
from tfl.data.check.verdict import SKIPPED_RULES, make_report, refused, require_clean, skip_bad
from tfl.data.kinds import KINDS
from tfl.data.manifest import Example, Manifest

__all__ = [
    "RULES",
    "SKIPPED_RULES",
    "CheckReport",
    "Depth",
    "Finding",
    "check",
    "refused",
    "require_clean",
    "skip_bad",
]

#: `pixels` opens every file; `structure` looks at names, classes, splits, groups and what the reader met.
Depth = Literal["pixels", "structure"]


def check(
    manifest: Manifest, *, depth: Depth = "pixels", fresh: bool = False, progress: Progress | None = None
) -> tuple[CheckReport, Manifest]:
    """Check every sample and the set as a whole.

    What is seen of a picture's file is kept in tfl's cache, so that a check that was interrupted goes on where it
    stopped, and files that have not changed (size, time of change, inode) are not read again.

    Args:
        manifest: From a reader.
        depth: Whether files are opened. Without, a million of them take seconds, and have no digests.
        fresh: Read files again that have not changed.
        progress: Told about every file.

    Returns:
        The report, and the manifest with each sample's SHA-256 where files were opened, and with what the check can
        tell of it as attributes, such as the length of a text.
    """
    kind = KINDS.get(manifest.kind)
    if depth == "structure":
        message = f"no {kind.noun} was opened"
        findings = [*_of_the_set(manifest, manifest.examples, ()), finding("not_checked", "", message)]
        return make_report(manifest, findings, ()), manifest
    examiner = kind.examiner()
    seen = examiner.look_at_all(manifest.examples, Path(manifest.root), fresh=fresh, progress=progress or Progress())
    findings = list(_altered(manifest.examples, seen))
    manifest, added = _known(manifest, seen, examiner)
    examples = manifest.examples
    good = [example for example, item in zip(examples, seen, strict=True) if item.is_usable]
    copies = sets.find_copies(seen, examiner)
    groups = tuple(
        tuple(examples[index].path for index in group)
        for group in copies.bound
        if not sets.alike_by_nature(group, examples)
    )
    findings += [
        finding(rule, example.path, message)
        for example, item in zip(examples, seen, strict=True)
        for rule, message in item.faults
    ]
    findings += examiner.judge(examples, seen)
    findings += _of_the_set(manifest, good, groups)
    findings += sets.exact_copies(examples, copies, kind, same=examiner.same)
    findings += sets.near_findings(examples, copies, kind)
    findings += examiner.not_checked(seen)
    return make_report(manifest, findings, groups, added=added), manifest


def _known(manifest: Manifest, seen: Sequence[Seen], examiner: Examiner[Any]) -> tuple[Manifest, tuple[str, ...]]:
    """Put digests and attributes into the examples; return also the names of attributes that are new."""
    own = {name for example in manifest.examples for name in example.attributes}
    added: dict[str, None] = {}
    examples = []
    for example, item in zip(manifest.examples, seen, strict=True):
        new = {name: value for name, value in examiner.attributes(item).items() if name not in own}
        added |= dict.fromkeys(new)
        attributes = {**example.attributes, **new} if new else example.attributes
        examples.append(replace(example, sha256=item.digest, attributes=attributes))
    return replace(manifest, examples=tuple(examples)), tuple(added)


def _of_the_set(
    manifest: Manifest, good: Sequence[Example], duplicate_groups: Sequence[Sequence[str]]
) -> Iterator[Finding]:
    for path in manifest.unused:
        yield finding("unused", path, "belongs to no class, so it is left out")
    for problem in manifest.problems:
        yield finding(problem.rule, problem.path, problem.message)
    yield from sets.class_count(good, KINDS.get(manifest.kind))
    yield from sets.class_sizes(manifest, good, duplicate_groups)
    yield from sets.split_classes(manifest, good)
    yield from sets.groups_on_both_sides(good)
    yield from odd_names(manifest.labels)


def _altered(examples: Sequence[Example], seen: Sequence[Seen]) -> Iterator[Finding]:
    for example, item in zip(examples, seen, strict=True):
        if example.sha256 and item.digest and example.sha256 != item.digest:
            message = f"is not the file that was listed: SHA-256 {item.digest[:12]}..., not {example.sha256[:12]}..."
            yield finding("altered", example.path, message)
