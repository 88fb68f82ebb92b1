"""The rules of the data check, and what it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from tfl.core.records import Record
from tfl.core.tables import html_lines, html_table
from tfl.data.check.rules import RULES, Severity, fix_of
from tfl.data.kinds import KINDS

__all__ = ["RULES", "CheckReport", "Finding", "Severity", "finding"]

#: What so large a share of the samples have is told once.
_OFTEN, _OFTEN_LEAST = 1 / 3, 10


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
        class_counts: Samples per class.
        split_counts: Samples per split the data came with.
        findings: Errors first.
        duplicate_groups: Paths of samples that are nearly the same; a split keeps each group on one side.
        kind: Name of the kind of data.
        added: Attributes that the check gave to the examples, such as the length of a text.
    """

    verdict: str
    examples: int
    errors: int
    warnings: int
    class_counts: dict[str, int]
    split_counts: dict[str, int]
    findings: tuple[Finding, ...]
    duplicate_groups: tuple[tuple[str, ...], ...] = ()
    kind: str = "image"
    added: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        head = ("severity", "rule", "where", "what", "what to do")
        rows = [(item.severity, item.rule, item.path, item.message, item.fix) for item in self.told()]
        return html_table(head, rows, caption=self.verdict) if rows else html_lines([self.verdict])

    def told(self) -> tuple[Finding, ...]:
        """Return the findings as a person reads them: what over a third of the samples have is told once.

        So many pictures are blurred, or texts hold markup, by their nature and not by mistake. Errors are all told.
        """
        nouns = KINDS.get(self.kind).nouns
        counts = Counter(item.rule for item in self.findings if item.severity != "error")
        often = {rule for rule, count in counts.items() if count >= _OFTEN_LEAST and count > self.examples * _OFTEN}
        told: list[Finding] = []
        for item in self.findings:
            if item.rule not in often:
                told.append(item)
            elif item.rule in counts:
                count = counts.pop(item.rule)
                message = f"{count} of {self.examples} {nouns}, such as this one, which {item.message}"
                told.append(replace(item, message=message))
        return tuple(told)


def finding(rule: str, path: str, message: str, related: str = "", *, badness: float = 0.0) -> Finding:
    """Build a finding of a rule."""
    severity = RULES[rule][0]
    return Finding(
        rule=rule,
        severity=severity,
        path=path,
        message=message,
        fix=fix_of(rule),
        related=related,
        badness=badness,
    )
