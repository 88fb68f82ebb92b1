"""What data call their splits, and what it means."""

from __future__ import annotations

from collections.abc import Mapping

from tfl.data.manifest import SplitName

#: What the data may call a split, folded, and what it means when all three kinds are there.
SPLIT_NAMES: dict[str, SplitName] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}


def with_a_test(named: Mapping[str, SplitName]) -> dict[str, SplitName]:
    """Let `val` be what is scored where there is no test part, so that nothing chooses on it.

    Args:
        named: The data's own names and what they mean alone.
    """
    if "test" in named.values():
        return dict(named)
    return {name: "test" if meaning == "validation" else meaning for name, meaning in named.items()}
