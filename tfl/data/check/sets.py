"""What is wrong with a set of samples as a whole: copies, leaks, groups, and the sizes of classes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tfl.data._links import linked
from tfl.data.check.examine import Examiner, Seen
from tfl.data.check.findings import Finding, finding
from tfl.data.kinds import KINDS, Kind
from tfl.data.manifest import Example, Manifest
from tfl.data.units import make_units

_FEW = 10
_IMBALANCE = 5.0
_NEAR_NAMED = 3
_QUOTED = 60
_ALIKE_LEAST = 50
_ALIKE_SHARE = 1 / 3


@dataclass(frozen=True)
class Copies:
    """Which samples are copies, and which nearly are.

    Attributes:
        exact: Indices of examples that are the same, group by group.
        near: Indices of those that are nearly the same, group by group; of copies the first alone.
        bound: Indices of what a split must keep together beside what has the same bytes.
    """

    exact: tuple[tuple[int, ...], ...]
    near: tuple[tuple[int, ...], ...]
    bound: tuple[tuple[int, ...], ...]


def find_copies(seen: Sequence[Seen], examiner: Examiner[Any]) -> Copies:
    """Gather copies and near copies.

    Args:
        seen: One for each example.
        examiner: Of the kind of data.
    """
    by_key: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(seen):
        if item.is_usable:
            by_key[examiner.copy_key(item)].append(index)
    chosen = [indices[0] for indices in by_key.values()]
    groups = examiner.near_groups([seen[index] for index in chosen])
    near = sorted(tuple(chosen[member] for member in group) for group in groups)
    # What has the same bytes is kept together anyway; copies that differ in bytes are bound with the near ones.
    bound = [tuple({seen[index].digest: index for index in reversed(indices)}.values()) for indices in by_key.values()]
    pairs = ((group[0], other) for group in (*near, *bound) for other in group[1:])
    return Copies(
        exact=tuple(tuple(indices) for indices in by_key.values() if len(indices) > 1),
        near=tuple(near),
        bound=tuple(group for group in linked(len(seen), pairs) if len(group) > 1),
    )


def exact_copies(examples: Sequence[Example], copies: Copies, kind: Kind, *, same: str) -> Iterator[Finding]:
    """Tell copies of two classes, of two splits, and others apart.

    Args:
        examples: All.
        copies: Which of them are the same.
        kind: Of the data.
        same: How to say it.
    """
    for group in copies.exact:
        first, *others = (examples[index] for index in group)
        told = f"{same} {first.path}"
        for other in others:
            quote = _quote(other, kind)
            if other.label != first.label:
                yield finding(
                    "label_conflict",
                    other.path,
                    f"{told}, but is in {other.label!r} and that one in {first.label!r}{quote}",
                    first.path,
                )
            elif other.given_split != first.given_split:
                yield finding("leakage", other.path, f"{told}, on the other side of a split{quote}", first.path)
            else:
                yield finding("duplicate", other.path, f"{told}{quote}", first.path)


def _quote(example: Example, kind: Kind) -> str:
    """Return the beginning of a text that stands in a table, so that it need not be looked up by its line."""
    part = " ".join(kind.excerpt(example.text, most=_QUOTED).split()) if example.text else ""
    return f": '{part}'" if part else ""


def alike_by_nature(group: Sequence[int], examples: Sequence[Example]) -> bool:
    """Say whether so many samples are one group that they are no copies, such as scans of one kind."""
    return len(group) >= max(_ALIKE_LEAST, len(examples) * _ALIKE_SHARE)


def near_findings(examples: Sequence[Example], copies: Copies, kind: Kind) -> Iterator[Finding]:
    """Tell of each group of near copies, and of those of two classes or two splits.

    Args:
        examples: All.
        copies: Which of them are nearly the same.
        kind: Of the data.
    """
    for group in copies.near:
        members = [examples[index] for index in group]
        first, others = members[0], members[1:]
        if first.group and len({(item.group, item.label, item.given_split) for item in members}) == 1:
            # What belongs together, such as pictures of one video, is alike, and the group keeps it together.
            continue
        if alike_by_nature(group, examples):
            message = f"and {len(others)} more of {len(examples)} {kind.nouns} are alike; they are not taken for copies"
            yield finding("near_duplicate", first.path, message, others[0].path)
            continue
        shown = ", ".join(other.path for other in others[:_NEAR_NAMED])
        if len(others) > _NEAR_NAMED:
            shown += f" and {len(others) - _NEAR_NAMED} more"
        same = f"is nearly the same {kind.noun} as"
        yield finding("near_duplicate", first.path, f"{same} {shown}{_quote(first, kind)}", others[0].path)
        for other in others:
            quote = _quote(other, kind)
            if other.given_split != first.given_split:
                message = f"{same} {first.path}, on the other side of a split{quote}"
                yield finding("near_leakage", other.path, message, first.path)
            if other.label != first.label:
                yield finding(
                    "near_conflict", other.path, f"{same} {first.path}, but of another class{quote}", first.path
                )


def groups_on_both_sides(good: Sequence[Example]) -> Iterator[Finding]:
    """Find groups with members in several given splits."""
    sides: dict[str, dict[str, Example]] = defaultdict(dict)
    for example in good:
        if example.group and example.given_split:
            sides[example.group].setdefault(example.given_split, example)
    for group, found in sides.items():
        if len(found) > 1:
            places = " and ".join(f"'{name}' ({example.path})" for name, example in found.items())
            yield finding("group_leakage", group, f"the group '{group}' is in {places}")


def class_count(good: Sequence[Example], kind: Kind) -> Iterator[Finding]:
    """Find out whether there is only one class to tell apart."""
    labels = {label for example in good for label in example.all_labels}
    if len(labels) == 1:
        yield finding("one_class", min(labels), f"'{min(labels)}' is the only class with usable {kind.nouns}")


def class_sizes(
    manifest: Manifest, good: Sequence[Example], duplicate_groups: Sequence[Sequence[str]]
) -> Iterator[Finding]:
    """Count what each class has to learn from: copies, near copies and a group count once, as in a split.

    Args:
        manifest: For its classes and splits.
        good: Examples that can be used.
        duplicate_groups: Paths of near copies.
    """
    kind = KINDS.get(manifest.kind)
    learned = [example for example in good if example.split in (None, "train")]
    samples = Counter(label for example in learned for label in example.all_labels)
    held_out = {label for example in good for label in example.all_labels} - set(samples)
    units = Counter(label for unit in make_units(learned, duplicate_groups) for label in unit.labels)
    least = 1 if "validation" in manifest.split_names.values() else 2
    for label in manifest.labels:
        if label in held_out:
            continue
        count, different = samples[label], units[label]
        message = f"class '{label}' has {count} usable training {kind.noun if count == 1 else kind.nouns}"
        if different < least:
            once = (
                f", which are copies of each other or one group and count as {different}" if count > different else ""
            )
            yield finding("too_few", label, f"{message}{once}; at least {least} different ones are needed")
        elif different < _FEW:
            once = f", of which {different} are no copies or of one group" if count > different else ""
            yield finding("few", label, message + once)
    known = {label: units[label] for label in manifest.labels if units[label]}
    if known and min(known.values()) * _IMBALANCE <= max(known.values()):
        most, rarest = max(known, key=known.__getitem__), min(known, key=known.__getitem__)
        yield finding("imbalance", rarest, f"'{most}' has {known[most]} {kind.nouns}, '{rarest}' only {known[rarest]}")


def split_classes(manifest: Manifest, good: Sequence[Example]) -> Iterator[Finding]:
    """Find classes that a given split lacks."""
    noun = KINDS.get(manifest.kind).noun
    present: dict[str, set[str]] = defaultdict(set)
    for example in good:
        if example.given_split:
            present[example.given_split].update(example.all_labels)
    for name, meaning in manifest.split_names.items():
        for label in manifest.labels:
            if label in present[name]:
                continue
            rule = "missing_in_train" if meaning == "train" else "missing_in_split"
            yield finding(rule, label, f"class '{label}' has no usable {noun} in '{name}'")
