"""What must stay together, and where it goes: units of examples, and places decided by a hash of each unit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tfl.core.files import sha256_text
from tfl.data._links import linked
from tfl.data.manifest import Example

#: Hex digits that make a position: 52 bits, all that a float in [0, 1) holds.
_DIGITS = 13


@dataclass(frozen=True)
class Unit:
    """Examples that no cut may part: exact copies, near-duplicates, and the members of a group.

    Attributes:
        keys: What the hash is taken of: the groups' names where there are any, else the contents.
        examples: The members.
    """

    keys: tuple[tuple[str, str], ...]
    examples: tuple[Example, ...]

    @property
    def labels(self) -> frozenset[str]:
        """The members' classes."""
        return frozenset(label for example in self.examples for label in example.all_labels)

    def position(self, *seed: int) -> float:
        """Return a number in [0, 1), uniform over seeds; the smallest over the keys."""
        words = [str(number) for number in seed]
        return min(int(sha256_text(*words, *key)[:_DIGITS], 16) / float(16**_DIGITS) for key in self.keys)


def make_units(examples: Iterable[Example], duplicate_groups: Iterable[Iterable[str]] = ()) -> tuple[Unit, ...]:
    """Join examples that have the same bytes, the same group, or stand in one group of duplicates.

    Args:
        examples: With digests; without, the path stands for the content.
        duplicate_groups: Paths of near-duplicates, group by group; unknown paths are passed over.
    """
    examples = tuple(examples)
    by_key: dict[tuple[str, str], list[int]] = defaultdict(list)
    places: dict[str, int] = {}
    for index, example in enumerate(examples):
        by_key[_content(example)].append(index)
        if example.group:
            by_key["group", example.group].append(index)
        places[example.path] = index
    ties = [*by_key.values(), *([places[path] for path in group if path in places] for group in duplicate_groups)]
    pairs = ((tie[0], index) for tie in ties for index in tie[1:])
    members = [tuple(examples[index] for index in group) for group in linked(len(examples), pairs)]
    return tuple(Unit(_keys(group), group) for group in members)


def _content(example: Example) -> tuple[str, str]:
    return ("content", example.sha256 or example.path)


def _keys(members: Sequence[Example]) -> tuple[tuple[str, str], ...]:
    groups = {("group", example.group) for example in members if example.group}
    return tuple(sorted(groups or {_content(example) for example in members}))


def place_units(units: Sequence[Unit], shares: Sequence[float], *, seed: tuple[int, ...]) -> list[int]:
    """Give each unit one of the places 0, 1, ... by comparing its position with the cumulated shares.

    No unit's place depends on the others, so that adding some moves none. The one exception: where a class would
    have nothing in a place, the unit nearest to that place in position is moved there. A class of n units fills
    the first n places in the order `last, first, second, ...`: the last place is the one to learn from.

    Args:
        units: From `make_units`.
        shares: One per place, adding up to 1. The number of a class's units in a place is binomial.
        seed: Another one gives other positions.

    Returns:
        The index into `shares`, per unit.
    """
    borders = [sum(shares[: index + 1]) for index in range(len(shares) - 1)]
    positions = [unit.position(*seed) for unit in units]
    places = [sum(position >= border for border in borders) for position in positions]
    by_class: dict[str, list[int]] = defaultdict(list)
    for index, unit in enumerate(units):
        for label in unit.labels:
            by_class[label].append(index)
    order = [len(shares) - 1, *range(len(shares) - 1)]
    needed = {label: order[: len(members)] for label, members in by_class.items()}
    counts = {label: Counter(places[index] for index in members) for label, members in by_class.items()}

    def can_leave(index: int) -> bool:
        place = places[index]
        return all(place not in needed[label] or counts[label][place] > 1 for label in units[index].labels)

    for label in sorted(by_class):
        for place in needed[label]:
            movable = [index for index in by_class[label] if can_leave(index)]
            if counts[label][place] or not movable:
                continue
            low, high = sum(shares[:place]), sum(shares[: place + 1])
            nearest = min(movable, key=lambda index: (_distance(positions[index], low, high), positions[index]))
            for other in units[nearest].labels:
                counts[other].subtract([places[nearest]])
                counts[other][place] += 1
            places[nearest] = place
    return places


def _distance(position: float, low: float, high: float) -> float:
    return max(low - position, position - high, 0.0)
