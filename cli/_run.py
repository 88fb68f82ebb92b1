"""What `run`, `train` and `demo` share: resolve the config, run the stages, print what came out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfl.core.errors import JobError, UserError
from tfl_cli._options import asked_for, if_exists, resolve
from tfl_cli._output import command_line, print_json, print_next, print_table, quoted
from tfl_cli._progress import make_progress
from tfl_cli._tables import climb_commands, print_benchmark, print_cells

if TYPE_CHECKING:
    from tfl.core.config import RunConfig
    from tfl.core.files import IfExists
    from tfl.core.run_folder import RunFolder
    from tfl.pipeline import Outcome


def run_and_print(
    data: str | None,
    options: dict[str, Any],
    tables: tuple[dict[str, tuple[str, Any, str]], ...],
    *,
    stages: tuple[str, ...],
    as_json: bool,
    command: str,
) -> int:
    """Run stages for a command and print the result; returns the exit code."""
    policy = if_exists(options)
    if policy == "resume":
        config = _resumed_config(data, options, tables)
    else:
        config = resolve(options, *tables, **_fixed(data, options))
        if not config.data.path:
            raise UserError(
                "Say which data: a folder with one sub-folder of pictures per class, or a table of texts.",
                hint=f"tfl {command} FOLDER",
            )
    outcome = run_stages(config, stages=stages, policy=policy, command=command)
    if as_json:
        print_json(run_document(outcome.folder))
    else:
        print_run(outcome.folder)
    return 1 if outcome.failed_cells else 0


def run_stages(config: RunConfig, *, stages: tuple[str, ...], policy: IfExists, command: str) -> Outcome:
    """Run stages with a progress display; an interrupt or a failure says how to go on."""
    from tfl.pipeline import resolve_out, run

    config = dataclasses.replace(config, out=str(resolve_out(config)))
    again = f"tfl {command} --out {quoted(config.out)} --resume"
    try:
        with make_progress() as progress:
            return run(config, stages=stages, if_exists=policy, command=command_line(), progress=progress)
    except KeyboardInterrupt:
        click.echo(f"Stopped; what is done is kept. Go on with:\n  {again}", err=True)
        raise
    except JobError:
        click.echo(f"What is done is kept. Once mended, go on with:\n  {again}", err=True)
        raise


def _fixed(data: str | None, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "data__path": data,
        "out": options["out"],
        "data__bad_files": "skip" if options["skip_bad"] else None,
        "data__allow": list(options["allow"]) or None,
    }


def _resumed_config(data: str | None, options: dict[str, Any], tables: Any) -> RunConfig:
    from tfl.core.config import load_config, resolve_config
    from tfl.core.run_folder import RunFolder

    if not options["out"]:
        raise UserError("--resume needs the run's folder.", hint="Add --out RUN. See the runs: tfl runs list")
    saved = load_config(RunFolder.find(Path(options["out"])))
    # What is not asked for again stays as the run was begun; what is asked for must be the same.
    asked = asked_for(options, *tables, **_fixed(data, options))
    return resolve_config(saved.to_dict(), {**asked, "out": options["out"]})


def _print_folds(folder: RunFolder) -> None:
    file = folder.folds_dir / "cross_validation.json"
    if not file.is_file():
        return
    from tfl.training.cross_validation import CrossValidation

    result = CrossValidation.load(file)
    print_table(
        ["repeat", "fold", result.metric_name, "log loss", "learned", "scored", "seconds"],
        [
            [
                item.repeat,
                item.fold,
                f"{item.metric:.4f}",
                f"{item.log_loss:.4f}",
                item.train_samples,
                item.scored_samples,
                f"{item.seconds:.1f}",
            ]
            for item in result.folds
        ],
    )
    click.echo(
        f"Cross-validation: {result.metric_name} {result.mean:.4f} (95 % interval {result.low:.4f} to"
        f" {result.high:.4f}, {result.sample_count} samples, test split left out).\n{result.caveat}"
    )


def run_document(folder: RunFolder) -> dict[str, Any]:
    """Gather a run's records into one document."""
    parts = {
        "record": folder.record_file,
        "check": folder.check_file,
        "training": folder.training_dir / "summary.json",
        "evaluation": folder.evaluation_dir / "test.json",
        "cross_validation": folder.folds_dir / "cross_validation.json",
        "exports": folder.exports_file,
        "benchmark": folder.benchmark_file,
        "reproduction": folder.reproduction_file,
    }
    document: dict[str, Any] = {"run": str(folder.path), "report": str(folder.report_file)}
    for name, path in parts.items():
        document[name] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return document | {"data": data_document(folder)}


def data_document(folder: RunFolder) -> dict[str, Any] | None:
    """Say which version of which data a run saw; None before its check is done."""
    from tfl.data.manifest import Manifest

    if not folder.manifest_file.is_file():
        return None
    manifest = Manifest.load(folder.manifest_file)
    return {
        "source": manifest.source or manifest.root,
        "examples": len(manifest.examples),
        "fingerprint": manifest.fingerprint,
        "parent": manifest.parent,
    }


def print_run(folder: RunFolder) -> None:
    """Print a run's result for a person: the answer, the tables, the report, the next commands."""
    from tfl.bench.cells import ExportSummary
    from tfl.core.config import load_config
    from tfl.report.answer import backbone_step
    from tfl.report.facts import read_facts
    from tfl.tasks import TASKS

    data = TASKS.get(load_config(folder).task).data
    facts = read_facts(folder.path)
    evaluation = facts.evaluation
    if evaluation is not None:
        # All of them and none are not what it is rounded to.
        edge = 1 if 0 < evaluation.accuracy < 1 else 0
        right = min(max(round(evaluation.accuracy * 100), edge), 100 - edge)
        click.echo(
            f"\n{right} of 100 {data.nouns} the model never saw are recognised"
            f" (95 % interval {evaluation.accuracy_low * 100:.1f} to {evaluation.accuracy_high * 100:.1f} %,"
            f" {evaluation.sample_count} {data.nouns})."
        )
        if evaluation.most_confused:
            worst = evaluation.most_confused[0]
            click.echo(f"The most frequent mistake: {worst.truth} taken for {worst.predicted}, {worst.count} times.")
    _print_folds(folder)
    exports = ExportSummary.of_run(folder)
    cells = exports.cells
    if facts.benchmark is not None:
        print_benchmark(facts.benchmark, cells)
    elif cells:
        print_cells(cells)
    click.echo(f"\nReport: {folder.report_file}")
    run = quoted(folder.path)
    made = [cell for cell in cells if cell.status == "ok"]
    best = next((cell for cell in made if cell.precision == "int8"), None)
    if {cell.target for cell in cells} - {cell.target for cell in cells if cell.status != "unsupported"}:
        # Where a target can make nothing of the model, to ask it for more is no advice.
        best = best or next(iter(made), None)
    model = f"{run}/{best.artifact_dir}" if best else run
    print_next(
        f"tfl predict {model} {data.example}",
        f"tfl evaluate {model} --data YOUR_OTHER_DATA",
        f"tfl verify {model}" if best else f"tfl export {run}",
        *([better.command] if (better := backbone_step(facts)) else []),
        *climb_commands(exports, folder.path),
        f"tfl runs show {run}",
    )
