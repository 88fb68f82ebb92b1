"""`tfl data check`: say what is wrong with data before training."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfl.core.errors import UserError
from tfl_cli._options import json_flag, named_columns, read_flags, read_named
from tfl_cli._output import print_json, print_next, print_table, quoted
from tfl_cli._progress import make_progress

if TYPE_CHECKING:
    from tfl.data.check import CheckReport, Depth
    from tfl.data.check.mend import Mending
    from tfl.data.manifest import Manifest

#: Rows of one rule, and of all.
_OF_A_RULE, _SHOWN = 5, 30


@click.command("check")
@click.argument("data", type=click.Path())
@read_flags
@click.option("--allow", multiple=True, metavar="RULE", help="A rule that may be broken without exit status 1.")
@click.option("--structure-only", is_flag=True, help="Open no file: names, classes, splits and groups alone.")
@click.option("--fresh", is_flag=True, help="Read files again that have not changed since the last check.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write a page that shows the worst.")
@click.option("--fix", "fixed", type=click.Path(path_type=Path), help="Write a mended copy into this new folder.")
@json_flag
def command(
    data: str,
    allow: tuple[str, ...],
    structure_only: bool,
    fresh: bool,
    html_file: Path | None,
    fixed: Path | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Say what is wrong with DATA, file by file, and how to mend it.

    Exit status 1 when there are errors; with --fix, when there are errors in the mended copy. A check that was
    interrupted goes on where it stopped, and unchanged files are not read again.
    """
    from tfl.data.check import check, refused
    from tfl.data.check.verdict import require_rules

    require_rules(frozenset(allow))
    if structure_only and fixed:
        raise UserError("--structure-only and --fix exclude each other: mending needs to know the files.")
    manifest = read_named(data, options)
    with make_progress() as progress:
        depth: Depth = "structure" if structure_only else "pixels"
        report, manifest = check(manifest, depth=depth, fresh=fresh, progress=progress)
        if html_file:
            _write_page(report, manifest, html_file, data)
        mending = None
        if fixed:
            from tfl.data.check.mend import mend

            mending = mend(manifest, report, fixed, progress=progress)
            after, _ = check(read_named(str(fixed), {}), progress=progress)
    errors = refused(after if mending else report, frozenset(allow))
    if as_json:
        more = {"fixes": [fix.to_dict() for fix in mending.fixes], "after_fix": after.to_dict()} if mending else {}
        print_json(report.to_dict() | more)
        return 1 if errors else 0
    _print_report(report, manifest)
    if html_file:
        click.echo(f"The findings, shown: {html_file}")
    if mending and fixed:
        _print_fixes(mending, after, fixed)
    _print_next(data, report, options, mended=fixed)
    return 1 if errors else 0


def _write_page(report: CheckReport, manifest: Manifest, file: Path, data: str) -> None:
    from tfl.report.cards import NextStep
    from tfl.report.findings_page import write_findings_page

    steps = (
        NextStep("A copy in which all is mended that has one right way:", f"tfl data check {quoted(data)} --fix OUT"),
    )
    write_findings_page(report, manifest, file, steps=steps if report.findings else ())


def _print_report(report: CheckReport, manifest: Manifest) -> None:
    from tfl.data.kinds import KINDS

    click.echo(report.verdict)
    print_table(
        ["class", KINDS.get(manifest.kind).nouns], [[label, count] for label, count in manifest.counts().items()]
    )
    told = report.told()
    rules = Counter(item.rule for item in told)
    shown: Counter[str] = Counter()
    rows: list[list[str]] = []
    for item in told:
        shown[item.rule] += 1
        if shown[item.rule] <= _OF_A_RULE:
            rows.append([item.severity, item.rule, item.path, item.message, item.fix])
        elif shown[item.rule] == _OF_A_RULE + 1:
            rows.append([item.severity, item.rule, "", f"... and {rules[item.rule] - _OF_A_RULE} more", ""])
    if rows:
        print_table(["severity", "rule", "file", "what", "what to do"], rows[:_SHOWN])
    if len(rows) > _SHOWN or any(count > _OF_A_RULE for count in rules.values()):
        click.echo("All of them: --json, or --html FILE to look at.")


def _print_fixes(mending: Mending, after: CheckReport, out: Path) -> None:
    from tfl.data.kinds import KINDS

    counts = Counter((fix.rule, fix.action.replace("_", " ")) for fix in mending.fixes)
    rows = [[rule, action, number] for (rule, action), number in counts.items()]
    if rows:
        print_table(["rule", "done", "samples"], rows, title=f"Mended copy: {out}")
    click.echo(f"{mending.examples} {KINDS.get(after.kind).nouns} in {out}; every change is in {out / 'fixes.json'}")
    click.echo(f"The copy: {after.verdict}")


def _print_next(data: str, report: CheckReport, options: dict[str, Any], *, mended: Path | None) -> None:
    from tfl.data.check import SKIPPED_RULES

    if mended:
        print_next(f"tfl run {quoted(mended)}")
        return
    named = named_columns(options)
    rules = {item.rule for item in report.findings if item.severity == "error"}
    steps = [f"tfl data check {quoted(data)}{named} --html findings.html"] if report.findings else []
    if rules:
        steps.append(f"tfl data check {quoted(data)}{named} --fix MENDED")
    if rules <= SKIPPED_RULES:
        steps.append(f"tfl run {quoted(data)}{named}{' --skip-bad' if rules else ''}")
    print_next(*steps)
