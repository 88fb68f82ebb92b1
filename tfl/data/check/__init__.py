"""The data check: every file is read once, decoded whole, and held against the rules; so is the set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from tfl.core.extras import install_command
from tfl.core.progress import Progress
from tfl.data.check import sets
from tfl.data.check.findings import RULES, CheckReport, Finding, finding
from tfl.data.check.looking import look_at_all
from tfl.data.check.names import odd_names
from tfl.data.check.near import LEAST_SIDE
from tfl.data.check.pictures import Abilities, Seen
from tfl.data.check.quality import judge
from tfl.data.check.verdict import SKIPPED_RULES, make_report, refused, require_clean, skip_bad
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
    """Check every file and the set as a whole.

    What is seen of a file is kept in tfl's cache, so that a check that was interrupted goes on where it stopped, and
    files that have not changed (size, time of change, inode) are not read again.

    Args:
        manifest: From a reader.
        depth: Whether files are opened. Without, a million of them take seconds, and have no digests.
        fresh: Read files again that have not changed.
        progress: Told about every file.

    Returns:
        The report, and the manifest with each file's SHA-256 where files were opened.
    """
    if depth == "structure":
        findings = [*_of_the_set(manifest, manifest.examples, ()), finding("not_checked", "", "no picture was opened")]
        return make_report(manifest, findings, ()), manifest
    abilities = Abilities.here()
    seen = look_at_all(manifest.examples, Path(manifest.root), abilities, fresh=fresh, progress=progress or Progress())
    findings = list(_altered(manifest.examples, seen))
    examples = tuple(
        replace(example, sha256=item.digest) for example, item in zip(manifest.examples, seen, strict=True)
    )
    manifest = replace(manifest, examples=examples)
    good = [example for example, item in zip(examples, seen, strict=True) if item.side]
    near = sets.near_copies(examples, seen)
    groups = tuple(
        tuple(examples[index].path for index in group) for group in near if not sets.alike_by_nature(group, examples)
    )
    findings += [
        finding(rule, example.path, message)
        for example, item in zip(examples, seen, strict=True)
        for rule, message in item.faults
    ]
    findings += [
        finding(rule, examples[index].path, message, badness=badness)
        for index, rule, message, badness in judge([item.quality for item in seen])
    ]
    findings += [*_of_the_set(manifest, good, groups), *sets.exact_copies(good), *sets.near_findings(examples, near)]
    findings += _not_checked(seen, abilities)
    return make_report(manifest, findings, groups), manifest


def _of_the_set(
    manifest: Manifest, good: Sequence[Example], duplicate_groups: Sequence[Sequence[str]]
) -> Iterator[Finding]:
    for path in manifest.unused:
        yield finding("unused", path, "belongs to no class, so it is left out")
    for problem in manifest.problems:
        yield finding(problem.rule, problem.path, problem.message)
    yield from sets.class_count(good)
    yield from sets.class_sizes(manifest, good, duplicate_groups)
    yield from sets.split_classes(manifest, good)
    yield from sets.groups_on_both_sides(good)
    yield from odd_names(manifest.labels)


def _altered(examples: Sequence[Example], seen: Sequence[Seen]) -> Iterator[Finding]:
    for example, item in zip(examples, seen, strict=True):
        if example.sha256 and item.digest and example.sha256 != item.digest:
            message = f"is not the file that was listed: SHA-256 {item.digest[:12]}..., not {example.sha256[:12]}..."
            yield finding("altered", example.path, message)


def _not_checked(seen: Sequence[Seen], abilities: Abilities) -> Iterator[Finding]:
    if not abilities.near:
        yield finding("not_checked", "", f"near copies were not looked for: {install_command('imagehash')}")
    if not abilities.quality:
        message = f"darkness, blur and the like were not looked for: {install_command('cleanvision')}"
        yield finding("not_checked", "", message)
    small = sum(0 < item.side < LEAST_SIDE for item in seen)
    if small and abilities.near:
        which = "1 picture is" if small == 1 else f"{small} pictures are"
        message = f"{which} under {LEAST_SIDE} pixels, too small to be compared for near copies"
        yield finding("not_compared", "", message)
