"""`tfl benchmark RUN`, and `tfl benchmark verify` and `merge` below it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tfl_cli._options import json_flag, list_option
from tfl_cli._output import print_json, print_next, quoted
from tfl_cli._progress import make_progress
from tfl_cli._tables import print_benchmark
from tfl_cli._with_more import CommandWithMore

MORE = {
    "verify": ("benchmark_verify", "Measure again what a result says; exit status 1 where it does not come out."),
    "merge": ("benchmark_merge", "Put results of several machines into one table."),
}


@click.command("benchmark", cls=CommandWithMore, more=MORE)
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(), help="Real inputs with classes; by default those of the run.")
@click.option("--split", help="A split of the data.")
@click.option("--seconds", type=float, default=2.0, show_default=True, help="How long each figure is measured.")
@click.option("--threads", type=int, default=0, help="Threads per engine; 0 lets it choose.")
@click.option("--rounds", type=int, help="Repeat over all in turn; 1 by default, 3 with scenarios.")
@list_option("--batch-sizes", default=("1,8,32",), show_default=True, help="Tried for throughput, comma-separated.")
@list_option(
    "--scenario",
    "scenarios",
    metavar="NAME[,NAME]",
    help="single-stream, multi-stream, offline, server: put that load on instead.",
)
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar="KNOB=1,2",
    help="Values of batch, threads, lanes or size (of the input).",
)
@click.option("--artifact", "artifacts", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@click.option("--suite", type=click.Path(path_type=Path), help="A YAML file with scenarios, sweep, rounds, seconds ...")
@click.option(
    "--latency-bound-ms", type=float, help="Of the server scenario's p99; 5 times the idle median by default."
)
@click.option("--least-queries", type=int, help="Queries that a percentile is taken from at least; 400 by default.")
@click.option("--seed", type=int, help="Of the order of cells and of arrivals.")
@click.option("--out", type=click.Path(path_type=Path), help="The result; RUN/benchmarks/<n>/result.json by default.")
@click.option("--baseline", type=click.Path(path_type=Path), help="Exit status 1 where slower beyond the noise.")
@click.option("--pin", is_flag=True, help="Make this result the --baseline.")
@json_flag
@click.pass_context
def command(ctx: click.Context, /, model: Path, **options: Any) -> int:
    """Measure MODEL: a run (all its verified artefacts), a bundle or one artefact.

    Every cell runs in a fresh process on real samples; its accuracy is that of the very files timed. With --scenario
    or --suite the figures carry intervals, the rounds are interleaved, and one cell is measured twice for the noise.
    """
    wanted = (
        "scenarios",
        "suite",
        "sweeps",
        "artifacts",
        "baseline",
        "out",
        "latency_bound_ms",
        "least_queries",
        "seed",
    )
    given = [name for name in wanted if options[name]]
    if options["scenarios"] or options["suite"]:
        return _scenarios(ctx, model, options)
    if given or options["pin"]:
        from tfl.core.errors import UserError

        flag = {"sweeps": "sweep", "artifacts": "artifact"}.get(given[0], given[0]) if given else "pin"
        raise UserError(
            f"--{flag.replace('_', '-')} means something only under a scenario.", hint="Add --scenario single-stream"
        )
    return _table(model, options)


def _table(model: Path, options: dict[str, Any]) -> int:
    from tfl.core.config import BenchmarkConfig
    from tfl.core.errors import ConfigError
    from tfl.model import load

    try:
        sizes = tuple(int(part) for part in options["batch_sizes"].split(","))
    except ValueError as error:
        raise ConfigError(
            f"--batch-sizes must be whole numbers. Received: '{options['batch_sizes']}'.", hint="1,8,32"
        ) from error
    rounds = 1 if options["rounds"] is None else options["rounds"]
    config = BenchmarkConfig(seconds=options["seconds"], threads=options["threads"], rounds=rounds, batch_sizes=sizes)
    with make_progress() as progress:
        opened = load(model, progress=progress)
        result = opened.benchmark(options["data"], split=options["split"], config=config)
    if options["as_json"]:
        print_json(result.to_dict())
        return 1 if result.failures else 0
    print_benchmark(result, opened.cells() if opened.kind == "run" else ())
    if opened.run is not None:
        print_next(f"tfl report {quoted(opened.run.path)}", f"tfl benchmark {quoted(model)} --rounds 3 --json")
    return 1 if result.failures else 0


def _scenarios(ctx: click.Context, model: Path, options: dict[str, Any]) -> int:
    from tfl.benchmarking import benchmark_scenarios, compare_with_baseline, pin_baseline, read_baseline
    from tfl.core.errors import UserError
    from tfl.core.run_folder import RunFolder
    from tfl.model import load
    from tfl_cli._scenarios import print_comparison, print_scenarios

    baseline, pin = options["baseline"], options["pin"]
    if pin and baseline is None:
        raise UserError("--pin needs to know where.", hint="Add --baseline FILE")
    old = read_baseline(baseline) if baseline is not None and not pin else None
    suite = _suite(ctx, options)
    with make_progress() as progress:
        opened = load(model, progress=progress)
        measured = benchmark_scenarios(opened, suite, data=options["data"], split=options["split"], out=options["out"])
    result, comparison = measured.result, None
    if pin:
        pin_baseline(measured, baseline)
    elif old is not None:
        comparison = compare_with_baseline(measured, old)
    code = 1 if result.failures or (comparison is not None and comparison.is_regression) else 0
    if options["as_json"]:
        document = {"path": str(measured.path), **result.to_dict()}
        print_json(document | {"comparison": comparison.to_dict() if comparison else None})
        return code
    print_scenarios(measured)
    if comparison is not None:
        print_comparison(comparison, old="baseline", new="now")
        click.echo("REGRESSION." if comparison.is_regression else "No regression beyond the noise.")
    click.echo(f"Record and timings: {measured.path}")
    again, run = f"tfl benchmark verify {quoted(measured.path)}", RunFolder.around(measured.path)
    if run is None:
        # What lies elsewhere is not found from the run, nor the run from it.
        print_next(f"{again} --model {quoted(model)}", f"tfl recommend {quoted(measured.path)} --max-latency-ms 20")
    else:
        place = quoted(run.path)
        print_next(again, f"tfl recommend {place} --max-latency-ms 20", f"tfl report {place}")
    return code


def _suite(ctx: click.Context, options: dict[str, Any]) -> Any:
    from click.core import ParameterSource

    from tfl.bench.scenario_files import load_suite, make_suite

    given: dict[str, Any] = {
        name: options[name]
        for name in ("rounds", "latency_bound_ms", "least_queries", "seed")
        if options[name] is not None
    }
    if ctx.get_parameter_source("seconds") is ParameterSource.COMMANDLINE:
        given["seconds"] = options["seconds"]
    if options["scenarios"]:
        given["scenarios"] = options["scenarios"].split(",")
    if options["artifacts"]:
        given["artifacts"] = list(options["artifacts"])
    sweep = dict(_read_sweep(text) for text in options["sweeps"])
    if options["threads"]:
        sweep.setdefault("threads", [options["threads"]])
    if sweep:
        given["sweep"] = sweep
    return load_suite(options["suite"], given) if options["suite"] else make_suite(given, where="the options")


def _read_sweep(text: str) -> tuple[str, list[int]]:
    from tfl.core.errors import ConfigError

    knob, _, values = text.partition("=")
    try:
        return knob.strip(), [int(part) for part in values.split(",")]
    except ValueError as error:
        raise ConfigError(
            f"--sweep must look like batch=1,8,32. Received: '{text}'.", hint="batch, threads, lanes, size"
        ) from error
