"""`tfl evaluate MODEL`."""

from __future__ import annotations

from pathlib import Path

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json, print_next, print_table, quoted
from tfl_cli._progress import make_progress
from tfl_cli._tables import print_slices


@click.command("evaluate")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(), help="Data with classes; by default those of the run.")
@click.option("--split", help="train, validation, test, a name the data use, or all.")
@click.option("--threads", type=int, default=0, help="Processor threads; 0 lets the engine choose.")
@click.option("--by", multiple=True, help="Score each value of a column, or of a folder level: folder:1. Repeatable.")
@json_flag
def command(model: Path, data: str | None, split: str | None, threads: int, by: tuple[str, ...], as_json: bool) -> None:
    """Score MODEL (a run, a bundle or any artefact) on held-out data."""
    from tfl.model import load

    with make_progress() as progress:
        opened = load(model, threads=threads, progress=progress)
        evaluation = opened.evaluate(data, split=split, by=by)
    if as_json:
        print_json(evaluation.to_dict())
        return
    rows = [
        ["samples", f"{evaluation.sample_count}"],
        ["accuracy", f"{evaluation.accuracy:.4f}"],
        ["95 % interval", f"{evaluation.accuracy_low:.4f} to {evaluation.accuracy_high:.4f}"],
        ["macro F1", f"{evaluation.macro_f1:.4f}"],
        ["ROC AUC", f"{evaluation.roc_auc:.4f}"],
        ["log loss", f"{evaluation.log_loss:.4f}"],
        ["calibration error", f"{evaluation.calibration_error:.4f}"],
    ]
    print_table(["metric", "value"], rows, title=f"{evaluation.model} on the split '{evaluation.split}'")
    per_class = [
        [item.label, f"{item.precision:.3f}", f"{item.recall:.3f}", f"{item.f1:.3f}", item.support]
        for item in evaluation.per_class
    ]
    print_table(["class", "precision", "recall", "F1", "samples"], per_class)
    if evaluation.most_confused:
        confused = [[item.truth, item.predicted, item.count] for item in evaluation.most_confused[:10]]
        print_table(["truth", "taken for", "times"], confused, title="Most confused")
    if evaluation.slices:
        print_slices(evaluation.slices)
    print_next(f"tfl predict {quoted(model)} {opened.data.example}", f"tfl evaluate {quoted(model)} --json")
