"""Folds for cross-validation, by the same rule as splits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tfl.core.errors import ConfigError, DataError
from tfl.core.records import Record
from tfl.data.kinds import KINDS
from tfl.data.manifest import Manifest
from tfl.data.units import make_units, place_units


@dataclass(frozen=True, kw_only=True)
class Fold(Record):
    """One cut of the data in two.

    Attributes:
        repeat: Which of the repeats, from 0.
        fold: Which of the k folds, from 0.
        train: Paths to learn from, in the manifest's order.
        validation: Paths to score, in the manifest's order.
    """

    repeat: int
    fold: int
    train: tuple[str, ...]
    validation: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Folds(Record):
    """All folds of one data set.

    Attributes:
        k: Folds of each repeat.
        repeats: How often the data are cut anew.
        seed: Of the cuts.
        data_fingerprint: Of the manifest.
    """

    k: int
    repeats: int
    seed: int
    data_fingerprint: str
    folds: tuple[Fold, ...]


def k_folds(
    manifest: Manifest, k: int, *, repeats: int = 1, seed: int = 0, duplicate_groups: Iterable[Iterable[str]] = ()
) -> tuple[Fold, ...]:
    """Cut the examples k ways, so that each is scored once in every repeat.

    Exact copies, near-duplicates and the members of a group are scored in the same fold. The fold is decided by a
    hash, as in `tfl.data.split.assign_splits`: new files move no old ones, a class's share of each fold is
    binomial, and a class with at least k different samples is in every fold. Examples of a test split that the
    data came with take no part.

    Args:
        manifest: With digests.
        k: At least 2.
        repeats: At least 1; each is cut with other hashes.
        seed: Another seed gives other cuts.
        duplicate_groups: Paths of near-duplicates, group by group.

    Returns:
        `k * repeats` folds, repeat after repeat.

    Raises:
        ConfigError: `k` or `repeats` is too small.
        DataError: A class has fewer than k different samples.
    """
    if k < 2 or repeats < 1:
        raise ConfigError(f"k must be at least 2 and repeats at least 1. Received: k = {k}, repeats = {repeats}.")
    examples = tuple(example for example in manifest.examples if example.split != "test")
    units = make_units(examples, duplicate_groups)
    counts: dict[str, int] = defaultdict(int)
    for unit in units:
        for label in unit.labels:
            counts[label] += 1
    small = [f"{label} ({count})" for label, count in sorted(counts.items()) if count < k]
    if small:
        nouns = KINDS.get(manifest.kind).nouns
        raise DataError(
            f"For {k} folds each class needs at least {k} different {nouns}; these have fewer: {', '.join(small)}.",
            hint=f"Choose a smaller k, or add {nouns}. Copies and {nouns} of one group count as one.",
        )
    folds = []
    for repeat in range(repeats):
        places = place_units(units, (1.0 / k,) * k, seed=(seed, repeat))
        fold_of = {example.path: place for unit, place in zip(units, places, strict=True) for example in unit.examples}
        folds += [
            Fold(
                repeat=repeat,
                fold=fold,
                train=tuple(item.path for item in examples if fold_of[item.path] != fold),
                validation=tuple(item.path for item in examples if fold_of[item.path] == fold),
            )
            for fold in range(k)
        ]
    return tuple(folds)
