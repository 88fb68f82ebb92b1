"""`tfl runs`: what has been done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tfl_cli._output import print_json, print_next, print_table, quoted
from tfl_cli.runs_leaderboard import command as leaderboard_command


@click.group("runs")
def command() -> None:
    """List, show, compare and rank runs."""


command.add_command(leaderboard_command)


@command.command("list")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("runs"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def list_command(folder: Path, as_json: bool) -> None:
    """List the runs below FOLDER (runs by default), newest first."""
    from tfl.pipeline import list_runs

    found = [(run, record, _evaluation(run.path)) for run, record in list_runs(folder)]
    if as_json:
        print_json([{"run": str(run.path), **record.to_dict(), "evaluation": scores} for run, record, scores in found])
        return
    rows = [
        [str(run.path), record.created, record.status, f"{scores['accuracy']:.4f}" if scores else "", _done(record)]
        for run, record, scores in found
    ]
    if not rows:
        click.echo(f"There are no runs below {folder}.")
        print_next("tfl demo", "tfl run YOUR_PICTURES")
        return
    print_table(["run", "created", "status", "accuracy", "stages done"], rows)
    print_next(f"tfl runs show {quoted(found[0][0].path)}")


@command.command("show")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def show_command(run: Path, as_json: bool) -> None:
    """Show what RUN came to."""
    from tfl.core.run_folder import RunFolder, RunRecord
    from tfl_cli._run import data_document, print_run, run_document

    folder = RunFolder.find(run)
    if as_json:
        print_json(run_document(folder))
        return
    record = RunRecord.load(folder.record_file)
    rows = [[name, stage.status, f"{stage.seconds:.1f}"] for name, stage in record.stages.items()]
    click.echo(f"{run}: {record.status}{', ' + record.message if record.message else ''}")
    click.echo(f"{record.created}  {record.command}")
    data = data_document(folder)
    if data:
        made = f", made from version {data['parent'][:12]}" if data["parent"] else ""
        click.echo(f"Data: {data['source']}, {data['examples']} pictures, version {data['fingerprint'][:12]}{made}")
    print_table(["stage", "status", "seconds"], rows)
    print_run(folder)


@command.command("compare")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def compare_command(runs: tuple[Path, ...], as_json: bool) -> None:
    """Set RUNS side by side: the settings that differ and the results."""
    from tfl.core.config import flatten
    from tfl.core.run_folder import RunFolder
    from tfl.exports import load_config

    folders = [RunFolder.find(run) for run in runs]
    configs = [flatten(load_config(folder).to_dict()) for folder in folders]
    keys = [key for key in configs[0] if key != "out" and len({str(config[key]) for config in configs}) > 1]
    scores = [_evaluation(folder.path) or {} for folder in folders]
    metrics = ("sample_count", "accuracy", "accuracy_low", "accuracy_high", "macro_f1", "log_loss", "calibration_error")
    fingerprints = [_fingerprint(folder.path) for folder in folders]
    if as_json:
        print_json(
            [
                {
                    "run": str(run),
                    "settings": {key: config[key] for key in keys},
                    "results": {name: score.get(name) for name in metrics},
                    "data_fingerprint": fingerprint,
                }
                for run, config, score, fingerprint in zip(runs, configs, scores, fingerprints, strict=True)
            ]
        )
        return
    head = ["", *(str(run) for run in runs)]
    rows: list[list[Any]] = [[key, *(str(config[key]) for config in configs)] for key in keys]
    rows += [[name, *(_figure(score.get(name)) for score in scores)] for name in metrics]
    print_table(head, rows)
    if len(set(fingerprints)) > 1:
        click.echo("The runs were made from different data or splits, so their figures do not compare one to one.")


def _figure(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _evaluation(run: Path) -> dict[str, Any] | None:
    path = run / "evaluation" / "test.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def _fingerprint(run: Path) -> str:
    from tfl.core.run_folder import RunFolder
    from tfl.data.manifest import Manifest

    file = RunFolder(run).manifest_file
    return Manifest.load(file).fingerprint if file.is_file() else ""


def _done(record: Any) -> str:
    return ", ".join(name for name, stage in record.stages.items() if stage.status == "done")
