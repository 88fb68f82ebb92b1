"""How `tfl runs show` tells a run's record to a person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfl_cli._output import print_table

if TYPE_CHECKING:
    from tfl.core.run_folder import RunRecord


def print_record(run: Path, record: RunRecord, data: dict[str, Any] | None) -> None:
    """Print who did what when, from what, on what, and what each stage cost.

    Args:
        run: As it was named.
        record: Of the run.
        data: Its data, see `data_document`; None before they were checked.
    """
    click.echo(f"{run}: {record.status}{', ' + record.message if record.message else ''}")
    click.echo(f"{record.created}{', ' + record.by if record.by else ''}  {record.command}")
    for entry in record.resumptions:
        click.echo(f"Gone on with {entry.at}  {entry.command}")
        for change in entry.changes:
            click.echo(f"  since then: {change}")
    if record.reproduces:
        click.echo(f"Does again: {record.reproduces}")
    if data:
        made = f", made from version {data['parent'][:12]}" if data["parent"] else ""
        click.echo(f"Data: {data['source']}, {data['examples']} samples, version {data['fingerprint'][:12]}{made}")
    _print_origin(record)
    _print_stages(record)


def _print_origin(record: RunRecord) -> None:
    environment = record.environment
    click.echo(f"Code: tfl {record.code or record.tfl_version}, {len(record.packages)} packages noted")
    if record.settings:
        click.echo(f"Seed {record.settings.get('seed')}, settings {record.config_digest[:12]}")
    gpus = ", ".join(environment.gpus) or "no GPU"
    click.echo(
        f"Machine: {environment.cpu}, {environment.cpu_count} processors,"
        f" {environment.memory_bytes / 2**30:.0f} GiB, {gpus}"
    )
    if environment.variables:
        click.echo("Variables: " + ", ".join(f"{name}={value}" for name, value in environment.variables.items()))


def _print_stages(record: RunRecord) -> None:
    rows = [
        [
            name,
            stage.status,
            f"{stage.seconds:.1f}",
            _figure(stage.cpu_seconds, 1.0, ".1f"),
            _figure(stage.peak_rss_bytes, 1e-6, ".0f"),
            _figure(stage.energy_joules, 1e-3, ".2f"),
        ]
        for name, stage in record.stages.items()
    ]
    print_table(["stage", "status", "seconds", "processor seconds", "peak memory, MB", "energy, kJ"], rows)
    total = sum(stage.seconds for stage in record.stages.values())
    note = f"; energy: {record.energy_note}" if record.energy_note else ""
    click.echo(f"{total:.1f} seconds in all{note}")


def _figure(value: float | None, scale: float, form: str) -> str:
    return "" if value is None else format(value * scale, form)
