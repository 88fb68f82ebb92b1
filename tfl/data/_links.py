"""Which things belong together when pairs of them do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable


def linked(count: int, pairs: Iterable[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Gather the indices below `count` that pairs link, directly or through others.

    Returns:
        Every index once, in groups of one and more; each group rises, and the groups rise by their first index.
    """
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    groups: dict[int, list[int]] = defaultdict(list)
    for index in range(count):
        groups[root(index)].append(index)
    return [tuple(members) for members in groups.values()]
