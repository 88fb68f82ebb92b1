"""The rules of the data check, and what it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Literal

from tfl.core.records import Record

Severity = Literal["error", "warning", "info"]

#: What so large a share of the pictures have is told once.
_OFTEN, _OFTEN_LEAST = 1 / 3, 10

#: Every rule, with how bad it is and what to do. A rule's name is what `--allow` takes.
RULES: dict[str, tuple[Severity, str]] = {
    "unreadable": ("error", "Replace or delete the file, or leave such files out with --skip-bad."),
    "one_class": ("error", "Add a class; a classifier needs at least two."),
    "too_few": ("error", "Add pictures to the class, or leave its folder out."),
    "label_conflict": ("error", "Keep the picture in the class it belongs to and delete the other copy."),
    "label_spelling": ("error", "Merge the two classes, or give them names that a person tells apart."),
    "group_leakage": ("error", "Put the whole group on one side of the split."),
    "leakage": ("error", "Delete the copy from one side of the split."),
    "near_leakage": ("error", "Put nearly equal pictures on one side of the split, or delete one of them."),
    "missing_in_train": ("error", "Add training pictures of the class, or leave it out of the other folders."),
    "bad_row": ("error", "Mend the line of the manifest file, or delete it."),
    "missing_file": ("error", "Put the file where the manifest file says, or delete its line."),
    "duplicate_row": ("warning", "Delete one of the two lines; the file counts once."),
    "unused": ("warning", "Put it into a class folder, or move it elsewhere."),
    "label_look_alike": ("warning", "Rename one of them if they are the same class."),
    "split_like_class": ("warning", "Rename it, or put train, val and test folders at the top, each with all classes."),
    "few": ("warning", "Add pictures; with under ten of a class the figures say little."),
    "duplicate": ("warning", "Delete the copies; they weigh twice in training."),
    "near_duplicate": ("warning", "Keep one of them, or leave them: tfl keeps them on one side when it splits."),
    "near_conflict": ("warning", "Look at both; if they show the same, one of the labels is wrong."),
    "imbalance": ("warning", "Add pictures of the rare class, or try --class-weights balanced."),
    "missing_in_split": ("warning", "Add pictures of the class to the split, or it is never tested."),
    "wrong_extension": ("warning", "Rename the file to what it is."),
    "altered": ("warning", "Put the file back as it was, or take it for a new version of the data."),
    "dark": ("warning", "Take it again with more light, or delete it; brightening brings no detail back."),
    "bright": ("warning", "Take it again with less light, or delete it."),
    "blurry": ("warning", "Take it again, or delete it; keep it only if the model will meet such pictures."),
    "uniform": ("warning", "Delete it if it shows nothing; a failed shot or a placeholder teaches nothing."),
    "extreme_aspect": ("warning", "Crop it to what counts, or use resize pad; the middle is cut out otherwise."),
    "animated": ("warning", "Only the first frame is used; extract the frames if all count."),
    "tiny": ("warning", "Use larger pictures; enlarging adds no detail."),
    "not_checked": ("info", "Install what is missing to have it checked."),
    "not_compared": ("info", "Nothing to do; exact copies are found all the same."),
    "giant": ("info", "Nothing to do; smaller files would be read faster."),
    "deep_colour": ("info", "Nothing to do; 16 bits are scaled to 8."),
    "cmyk": ("info", "Nothing to do; converted to RGB."),
    "palette": ("info", "Nothing to do; converted to RGB."),
    "transparency": ("info", "Nothing to do; laid on white."),
    "rotated": ("info", "Nothing to do; turned upright as its EXIF data say."),
}


@dataclass(frozen=True, kw_only=True)
class Finding(Record):
    """One thing that was found.

    Attributes:
        rule: One of `RULES`.
        path: The file below the data's root, or the class, or empty.
        message: What was found.
        fix: What to do.
        related: The other file that it is about, such as the copy, or empty.
        badness: How far beyond the limit, for rules that measure; the worst are told first.
    """

    rule: str
    severity: Severity
    path: str
    message: str
    fix: str
    related: str = ""
    badness: float = 0.0


@dataclass(frozen=True, kw_only=True)
class CheckReport(Record):
    """The verdict and the findings.

    Attributes:
        verdict: One sentence.
        examples: How many files were looked at.
        class_counts: Pictures per class.
        split_counts: Pictures per split the data came with.
        findings: Errors first.
        duplicate_groups: Paths of pictures that are nearly the same; a split keeps each group on one side.
    """

    verdict: str
    examples: int
    errors: int
    warnings: int
    class_counts: dict[str, int]
    split_counts: dict[str, int]
    findings: tuple[Finding, ...]
    duplicate_groups: tuple[tuple[str, ...], ...] = ()

    def told(self) -> tuple[Finding, ...]:
        """Return the findings as a person reads them: what over a third of the pictures have is told once.

        So many pictures are blurred, or turned, by their nature and not by mistake. Errors are all told.
        """
        counts = Counter(item.rule for item in self.findings if item.severity != "error")
        often = {rule for rule, count in counts.items() if count >= _OFTEN_LEAST and count > self.examples * _OFTEN}
        told: list[Finding] = []
        for item in self.findings:
            if item.rule not in often:
                told.append(item)
            elif item.rule in counts:
                count = counts.pop(item.rule)
                message = f"{count} of {self.examples} pictures, such as this one, which {item.message}"
                told.append(replace(item, message=message))
        return tuple(told)


def finding(rule: str, path: str, message: str, related: str = "", *, badness: float = 0.0) -> Finding:
    """Build a finding of a rule."""
    severity, fix = RULES[rule]
    return Finding(rule=rule, severity=severity, path=path, message=message, fix=fix, related=related, badness=badness)
