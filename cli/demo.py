"""`tfl demo`: everything once, on data that come with scikit-learn."""

from __future__ import annotations

from pathlib import Path

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json, print_next, quoted


@click.command("demo")
@click.option("--out", type=click.Path(path_type=Path), default=Path("tfl-demo"), show_default=True, help="Where to.")
@json_flag
def command(out: Path, as_json: bool) -> int:
    """Write 1,797 real handwritten digits as a folder of PNG files per class and do to it what `tfl run` does.

    Check, split, train on the embedded backbone, evaluate, predict, export to every target, verify,
    benchmark, report. Takes a few minutes and needs no network.
    """
    from tfl.core.config import resolve_config
    from tfl.data.digits import write_digits
    from tfl.pipeline import STAGES
    from tfl_cli._run import print_run, run_document, run_stages

    digits = out / "digits"
    click.echo(f"Writing the digits that come with scikit-learn to {digits}, one folder per class.", err=True)
    write_digits(digits)
    config = resolve_config({}, {"data.path": str(digits), "out": str(out / "run"), **SETTINGS})
    outcome = run_stages(config, stages=tuple(STAGES), policy="overwrite", command="run")
    answers = _answers(outcome.folder.path)
    if as_json:
        print_json({**run_document(outcome.folder), "predictions": answers})
        return 1 if outcome.failed_cells else 0
    click.echo("\nA few pictures that the model never saw, answered by an exported model:")
    for answer in answers:
        click.echo(f"  {answer['source']}: {answer['label']} ({answer['probability']:.3f})")
    print_run(outcome.folder)
    click.echo("\nYour own pictures: a folder with one sub-folder per class.")
    print_next(
        "tfl data check YOUR_FOLDER",
        "tfl run YOUR_FOLDER",
        f"tfl predict {quoted(outcome.folder.path)} YOUR_PICTURE.jpg",
    )
    return 1 if outcome.failed_cells else 0


#: Digits must not be mirrored and all precisions are shown; figures are short so that the whole stays short.
SETTINGS = {
    "train.augmentation": "light",
    "train.augmented_views": 1,
    "train.epochs": 30,
    "export.precisions": ["fp32", "fp16", "int8", "dynamic"],
    "export.calibration_samples": 100,
    "benchmark.seconds": 0.5,
    "benchmark.batch_sizes": [1, 32],
}


def _answers(run: Path, count: int = 5) -> list[dict[str, object]]:
    """Let the first quantized artefact answer for a few held-out pictures."""
    from tfl.model import load

    model = load(run)
    good = [cell for cell in model.cells() if cell.status == "ok"]
    if not good:
        return []
    best = next((cell for cell in good if cell.precision == "int8"), good[0])
    artifact = load(run / best.artifact_dir)
    samples = artifact.held_out()[0]
    step = max(1, len(samples.sources) // count)
    answers = artifact.predict(samples.sources[::step][:count])
    artifact.close()
    return [answer.to_dict() for answer in answers]
