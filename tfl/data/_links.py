"""Which things belong together when pairs of them do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable


class Links:
    """Indices below a count, joined pair by pair.

    Args:
        count: How many there are.
    """

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def _root(self, index: int) -> int:
        parent = self._parent
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def are_linked(self, one: int, other: int) -> bool:
        """Say whether two are linked, directly or through others."""
        return self._root(one) == self._root(other)

    def link(self, one: int, other: int) -> None:
        """Join two."""
        low, high = sorted((self._root(one), self._root(other)))
        self._parent[high] = low

    def groups(self) -> list[tuple[int, ...]]:
        """Return every index once, in groups of one and more; each rises, and they rise by their first index."""
        groups: dict[int, list[int]] = defaultdict(list)
        for index in range(len(self._parent)):
            groups[self._root(index)].append(index)
        return [tuple(members) for members in groups.values()]


def linked(count: int, pairs: Iterable[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Gather the indices below `count` that pairs link, directly or through others.

    Returns:
        Every index once, in groups of one and more; each group rises, and the groups rise by their first index.
    """
    links = Links(count)
    for one, other in pairs:
        links.link(one, other)
    return links.groups()
