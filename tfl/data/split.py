"""Splits: stratified, seeded and tied to content, so that renaming or adding files moves no other file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from tfl.core.errors import DataError
from tfl.data.kinds import KINDS
from tfl.data.manifest import Manifest, SplitName
from tfl.data.units import Unit, make_units, place_units


def assign_splits(
    manifest: Manifest,
    *,
    validation_fraction: float = 0.15,
    test_fraction: float = 0.15,
    seed: int = 0,
    duplicate_groups: Iterable[Iterable[str]] = (),
) -> Manifest:
    """Give every example a split.

    Splits that the data came with stay as they are. What is missing is cut off the training part. Exact copies,
    near-duplicates and the members of a group (`Example.group`) go to the same side, whatever their classes.

    The side is decided by a hash of the seed and the group or the content, compared with the fractions. It depends
    on nothing else, so that adding, deleting or renaming files moves no other file. The price is that the shares
    are met on average only: of n different samples, `n * fraction` are cut off with a standard deviation of
    `sqrt(n * fraction * (1 - fraction))`, so 100 samples and 0.15 give 15 with a deviation of 3.6.

    An old file can move in two cases. Where a class has no sample in a split by its hashes, the one nearest to the
    border is taken, and goes back when a new one falls there by its own hash; with fractions of 0.15 that is
    the case for 37 % of the classes with 10 pictures, 1.5 % with 30 and 0.06 % with 50. And where a new file ties
    old ones to another unit, as a near-duplicate of both, they have to come together.

    Args:
        manifest: With digests.
        validation_fraction: Share that chooses the epoch.
        test_fraction: Share that is scored.
        seed: Another seed gives another cut.
        duplicate_groups: Paths of near-duplicates, group by group.

    Raises:
        DataError: A class has fewer than two different samples, or groups leave none of it to learn from. With two,
            there is none for validation.
    """
    present = {example.split for example in manifest.examples if example.split}
    shares: dict[SplitName, float] = {}
    if "test" not in present:
        shares["test"] = test_fraction
    if "validation" not in present:
        shares["validation"] = validation_fraction
    units = make_units(manifest.examples, duplicate_groups)
    free = [unit for unit in units if not _given_side(unit)]
    _require_enough(manifest, free if shares else ())
    names: tuple[SplitName, ...] = (*shares, "train")
    places = place_units(free, (*shares.values(), 1.0 - sum(shares.values())), seed=(seed,))
    sides: dict[str, SplitName | None] = {}
    for unit in units:
        # What is given stands, also where a copy of it was given another side: the check tells of that.
        sides |= {example.path: example.split or _given_side(unit) for example in unit.examples}
    for unit, place in zip(free, places, strict=True):
        sides |= dict.fromkeys((example.path for example in unit.examples), names[place])
    _require_learned(manifest, free, [names[place] for place in places])
    examples = tuple(replace(example, split=sides[example.path]) for example in manifest.examples)
    return replace(manifest, examples=examples)


def _given_side(unit: Unit) -> SplitName | None:
    """Return the side that a member was given for scoring or choosing, or None; the test split comes first."""
    given = {example.split for example in unit.examples}
    return "test" if "test" in given else "validation" if "validation" in given else None


def _require_learned(manifest: Manifest, units: Sequence[Unit], sides: Sequence[SplitName]) -> None:
    free = {label for unit in units for label in unit.labels}
    learned = {label for unit, side in zip(units, sides, strict=True) if side == "train" for label in unit.labels}
    missing = [label for label in manifest.labels if label in free - learned]
    if missing:
        raise DataError(
            f"The groups tie the classes together so that none is left to learn from: {', '.join(missing)}.",
            hint="Choose another --group-column, other fractions or another --seed.",
        )


def _require_enough(manifest: Manifest, units: Sequence[Unit]) -> None:
    counts: dict[str, int] = defaultdict(int)
    for unit in units:
        for label in unit.labels:
            counts[label] += 1
    problems = [label for label in manifest.labels if counts[label] == 1]
    if problems:
        nouns = KINDS.get(manifest.kind).nouns
        raise DataError(
            f"Each class needs at least 2 different training {nouns} to be split; with 1: {', '.join(problems)}.",
            hint=f"Add {nouns} to these classes, or leave them out. Copies, near-duplicates and {nouns} of one group "
            "count as one, because they stay on one side.",
        )
