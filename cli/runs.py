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
    """List, show, compare, rank, reproduce and prove runs."""


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
        print_next("tfl demo", "tfl run YOUR_DATA")
        return
    print_table(["run", "created", "status", "accuracy", "stages done"], rows)
    print_next(f"tfl runs show {quoted(found[0][0].path)}")


@command.command("show")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def show_command(run: Path, as_json: bool) -> None:
    """Show what RUN came to."""
    from tfl.core.run_folder import RunFolder, RunRecord
    from tfl_cli._record import print_record
    from tfl_cli._run import data_document, print_run, run_document

    folder = RunFolder.find(run)
    if as_json:
        print_json(run_document(folder))
        return
    record = RunRecord.load(folder.record_file)
    print_record(run, record, data_document(folder))
    print_run(folder)


@command.command("compare")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def compare_command(runs: tuple[Path, ...], as_json: bool) -> None:
    """Set RUNS side by side: what differs in settings, data, code and machine, and the results and costs."""
    from tfl.comparison import compare
    from tfl_cli._comparison import print_comparison

    result = compare(*runs)
    if as_json:
        print_json([run.to_dict() for run in result.runs])
    else:
        print_comparison(result)


@command.command("reproduce")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the new run; RUN-again-<n> by default.")
@click.option(
    "--allow-changed-data", is_flag=True, help="Train on what is there of the data, though it is not the same."
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0.0, 1.0),
    help="Largest difference of a probability that counts as the same, as long as no answer changes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def reproduce_command(
    run: Path, out: Path | None, allow_changed_data: bool, tolerance: float | None, as_json: bool
) -> int:
    """Train RUN again from its record, with the same splits, and compare every figure, answer and weight.

    Exit status 0 when every byte is the same, or all is within --tolerance; 1 otherwise.
    """
    from tfl.reproduction import reproduce
    from tfl_cli._output import command_line
    from tfl_cli._progress import make_progress
    from tfl_cli._reproduction import print_reproduction

    with make_progress() as progress:
        result = reproduce(
            run,
            out=out,
            changed_data="allow" if allow_changed_data else "refuse",
            command=command_line(),
            progress=progress,
        )
    if as_json:
        print_json(result.to_dict())
    else:
        print_reproduction(result)
    return 0 if result.is_reproduced(tolerance=tolerance) else 1


@command.command("verify-resume")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--steps", type=int, default=20, show_default=True, help="Steps of training on each side.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on standard output.")
def verify_resume_command(run: Path, steps: int, as_json: bool) -> int:
    """Train RUN's recipe straight and with two stops, each sitting in a fresh process, and compare the bytes.

    RUN is not changed. Exit status 0 when every byte is the same; 1 otherwise.
    """
    from tfl.core.run_folder import RunFolder
    from tfl.training.resume_proof import prove_resume
    from tfl_cli._progress import make_progress

    with make_progress() as progress:
        proof = prove_resume(RunFolder.find(run), steps=steps, progress=progress)
    if as_json:
        print_json({**proof.to_dict(), "identical": proof.identical})
    else:
        stops = " and ".join(map(str, proof.stopped_after))
        click.echo(
            f"{proof.steps} steps straight, and as many with stops after {stops}: {proof.arrays} arrays compared."
        )
        for text in proof.differences:
            click.echo(f"  differs: {text}")
        click.echo("Every byte is the same." if proof.identical else "The bytes differ.")
    return 0 if proof.identical else 1


def _evaluation(run: Path) -> dict[str, Any] | None:
    path = run / "evaluation" / "test.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def _done(record: Any) -> str:
    return ", ".join(name for name, stage in record.stages.items() if stage.status == "done")
