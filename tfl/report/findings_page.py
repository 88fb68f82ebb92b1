"""The gallery of a data check: every rule that was broken, with pictures of the worst."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tfl.core.files import write_text
from tfl.data.check import RULES, CheckReport, Finding
from tfl.data.manifest import Manifest
from tfl.report.cards import Card, NextStep, Page, Section, render_cards

_SHOWN = 12


def write_findings_page(report: CheckReport, manifest: Manifest, path: Path, *, steps: tuple[NextStep, ...]) -> None:
    """Write the gallery as one HTML file that needs no network.

    Args:
        report: Of the check.
        manifest: That was checked.
        path: The file to write.
        steps: What to do next.

    Raises:
        MissingExtraError: Jinja2 is not installed.
        JobError: The file can't be written.
    """
    write_text(path, render_cards(findings_page(report, manifest, steps=steps)))


def findings_page(report: CheckReport, manifest: Manifest, *, steps: tuple[NextStep, ...]) -> Page:
    """Gather the findings rule by rule, the worst first."""
    by_rule: dict[str, list[Finding]] = defaultdict(list)
    for item in report.findings:
        by_rule[item.rule].append(item)
    return Page(
        title="Data check",
        subtitle=manifest.source or manifest.root,
        answer=report.verdict,
        state="bad" if report.errors else "" if report.warnings else "good",
        steps=steps,
        sections=tuple(_section(rule, found, manifest) for rule, found in by_rule.items()),
    )


def _section(rule: str, found: list[Finding], manifest: Manifest) -> Section:
    files = {example.path for example in manifest.examples} | set(manifest.unused)
    root = Path(manifest.root)
    cards = tuple(
        Card(
            pictures=tuple(root / path for path in (item.related, item.path) if path in files),
            title=item.path or "the whole set",
            text=item.message,
        )
        for item in found[:_SHOWN]
    )
    severity, fix = RULES[rule]
    return Section(rule, rule.replace("_", " "), severity, fix, cards, len(found))
