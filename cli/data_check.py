"""`tfl data check`: say what is wrong with data before training."""

from __future__ import annotations

from typing import Any

import click

from tfl_cli._options import json_flag, read_flags, read_options
from tfl_cli._output import print_json, print_next, print_table, quoted
from tfl_cli._progress import make_progress

_SHOWN = 20


@click.command("check")
@click.argument("data", type=click.Path())
@read_flags
@json_flag
def command(data: str, reader: str | None, as_json: bool, **options: Any) -> int:
    """Say what is wrong with DATA, file by file, and how to mend it. Exit status 1 when there are errors."""
    from tfl.data.check import SKIPPED_RULES, check
    from tfl.data.loading import read_manifest

    manifest = read_manifest(data, reader=reader or "auto", options=read_options(options))
    with make_progress() as progress:
        report, manifest = check(manifest, progress=progress)
    errors = [finding for finding in report.findings if finding.severity == "error"]
    if as_json:
        print_json(report.to_dict())
        return 1 if errors else 0
    click.echo(report.verdict)
    print_table(["class", "pictures"], [[label, count] for label, count in manifest.counts().items()])
    findings = report.findings
    if findings:
        rows = [[item.severity, item.rule, item.path, item.message, item.fix] for item in findings[:_SHOWN]]
        print_table(["severity", "rule", "file", "what", "what to do"], rows)
    if len(findings) > _SHOWN:
        click.echo(f"... and {len(findings) - _SHOWN} more; all with --json.")
    skip = " --skip-bad" if any(finding.rule in SKIPPED_RULES for finding in errors) else ""
    print_next(f"tfl run {quoted(data)}{skip}")
    return 1 if errors else 0
