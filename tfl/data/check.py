"""The data check: every file is read once, decoded whole, and held against the rules."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from PIL import Image

from tfl.core.errors import DataError, unknown_name
from tfl.core.extras import install_command, is_installed
from tfl.core.progress import Progress
from tfl.data._names import odd_names
from tfl.data.findings import RULES, CheckReport, Finding, finding
from tfl.data.manifest import Example, Manifest
from tfl.data.near import Look, look_of, near_groups
from tfl.data.preprocess import DAMAGE, FORMATS, decode, read_orientation

__all__ = ["SKIPPED_RULES", "CheckReport", "Finding", "check", "require_clean", "skip_bad"]

#: What `--skip-bad` leaves out.
SKIPPED_RULES = frozenset({"unreadable", "bad_row", "missing_file"})

_TINY_PIXELS = 32
_GIANT_PIXELS = 50_000_000
_FEW = 10
_IMBALANCE = 5.0
_NAMED = 10
_NEAR_NAMED = 3
_ALIKE_LEAST = 50
_ALIKE_SHARE = 1 / 3


@dataclass(frozen=True)
class _Seen:
    """What one file turned out to be."""

    digest: str
    findings: tuple[Finding, ...]
    look: Look | None = None


def check(manifest: Manifest, *, progress: Progress | None = None) -> tuple[CheckReport, Manifest]:
    """Check every file and the set as a whole.

    Args:
        manifest: From a reader.
        progress: Told about every file.

    Returns:
        The report, and the manifest with each file's SHA-256.
    """
    progress = progress or Progress()
    seen: list[_Seen] = []
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        root = Path(manifest.root)
        compares = is_installed("imagehash")
        results = pool.map(
            lambda example: _look(root / example.path, example.path, compares=compares), manifest.examples
        )
        for done, result in enumerate(results, 1):
            seen.append(result)
            progress.update("reading pictures", done=done, total=len(manifest.examples))
    finally:
        pool.shutdown(cancel_futures=True)
    examples = tuple(
        replace(example, sha256=item.digest) for example, item in zip(manifest.examples, seen, strict=True)
    )
    manifest = replace(manifest, examples=examples)
    unreadable = {item.path for result in seen for item in result.findings if item.rule == "unreadable"}
    good = [example for example in examples if example.path not in unreadable]
    findings = [item for result in seen for item in result.findings]
    findings += [finding("unused", path, "belongs to no class, so it is left out") for path in manifest.unused]
    findings += [finding(problem.rule, problem.path, problem.message) for problem in manifest.problems]
    findings += [*_copies(good), *_class_count(good), *_class_sizes(manifest, good), *_split_classes(manifest, good)]
    near = _near(examples, seen)
    findings += [*_near_findings(examples, near), *_unchecked(compares=compares)]
    findings += [*odd_names(manifest.labels), *_groups_on_both_sides(good)]
    order = {"error": 0, "warning": 1, "info": 2}
    findings.sort(key=lambda item: (order[item.severity], item.rule, item.path))
    copies = [group for group in near if not _alike_by_nature(group, examples)]
    groups = tuple(tuple(examples[index].path for index in group) for group in copies)
    return replace(_report(manifest, findings), duplicate_groups=groups), manifest


def _report(manifest: Manifest, findings: Sequence[Finding]) -> CheckReport:
    severities = Counter(item.severity for item in findings)
    count, classes = len(manifest.examples), len(manifest.labels)
    verdict = f"{count} pictures in {classes} classes: "
    if severities["error"]:
        kinds = Counter(item.rule for item in findings if item.severity == "error")
        verdict += "not ready: " + ", ".join(f"{number} x {rule}" for rule, number in kinds.items())
    elif severities["warning"]:
        verdict += f"usable, with {severities['warning']} warning{'s' if severities['warning'] > 1 else ''}"
    else:
        verdict += "nothing wrong was found"
    return CheckReport(
        verdict=verdict,
        examples=count,
        errors=severities["error"],
        warnings=severities["warning"],
        class_counts=manifest.counts(),
        split_counts=dict(Counter(item.given_split for item in manifest.examples if item.given_split)),
        findings=tuple(findings),
    )


def _look(file: Path, path: str, *, compares: bool) -> _Seen:
    try:
        data = file.read_bytes()
    except OSError as error:
        return _Seen("", (finding("unreadable", path, f"can't be read: {error.strerror or error}"),))
    digest = hashlib.sha256(data).hexdigest()
    try:
        image = decode(data, name=path)
    except DataError as error:
        reason = error.message.removeprefix(f"{path}: ").removesuffix(".")
        return _Seen(digest, (finding("unreadable", path, reason),))
    return _Seen(digest, tuple(_traits(data, path)), look_of(image) if compares else None)


def _traits(data: bytes, path: str) -> Iterator[Finding]:
    """Look at a picture that is known to decode."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            kind, mode, (width, height) = image.format or "", image.mode, image.size
            # Pillow reads 16-bit colour as 8-bit RGB; only the raw mode of the stored data tells.
            deep = mode.startswith(("I", "F")) or ";16" in str(image.tile)
            orientation = read_orientation(image)
            transparent = "A" in mode or "transparency" in image.info
            frames = _frame_count(image)
    ending = PurePosixPath(path).suffix.casefold()
    if ending not in FORMATS.get(kind, {ending}):
        yield finding("wrong_extension", path, f"is a {kind} file but ends in '{ending}'")
    if frames > 1 and kind != "MPO":
        yield finding("animated", path, f"has {frames} frames")
    if min(width, height) < _TINY_PIXELS:
        yield finding("tiny", path, f"is {width} x {height} pixels")
    if width * height > _GIANT_PIXELS:
        yield finding("giant", path, f"is {width} x {height} pixels")
    if deep:
        yield finding("deep_colour", path, "has more than 8 bits per channel")
    if mode == "CMYK":
        yield finding("cmyk", path, "has CMYK colours")
    if mode == "P" and kind != "GIF":
        yield finding("palette", path, "has a palette")
    if transparent:
        yield finding("transparency", path, "has transparency")
    if orientation != 1:
        yield finding("rotated", path, f"is stored turned (EXIF orientation {orientation})")


