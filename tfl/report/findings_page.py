"""The gallery of a data check: every rule that was broken, with the worst samples."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from tfl.core.files import write_text
from tfl.data.check import CheckReport, Finding
from tfl.data.kinds import KINDS
from tfl.data.manifest import Example, Manifest
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
    of_path = {example.path: example for example in manifest.examples}
    return Page(
        title="Data check",
        subtitle=manifest.source or manifest.root,
        answer=report.verdict,
        state="bad" if report.errors else "" if report.warnings else "good",
        steps=steps,
        sections=tuple(_section(rule, found, manifest, of_path) for rule, found in by_rule.items()),
    )


def _section(rule: str, found: list[Finding], manifest: Manifest, of_path: dict[str, Example]) -> Section:
    cards = tuple(_card(item, manifest, of_path) for item in found[:_SHOWN])
    return Section(rule, rule.replace("_", " "), found[0].severity, found[0].fix, cards, len(found))


def _card(item: Finding, manifest: Manifest, of_path: dict[str, Example]) -> Card:
    """Show what a finding is about: the samples, or a file that belongs to no class."""
    kind, root = KINDS.get(manifest.kind), Path(manifest.root)
    sources: list[Path | str] = []
    for path in (item.related, item.path):
        if path in of_path:
            sources.append(of_path[path].source(root))
        elif path in manifest.unused:
            sources.append(root / path)
    return Card(
        pictures=tuple(source for source in sources if isinstance(source, Path)) if kind.is_drawn else (),
        title=item.path or "the whole set",
        text=item.message,
        quotes=tuple(quote for source in sources if (quote := kind.excerpt(source))),
    )
