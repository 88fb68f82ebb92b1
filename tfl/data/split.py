"""Splits: stratified, seeded and tied to content, so that renaming or adding files moves no other file."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from tfl.core.errors import DataError
from tfl.data.manifest import Example, Manifest, SplitName


def assign_splits(
    manifest: Manifest, *, validation_fraction: float = 0.15, test_fraction: float = 0.15, seed: int = 0
) -> Manifest:
    """Give every example a split.

    Splits that the data came with stay as they are. What is missing is cut off the training part, class
    by class. Files with the same bytes go to the same side, so that no exact copy leaks.

    Args:
        manifest: With digests.
        validation_fraction: Share of each class that chooses the epoch.
        test_fraction: Share of each class that is scored.
        seed: Another seed gives another cut.

    Raises:
        DataError: A class has too few different pictures.
    """
    present = {example.split for example in manifest.examples if example.split}
    shares: dict[SplitName, float] = {}
    if not present:
        shares["test"] = test_fraction
    if "validation" not in present:
        shares["validation"] = validation_fraction
    by_class: dict[str, list[Example]] = defaultdict(list)
    for example in manifest.examples:
        if example.split in (None, "train"):
            by_class[example.label].append(example)
    chosen: dict[str, SplitName] = {}
    problems = []
    for label in manifest.labels:
        groups = _groups(by_class[label], seed)
        if len(groups) < 1 + len(shares):
            problems.append(f"'{label}' has {len(groups)}")
            continue
        chosen |= _cut(groups, shares)
    if problems:
        raise DataError(
            f"Each class needs at least {1 + len(shares)} different pictures to be split: {', '.join(problems)}.",
            hint="Add pictures to these classes, or leave their folders out.",
        )
    examples = tuple(
        replace(example, split=chosen.get(example.path, example.split or "train")) for example in manifest.examples
    )
    return replace(manifest, examples=examples)


def _groups(examples: Sequence[Example], seed: int) -> list[list[Example]]:
    """Gather exact copies, and order the groups by a hash of seed and content."""
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.sha256 or example.path].append(example)
    keys = sorted(groups, key=lambda key: hashlib.sha256(f"{seed}:{key}".encode()).digest())
    return [groups[key] for key in keys]


def _cut(groups: list[list[Example]], shares: dict[SplitName, float]) -> dict[str, SplitName]:
    chosen: dict[str, SplitName] = {}
    start = 0
    for position, (split, share) in enumerate(shares.items()):
        left_for_others = len(shares) - position
        count = min(max(1, round(share * len(groups))), len(groups) - start - left_for_others)
        for group in groups[start : start + count]:
            chosen |= dict.fromkeys((example.path for example in group), split)
        start += count
    return chosen
