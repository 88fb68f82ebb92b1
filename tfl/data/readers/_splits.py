"""What data call their splits, and what it means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from tfl.core.errors import DataError
from tfl.data.manifest import SplitName

_NAMED = 10

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
#: What files and columns may call a split beside; a folder of that name could be a class.
TABLE_SPLIT_NAMES: dict[str, SplitName] = {**SPLIT_NAMES, "dev": "validation", "development": "validation"}


def with_a_test(named: Mapping[str, SplitName]) -> dict[str, SplitName]:
    """Let `val` be what is scored where there is no test part, so that nothing chooses on it.

    Args:
        named: The data's own names and what they mean alone.
    """
    if "test" in named.values():
        return dict(named)
    return {name: "test" if meaning == "validation" else meaning for name, meaning in named.items()}


def meanings_of(file: Path, column: str, values: Iterable[str], *, asked: bool) -> dict[str, SplitName]:
    """Say what the values of a split column are for; empty where they name no splits.

    Args:
        file: The table.
        column: Its split column; empty where there is none.
        values: Of the column, in the file's order.
        asked: Whether the person named the column.

    Raises:
        DataError: The person named the column, and its values name no splits.
    """
    if not column:
        return {}
    found = dict.fromkeys(values)
    known = {value: name for value in found if (name := TABLE_SPLIT_NAMES.get(value.casefold()))}
    unknown = [value for value in found if value and value not in known]
    if "train" in known.values() and len(set(known.values())) == len(known) > 1 and not unknown:
        return with_a_test(known)
    if asked:
        raise DataError(
            f"{file}: the column '{column}' has the values {', '.join(map(repr, list(found)[:_NAMED]))}.",
            hint="A split column has train and at least one of validation (val) and test, each under one name.",
        )
    return {}
