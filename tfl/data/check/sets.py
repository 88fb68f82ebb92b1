"""What is wrong with a set of pictures as a whole: copies, leaks, groups, and the sizes of classes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from tfl.data.check.findings import Finding, finding
from tfl.data.check.near import near_groups
from tfl.data.check.pictures import Seen
from tfl.data.manifest import Example, Manifest
from tfl.data.units import make_units

_FEW = 10
_IMBALANCE = 5.0
_NEAR_NAMED = 3
_ALIKE_LEAST = 50
_ALIKE_SHARE = 1 / 3


def exact_copies(examples: Sequence[Example]) -> Iterator[Finding]:
    """Find files with the same bytes, and tell those of two classes or of two splits apart."""
    by_digest: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_digest[example.sha256].append(example)
    for first, *others in by_digest.values():
        same = f"has the same bytes as {first.path}"
        for other in others:
            if other.label != first.label:
                yield finding("label_conflict", other.path, f"{same}, but another class", first.path)
            elif other.given_split != first.given_split:
                yield finding("leakage", other.path, f"{same}, on the other side of a split", first.path)
            else:
                yield finding("duplicate", other.path, same, first.path)


def near_copies(examples: Sequence[Example], seen: Sequence[Seen]) -> list[tuple[int, ...]]:
    """Gather near copies: indices of examples, exact copies counted once.

    Args:
        examples: All.
        seen: One for each.
    """
    first: dict[str, int] = {}
    for index, item in enumerate(seen):
        if item.look is not None:
            first.setdefault(item.digest, index)
    chosen = list(first.values())
    groups = near_groups([look for index in chosen if (look := seen[index].look) is not None])
    found = [tuple(chosen[member] for member in group) for group in groups]
    return sorted(found)


def alike_by_nature(group: Sequence[int], examples: Sequence[Example]) -> bool:
    """Say whether so many pictures are one group that they are no copies, such as scans of one kind."""
    return len(group) >= max(_ALIKE_LEAST, len(examples) * _ALIKE_SHARE)


def near_findings(examples: Sequence[Example], near: Sequence[Sequence[int]]) -> Iterator[Finding]:
    """Tell of each group of near copies, and of those of two classes or two splits.

    Args:
        examples: All.
        near: From `near_copies`.
    """
    for group in near:
        members = [examples[index] for index in group]
        first, others = members[0], members[1:]
        if first.group and len({(item.group, item.label, item.given_split) for item in members}) == 1:
            # Pictures of one video look alike, and the group keeps them together.
            continue
        if alike_by_nature(group, examples):
            message = f"and {len(others)} more of {len(examples)} pictures look alike; they are not taken for copies"
            yield finding("near_duplicate", first.path, message, others[0].path)
            continue
        shown = ", ".join(other.path for other in others[:_NEAR_NAMED])
        if len(others) > _NEAR_NAMED:
            shown += f" and {len(others) - _NEAR_NAMED} more"
        yield finding("near_duplicate", first.path, f"is nearly the same picture as {shown}", others[0].path)
        for other in others:
            if other.given_split != first.given_split:
                message = f"is nearly the same picture as {first.path}, on the other side of a split"
                yield finding("near_leakage", other.path, message, first.path)
            if other.label != first.label:
                message = f"is nearly the same picture as {first.path}, but of another class"
                yield finding("near_conflict", other.path, message, first.path)


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


def class_count(good: Sequence[Example]) -> Iterator[Finding]:
    """Find out whether there is only one class to tell apart."""
    labels = {label for example in good for label in example.all_labels}
    if len(labels) == 1:
        yield finding("one_class", min(labels), f"'{min(labels)}' is the only class with usable pictures")


def class_sizes(
    manifest: Manifest, good: Sequence[Example], duplicate_groups: Sequence[Sequence[str]]
) -> Iterator[Finding]:
    """Count what each class has to learn from: copies, near copies and a group count once, as in a split.

    Args:
        manifest: For its classes and splits.
        good: Examples that can be used.
        duplicate_groups: Paths of near copies.
    """
    learned = [example for example in good if example.split in (None, "train")]
    pictures = Counter(label for example in learned for label in example.all_labels)
    held_out = {label for example in good for label in example.all_labels} - set(pictures)
    units = Counter(label for unit in make_units(learned, duplicate_groups) for label in unit.labels)
    least = 1 if "validation" in manifest.split_names.values() else 2
    for label in manifest.labels:
        if label in held_out:
            continue
        count, different = pictures[label], units[label]
        message = f"class '{label}' has {count} usable training picture{'' if count == 1 else 's'}"
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
        yield finding("imbalance", rarest, f"'{most}' has {known[most]} pictures, '{rarest}' only {known[rarest]}")


def split_classes(manifest: Manifest, good: Sequence[Example]) -> Iterator[Finding]:
    """Find classes that a given split lacks."""
    present: dict[str, set[str]] = defaultdict(set)
    for example in good:
        if example.given_split:
            present[example.given_split].update(example.all_labels)
    for name, meaning in manifest.split_names.items():
        for label in manifest.labels:
            if label in present[name]:
                continue
            rule = "missing_in_train" if meaning == "train" else "missing_in_split"
            yield finding(rule, label, f"class '{label}' has no usable picture in '{name}'")
