"""What was understood of a data set, before any file is opened."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tfl.core.records import Record
from tfl.data.manifest import Manifest, Problem, SplitName

_VALUES_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class ColumnDescription(Record):
    """A further column: how many values it has, and the most frequent ones with their counts."""

    name: str
    distinct: int
    frequent: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Description(Record):
    """What a reader understood.

    Attributes:
        reader: Which one.
        root: The folder that paths are relative to.
        source: The manifest file or archive, or empty where `root` is the data.
        examples: How many.
        multi_label: Whether an example may have several labels.
        class_counts: Examples per class.
        split_counts: Examples per split, as the data call it.
        split_meanings: What tfl takes each of these splits for.
        groups: How many groups there are; 0 where there are none.
        columns: What else is known of each example.
        problems: What could not be used, the first of them.
        problem_count: How many there are in all.
    """

    reader: str
    root: str
    source: str
    examples: int
    multi_label: bool
    class_counts: dict[str, int]
    split_counts: dict[str, int]
    split_meanings: dict[str, SplitName]
    groups: int
    columns: tuple[ColumnDescription, ...]
    problems: tuple[Problem, ...]
    problem_count: int


def describe(manifest: Manifest, *, problems: int = 20) -> Description:
    """Sum up a manifest.

    Args:
        manifest: From a reader.
        problems: How many problems to name.
    """
    values: dict[str, Counter[str]] = {}
    for example in manifest.examples:
        for name, value in example.attributes.items():
            values.setdefault(name, Counter())[value] += 1
    return Description(
        reader=manifest.reader,
        root=manifest.root,
        source=manifest.source,
        examples=len(manifest.examples),
        multi_label=manifest.is_multi_label,
        class_counts=manifest.counts(),
        split_counts=dict(Counter(item.given_split for item in manifest.examples if item.given_split)),
        split_meanings=dict(manifest.split_names),
        groups=len({item.group for item in manifest.examples if item.group}),
        columns=tuple(
            ColumnDescription(name=name, distinct=len(found), frequent=dict(found.most_common(_VALUES_SHOWN)))
            for name, found in values.items()
        ),
        problems=manifest.problems[:problems],
        problem_count=len(manifest.problems),
    )
