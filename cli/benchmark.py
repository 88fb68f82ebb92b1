"""`tfl benchmark RUN`."""

from __future__ import annotations

from pathlib import Path

import click

from tfl_cli._options import json_flag
from tfl_cli._output import print_json, print_next, quoted
from tfl_cli._progress import make_progress
from tfl_cli._tables import print_benchmark


@click.command("benchmark")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(), help="Real inputs with classes; by default those of the run.")
@click.option("--split", help="A split of the data.")
@click.option("--seconds", type=float, default=2.0, show_default=True, help="How long each figure is measured.")
@click.option("--threads", type=int, default=0, help="Threads per engine; 0 lets it choose.")
@click.option(
    "--rounds", type=int, default=1, show_default=True, help="Repeat over all in turn; gives the noise floor."
)
@click.option("--batch-sizes", default="1,8,32", show_default=True, help="Tried for throughput, comma-separated.")
@json_flag
def command(
    model: Path,
    data: str | None,
    split: str | None,
    seconds: float,
    threads: int,
    rounds: int,
    batch_sizes: str,
    as_json: bool,
) -> int:
    """Measure MODEL: a run (all its verified artefacts), a bundle or one artefact.

    Every cell runs in a fresh process on real pictures; its accuracy is that of the very files timed.
    """
    from tfl.core.config import BenchmarkConfig
    from tfl.core.errors import ConfigError
    from tfl.model import load

    try:
        sizes = tuple(int(part) for part in batch_sizes.split(","))
    except ValueError as error:
        raise ConfigError(f"--batch-sizes must be whole numbers. Received: '{batch_sizes}'.", hint="1,8,32") from error
    config = BenchmarkConfig(seconds=seconds, threads=threads, rounds=rounds, batch_sizes=sizes)
    with make_progress() as progress:
        opened = load(model, progress=progress)
        result = opened.benchmark(data, split=split, config=config)
    if as_json:
        print_json(result.to_dict())
        return 1 if result.failures else 0
    print_benchmark(result, opened.cells() if opened.kind == "run" else ())
    if opened.run is not None:
        print_next(f"tfl report {quoted(opened.run.path)}", f"tfl benchmark {quoted(model)} --rounds 3 --json")
    return 1 if result.failures else 0
