"""Splits: seeded, and tied to content, so that renaming or adding files moves no old file.

The side of a picture is a hash of the seed and its content (or its group) held against the fractions, as in the
splitting by hash of "Rules of Machine Learning" and TFX. The share of a class on a side is therefore binomial
around its fraction: with 100 pictures and a fraction of 0.15, 8 to 22 of them in 95 of 100 cases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tfl.core.errors import DataError
from tfl.core.files import sha256_text
from tfl.data.manifest import Example, Manifest, SplitName

_HASH_DIGITS = 13
_HASH_RANGE = float(16**_HASH_DIGITS)
#: Groups of several classes can take from one class what another lends; more rounds than this settle nothing.
_ROUNDS = 3


def assign_splits(
    manifest: Manifest,
    *,
    validation_fraction: float = 0.15,
    test_fraction: float = 0.15,
    seed: int = 0,
    duplicate_groups: Iterable[Sequence[str]] = (),
) -> Manifest:
    """Give every example a split.

    Splits that the data came with stay as they are. What is missing is cut off the training part. Pictures with
    the same bytes, of one group, or near copies of each other go to the same side, so that nothing leaks.

    Adding or renaming files moves no old file, with two exceptions: a class so small that a side of it would be
    empty lends it the picture nearest to that side, until more pictures fill it; and a new near copy of two old
    pictures that lie on different sides pulls one of them over.

    Args:
        manifest: With digests.
        validation_fraction: Expected share of each class that chooses the epoch.
        test_fraction: Expected share of each class that is scored.
        seed: Another seed gives another cut.
        duplicate_groups: Paths of pictures that are near copies of each other.

    Raises:
        DataError: A class has fewer than two different pictures or groups. With two, there is none for validation.
    """
    present = {example.split for example in manifest.examples if example.split}
    shares: dict[SplitName, float] = {}
    if not present:
        shares["test"] = test_fraction
    if "validation" not in present:
        shares["validation"] = validation_fraction
    free = [example for example in manifest.examples if example.split in (None, "train")]
    keys = group_keys(free, duplicate_groups)
    places = {key: position(key, seed) for key in set(keys.values())}
    sides = {key: _side(place, shares) for key, place in places.items()}
    _fill_empty_sides(manifest.labels, free, keys, places, sides, shares)
    examples = tuple(
        replace(example, split=sides[keys[example.path]]) if example.path in keys else example
        for example in manifest.examples
    )
    return replace(manifest, examples=examples)


def group_keys(examples: Sequence[Example], duplicate_groups: Iterable[Sequence[str]] = ()) -> dict[str, str]:
    """Give the same key to what must stay together: the same bytes, the same group, near copies, and what links them.

    Args:
        examples: With digests.
        duplicate_groups: Paths of near copies; paths that are not among the examples are passed over.

    Returns:
        Path to key. The key is the smallest name that links them: groups first, then digests of contents.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    def join(one: str, other: str) -> None:
        low, high = sorted((root(one), root(other)))
        parent[high] = low

    # `a` sorts before `b`, so that a group's name stands for what it links.
    own = {example.path: f"b:{example.sha256 or example.path}" for example in examples}
    for example in examples:
        if example.group:
            join(f"a:{example.group}", own[example.path])
    for paths in duplicate_groups:
        known = [path for path in paths if path in own]
        for path in known[1:]:
            join(own[known[0]], own[path])
    return {path: root(name) for path, name in own.items()}


def position(key: str, seed: int) -> float:
    """Return where a key falls in [0, 1), the same for a seed whatever else there is."""
    return int(sha256_text(str(seed), key)[:_HASH_DIGITS], 16) / _HASH_RANGE


def _side(place: float, shares: Mapping[SplitName, float]) -> SplitName:
    start = 0.0
    for split, share in shares.items():
        start += share
        if place < start:
            return split
    return "train"


def _fill_empty_sides(
    labels: Sequence[str],
    examples: Sequence[Example],
    keys: Mapping[str, str],
    places: Mapping[str, float],
    sides: dict[str, SplitName],
    shares: Mapping[SplitName, float],
) -> None:
    """Let each class have a key on every side that it has enough keys for."""
    of_label: dict[str, set[str]] = defaultdict(set)
    for example in examples:
        for label in example.all_labels:
            of_label[label].add(keys[example.path])
    alone = [label for label in labels if len(of_label[label]) == 1]
    if alone and shares:
        grouped = any(example.group for example in examples)
        raise DataError(
            f"Each class needs at least 2 different training pictures to be split; with 1: {', '.join(alone)}.",
            hint="Pictures of one group count as one; add other groups with these classes, or leave the classes out."
            if grouped
            else "Add pictures to these classes, or leave their folders out.",
        )
    for _ in range(_ROUNDS):
        for label in labels:
            own = sorted(of_label[label], key=lambda key: (places[key], key))
            # Training comes first, then what is scored; with two keys nothing is left to choose the epoch.
            names: list[SplitName] = ["train", *shares]
            for split in names[: len(own)]:
                if all(sides[key] != split for key in own):
                    sides[_nearest(split, own, sides, names[: len(own)])] = split
    unlearned = [label for label in labels if of_label[label] and all(sides[key] != "train" for key in of_label[label])]
    if unlearned:
        raise DataError(
            f"The groups tie the classes together so that none is left to learn from: {', '.join(unlearned)}.",
            hint="Choose another --group-column, other fractions or another --seed.",
        )


def _nearest(split: SplitName, own: Sequence[str], sides: Mapping[str, SplitName], wanted: Sequence[SplitName]) -> str:
    """Choose the key to move: the last in order for training, else the first, from a side that can spare it."""
    count = {side: sum(sides[key] == side for key in own) for side in {sides[key] for key in own}}
    spare = [key for key in own if count[sides[key]] > 1 or sides[key] not in wanted]
    return spare[-1] if split == "train" else spare[0]
