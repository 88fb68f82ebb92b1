"""What follows from the findings: the verdict, whether to go on, and what to leave out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from tfl.core.errors import DataError, unknown_name
from tfl.data.check.findings import CheckReport, Finding
from tfl.data.check.rules import RULES, fix_of
from tfl.data.kinds import KINDS
from tfl.data.manifest import Manifest

#: What `--skip-bad` leaves out.
SKIPPED_RULES = frozenset({"unreadable", "empty_text", "bad_row", "missing_file"})

_NAMED = 10
_ORDER = {"error": 0, "warning": 1, "info": 2}


def make_report(
    manifest: Manifest,
    findings: Sequence[Finding],
    duplicate_groups: tuple[tuple[str, ...], ...],
    *,
    added: tuple[str, ...] = (),
) -> CheckReport:
    """Sort the findings, say what to do in the words of the kind of data, and draw the verdict from them."""
    kind = KINDS.get(manifest.kind)
    findings = [replace(item, fix=fix_of(item.rule, noun=kind.noun, nouns=kind.nouns)) for item in findings]
    findings = sorted(findings, key=lambda item: (_ORDER[item.severity], item.rule, -item.badness, item.path))
    severities = Counter(item.severity for item in findings)
    count, classes = len(manifest.examples), len(manifest.labels)
    verdict = f"{count} {kind.nouns} in {classes} classes: "
    if severities["error"]:
        verdict += f"not ready: {_counted(findings, 'error')}"
    elif severities["warning"]:
        verdict += f"usable, with warnings: {_counted(findings, 'warning')}"
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
        duplicate_groups=duplicate_groups,
        kind=manifest.kind,
        added=added,
    )


def _counted(findings: Sequence[Finding], severity: str) -> str:
    kinds = Counter(item.rule for item in findings if item.severity == severity)
    return ", ".join(f"{number} x {rule}" for rule, number in kinds.items())


def require_rules(names: frozenset[str]) -> None:
    """Check that every name is a rule's.

    Raises:
        NotFoundError: Names one that is none, and the closest that is.
    """
    for name in sorted(names):
        if name not in RULES:
            raise unknown_name("rule", name, RULES)


def refused(report: CheckReport, allow: frozenset[str]) -> tuple[Finding, ...]:
    """Return the errors that are not of an allowed rule.

    Raises:
        NotFoundError: `allow` names no rule.
    """
    require_rules(allow)
    return tuple(item for item in report.findings if item.severity == "error" and item.rule not in allow)


def require_clean(report: CheckReport, *, allow: frozenset[str] = frozenset()) -> None:
    """Raise unless every error is of an allowed rule.

    Args:
        report: Of the check.
        allow: Rules that may be broken.

    Raises:
        NotFoundError: `allow` names no rule.
        DataError: Names the first ten findings and counts the rest.
    """
    errors = refused(report, allow)
    if not errors:
        return
    lines = [f"  {item.path}: {item.message}" for item in errors[:_NAMED]]
    if len(errors) > _NAMED:
        lines.append(f"  ... and {len(errors) - _NAMED} more")
    rules = sorted({item.rule for item in errors})
    kind = KINDS.get(report.kind)
    hints = [f"{rule}: {fix_of(rule, noun=kind.noun, nouns=kind.nouns)}" for rule in rules]
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
