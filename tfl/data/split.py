"""Splits: stratified, seeded and tied to content, so that renaming or adding files moves no other file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from tfl.core.errors import DataError
from tfl.core.files import sha256_text
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
        DataError: A class has fewer than two different pictures. With two, there is none for validation.
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
    side_of: dict[str, SplitName] = {}
    problems = []
    for label in manifest.labels:
        groups = _groups(by_class[label], seed)
        if len(groups) == 1 and shares:
            problems.append(label)
            continue
        # A picture that stands in two classes stays on one side all the same.
        settled = {key: side_of[key] for key in groups if key in side_of}
        cut = _cut([key for key in groups if key not in settled], shares) | settled
        side_of |= cut
        chosen |= {example.path: cut[key] for key, copies in groups.items() for example in copies}
    if problems:
        raise DataError(
            f"Each class needs at least 2 different training pictures to be split; with 1: {', '.join(problems)}.",
            hint="Add pictures to these classes, or leave their folders out.",
        )
    examples = tuple(
        replace(example, split=chosen.get(example.path, example.split or "train")) for example in manifest.examples
    )
    return replace(manifest, examples=examples)


def _groups(examples: Sequence[Example], seed: int) -> dict[str, list[Example]]:
    """Gather exact copies by content, ordered by a hash of seed and content."""
    groups: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example.sha256 or example.path].append(example)
    return {key: groups[key] for key in sorted(groups, key=lambda key: sha256_text(str(seed), key))}


def _cut(keys: Sequence[str], shares: dict[SplitName, float]) -> dict[str, SplitName]:
    """Cut each share off the front; training keeps at least one, and with few keys the later shares get none."""
    cut: dict[str, SplitName] = dict.fromkeys(keys, "train")
    names = list(shares)[: max(0, len(keys) - 1)]
    start = 0
    for left, split in zip(reversed(range(len(names))), names, strict=True):
        count = min(max(1, round(shares[split] * len(keys))), len(keys) - start - left - 1)
        cut |= dict.fromkeys(keys[start : start + count], split)
        start += count
    return cut
