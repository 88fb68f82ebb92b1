"""What was understood of a data set, before any file is opened."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass

from tfl.core.records import Record
from tfl.data.check.rules import RULES
from tfl.data.manifest import Example, Manifest, Problem, SplitName

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
        notes: What the reader guessed or found out by itself, such as columns and encodings.
        kind: Name of the kind of data.
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
    notes: tuple[Problem, ...] = ()
    kind: str = "image"


def describe(manifest: Manifest, *, problems: int = 20) -> Description:
    """Sum up a manifest.

    Args:
        manifest: From a reader.
        problems: How many problems to name.
    """
    bad = [item for item in manifest.problems if not _is_note(item)]
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
        problems=tuple(bad[:problems]),
        problem_count=len(bad),
        notes=tuple(item for item in manifest.problems if _is_note(item)),
        kind=manifest.kind,
    )


def _is_note(problem: Problem) -> bool:
    return RULES[problem.rule][0] == "info"


def typical(manifest: Manifest, count: int, *, seed: int = 0) -> tuple[Example, ...]:
    """Draw examples at random, from as many classes as can be.

    Args:
        manifest: From a reader.
        count: How many; fewer where there are fewer.
        seed: Another one draws others.
    """
    draw = random.Random(seed)  # noqa: S311 - nothing is kept secret by it
    by_class: dict[str, list[Example]] = {label: [] for label in manifest.labels}
    for example in manifest.examples:
        by_class[example.all_labels[0]].append(example)
    for members in by_class.values():
        draw.shuffle(members)
    labels = draw.sample(list(by_class), len(by_class))
    turns = itertools.zip_longest(*(by_class[label] for label in labels))
    drawn = (example for turn in turns for example in turn if example is not None)
    return tuple(itertools.islice(drawn, count))