def _frame_count(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except DAMAGE:
        # Frames after the first are not used, so that damage there does no harm.
        return 1


def _copies(examples: Sequence[Example]) -> Iterator[Finding]:
    by_digest: dict[str, list[Example]] = defaultdict(list)
    for example in examples:
        by_digest[example.sha256].append(example)
    for copies in by_digest.values():
        first = copies[0]
        for other in copies[1:]:
            if other.label != first.label:
                message = f"has the same bytes as {first.path}, but another class"
                yield finding("label_conflict", other.path, message)
            elif other.given_split != first.given_split:
                yield finding(
                    "leakage", other.path, f"has the same bytes as {first.path}, on the other side of a split"
                )
            else:
                yield finding("duplicate", other.path, f"has the same bytes as {first.path}")


def _near(examples: Sequence[Example], seen: Sequence[_Seen]) -> list[tuple[int, ...]]:
    """Gather near copies: indices of examples, exact copies counted once."""
    first: dict[str, int] = {}
    for index, item in enumerate(seen):
        if item.look is not None:
            first.setdefault(item.digest, index)
    chosen = list(first.values())
    groups = near_groups([look for index in chosen if (look := seen[index].look) is not None])
    found = [tuple(chosen[member] for member in group) for group in groups]
    return sorted(found)


def _alike_by_nature(group: Sequence[int], examples: Sequence[Example]) -> bool:
    """Say whether so many pictures are one group that they are no copies, such as scans of one kind."""
    return len(group) >= max(_ALIKE_LEAST, len(examples) * _ALIKE_SHARE)


def _near_findings(examples: Sequence[Example], near: Sequence[Sequence[int]]) -> Iterator[Finding]:
    for group in near:
        members = [examples[index] for index in group]
        first, others = members[0], members[1:]
        if first.group and len({(item.group, item.label, item.given_split) for item in members}) == 1:
            # Pictures of one video look alike, and the group keeps them together.
            continue
        if _alike_by_nature(group, examples):
            message = f"and {len(others)} more of {len(examples)} pictures look alike; they are not taken for copies"
            yield finding("near_duplicate", first.path, message)
            continue
        shown = ", ".join(other.path for other in others[:_NEAR_NAMED])
        if len(others) > _NEAR_NAMED:
            shown += f" and {len(others) - _NEAR_NAMED} more"
        yield finding("near_duplicate", first.path, f"is nearly the same picture as {shown}")
        for other in others:
            if other.given_split != first.given_split:
                message = f"is nearly the same picture as {first.path}, on the other side of a split"
                yield finding("near_leakage", other.path, message)
            if other.label != first.label:
                message = f"is nearly the same picture as {first.path}, but of another class"
                yield finding("near_conflict", other.path, message)


def _unchecked(*, compares: bool) -> Iterator[Finding]:
    if not compares:
        yield finding("not_checked", "", f"near duplicates were not looked for: {install_command('imagehash')}")


def _groups_on_both_sides(good: Sequence[Example]) -> Iterator[Finding]:
    sides: dict[str, dict[str, Example]] = defaultdict(dict)
    for example in good:
        if example.group and example.given_split:
            sides[example.group].setdefault(example.given_split, example)
    for group, found in sides.items():
        if len(found) > 1:
            places = " and ".join(f"'{name}' ({example.path})" for name, example in found.items())
            yield finding("group_leakage", group, f"the group '{group}' is in {places}")


def _class_count(good: Sequence[Example]) -> Iterator[Finding]:
    labels = {label for example in good for label in example.all_labels}
    if len(labels) == 1:
        yield finding("one_class", min(labels), f"'{min(labels)}' is the only class with usable pictures")


def _class_sizes(manifest: Manifest, good: Sequence[Example]) -> Iterator[Finding]:
    # Exact copies stay on one side of a split, so only different pictures count.
    contents: dict[str, set[str]] = {label: set() for label in manifest.labels}
    for example in good:
        if example.split in (None, "train"):
            for label in example.all_labels:
                contents[label].add(example.sha256)
    held_out = {label for example in good for label in example.all_labels} - {
        label for label in manifest.labels if contents[label]
    }
    least = 1 if "validation" in manifest.split_names.values() else 2
    counts = {label: len(digests) for label, digests in contents.items() if label not in held_out}
    for label, count in counts.items():
        message = f"class '{label}' has {count} usable training picture{'' if count == 1 else 's'}"
        if count < least:
            yield finding("too_few", label, f"{message}; at least {least} different ones are needed")
        elif count < _FEW:
            yield finding("few", label, message)
    learned = {label: count for label, count in counts.items() if count}
    if learned and min(learned.values()) * _IMBALANCE <= max(learned.values()):
        most, rarest = max(learned, key=learned.__getitem__), min(learned, key=learned.__getitem__)
        yield finding("imbalance", rarest, f"'{most}' has {learned[most]} pictures, '{rarest}' only {learned[rarest]}")


def _split_classes(manifest: Manifest, good: Sequence[Example]) -> Iterator[Finding]:
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


def require_clean(report: CheckReport, *, allow: frozenset[str] = frozenset()) -> None:
    """Raise unless every error is of an allowed rule.

    Args:
        report: Of the check.
        allow: Rules that may be broken.

    Raises:
        NotFoundError: `allow` names no rule.
        DataError: Names the first ten findings and counts the rest.
    """
    for name in allow:
        if name not in RULES:
            raise unknown_name("rule", name, RULES)
    errors = [item for item in report.findings if item.severity == "error" and item.rule not in allow]
    if not errors:
        return
    lines = [f"  {item.path}: {item.message}" for item in errors[:_NAMED]]
    if len(errors) > _NAMED:
        lines.append(f"  ... and {len(errors) - _NAMED} more")
    rules = sorted({item.rule for item in errors})
    hints = [f"{rule}: {RULES[rule][1]}" for rule in rules]
    hints.append("See all with: tfl data check DATA. To go on all the same: " + " ".join(f"--allow {r}" for r in rules))
    raise DataError("The data are not ready:\n" + "\n".join(lines), hint="\n".join(hints))


def skip_bad(manifest: Manifest, report: CheckReport) -> tuple[Manifest, tuple[str, ...]]:
    """Leave out the files that can't be read, and what bad lines of a manifest file are about.

    Returns:
        The manifest without them, and what was left out with the reason, one line each.
    """
    bad = [item for item in report.findings if item.rule in SKIPPED_RULES]
    kept = manifest.without({item.path for item in bad})
    return kept, tuple(f"{item.path}: {item.message}" for item in bad)
