"""The report's parts about measurements under load, and about which artefact to take."""

from __future__ import annotations

from pathlib import Path

from tfl.bench import scenario_tables as tables
from tfl.bench.choice import Bounds, Choice
from tfl.bench.choice_files import choice_of_run
from tfl.bench.choice_tables import asked_of, choice_table
from tfl.bench.scenario_comparison import ResultComparison
from tfl.bench.scenario_files import AGAIN, BASELINE, comparison_file, load_result, newest_result
from tfl.bench.scenario_records import ScenarioResult
from tfl.bench.standings import standings
from tfl.core.errors import UserError
from tfl.core.run_folder import RunFolder
from tfl.core.tables import NONE, Plain
from tfl.report.choice_chart import draw_choice
from tfl.report.load_chart import MOST_CELLS, draw_latencies, draw_servers, latency_cells, server_cells
from tfl.report.parts import Figure, Row, Section, Table

LATENCIES_PICTURE, SERVERS_PICTURE = "latencies.png", "servers.png"
CHOICE_PICTURE = "recommendation.png"
_MOST_CELLS = 60
_OTHER_BOUNDS = "Other bounds: tfl recommend {run} --max-latency-ms 20 --min-accuracy 0.9"


def measured_sections(folder: RunFolder) -> list[Section]:
    """Return the sections about the newest benchmark under scenarios and the recommendation, and draw their pictures.

    Raises:
        IntegrityError: A record is damaged.
        MissingExtraError: Matplotlib is not installed.
    """
    return [section for section in (_load_section(folder), _choice_section(folder)) if section is not None]


def _load_section(folder: RunFolder) -> Section | None:
    path = newest_result(folder.benchmarks_dir)
    if path is None:
        return None
    result, series = load_result(path)
    shown = [
        tables.cells_table(result, scenario=name) for name in dict.fromkeys(cell.scenario for cell in result.cells)
    ]
    plain = [
        *shown,
        tables.standings_table(standings(result, series)),
        *_comparisons(path),
        tables.stages_table(result),
        tables.kernels_table(result),
    ]
    return Section(
        name="load",
        title="Under load",
        words=tuple(_words(result, path, folder)),
        tables=tuple(_as_table(item) for item in plain if item.rows),
        figures=tuple(_figures(result, path.parent)),
        notes=tuple(_notes(result, series_file=path.with_suffix(".npz").name)),
        details=(_as_table(tables.conditions_table(result)),),
    )


def _words(result: ScenarioResult, path: Path, folder: RunFolder) -> list[str]:
    suite = result.suite
    scenarios = ", ".join(name.replace("_", "-") for name in suite.scenarios)
    samples = {facts.accuracy.sample_count for facts in result.artifacts.values()}
    lines = [
        f"{scenarios}: {len(result.cells)} cells on {' or '.join(map(str, sorted(samples)))} held-out samples, each in"
        f" {suite.rounds} fresh process{'es' if suite.rounds > 1 else ''} mixed among the others, at least"
        f" {suite.seconds:g} s a figure. Measured {result.created}; the record is"
        f" {path.relative_to(folder.path).as_posix()}.",
        tables.noise_line(result),
        " ".join(f"{line}." for line in tables.best_throughputs(result)),
    ]
    lines += [f"{name} could not be measured: {item.message.splitlines()[0]}" for name, item in result.failures.items()]
    return [line for line in lines if line]


def _notes(result: ScenarioResult, *, series_file: str) -> list[str]:
    notes = [f"Doubt: {line}" for line in tables.doubts(result)]
    return [tables.INTERVALS, *notes, f"Machine: {tables.machine_line(result)}. Every timing is in {series_file}."]


def _as_table(plain: Plain) -> Table:
    more = len(plain.rows) - _MOST_CELLS
    caption = plain.title + (f" (the first {_MOST_CELLS}; {more} more in the record)" if more > 0 else "")
    # Columns that no row has anything in, such as energy, would only push the others out of sight.
    kept = [index for index in range(len(plain.head)) if any(row[index] for row in plain.rows)]
    rows = tuple(Row("", tuple(row[index] or NONE for index in kept)) for row in plain.rows[:_MOST_CELLS])
    return Table(caption, tuple(plain.head[index] for index in kept), rows)


def _comparisons(path: Path) -> list[Plain]:
    found = []
    for kind, old, new in ((BASELINE, "baseline", "now"), (AGAIN, "then", "again")):
        file = comparison_file(path, kind)
        if file.is_file():
            found.append(tables.comparison_table(ResultComparison.load(file), old=old, new=new))
    return found


def _figures(result: ScenarioResult, folder: Path) -> list[Figure]:
    figures = []
    first = f" The first {MOST_CELLS} are shown; the record has all."
    cells = latency_cells(result)
    if cells:
        draw_latencies(result, folder / LATENCIES_PICTURE)
        more = first if len(cells) == MOST_CELLS else ""
        figures.append(
            Figure(
                "Latency by cell",
                "p50, p90 and p99 of one query, tensor in, tensor out, each with its 95 % interval. A percentile that"
                f" is withheld is not drawn.{more}",
                folder / LATENCIES_PICTURE,
            )
        )
    servers = server_cells(result)
    if servers:
        draw_servers(result, folder / SERVERS_PICTURE)
        found = "; ".join(
            f"{cell.name}: {cell.rate_per_s:,.1f} per s" if cell.rate_per_s else f"{cell.name}: no rate keeps the bound"
            for cell in servers
        )
        more = first if len(servers) == MOST_CELLS else ""
        figures.append(
            Figure(
                "Latency against the rate of arrivals",
                "From the scheduled arrival to the answer. The rate found is the highest whose p99 keeps the bound;"
                f" beyond it the queue grows. {found}.{more}",
                folder / SERVERS_PICTURE,
            )
        )
    return figures


def _choice_section(folder: RunFolder) -> Section | None:
    """Choose anew from what is measured now, within the bounds that were asked for last."""
    asked = Choice.load(folder.recommendation_file) if folder.recommendation_file.is_file() else None
    if newest_result(folder.benchmarks_dir) is None and asked is None:
        return None
    bounds = asked.bounds if asked is not None else Bounds()
    try:
        choice = choice_of_run(folder, bounds)
    except UserError as error:
        return Section("recommended", "Which one to take", (error.message,), (), ())
    picture = folder.path / CHOICE_PICTURE
    draw_choice(choice, picture, form="chart")
    plain = choice_table(choice)
    states = {choice.picked: "chosen", choice.closest: "warning"}
    marks = {"*": "the one to take", "-": "not beaten"}
    rows = tuple(
        Row(states.get(item.name, ""), (*(cell or NONE for cell in row[1:]), marks.get(row[0], "")), key=item.name)
        for item, row in zip(choice.options, plain.rows, strict=True)
    )
    left_out = tuple(f"{name} is left out: {why}." for name, why in choice.left_out.items())
    return Section(
        name="recommended",
        title="Which one to take",
        words=(asked_of(bounds), choice.reason),
        tables=(
            Table(
                "Every measured artefact; not beaten: no other is as good in all four",
                (*plain.head[1:], "verdict"),
                rows,
            ),
        ),
        figures=(
            Figure(
                "Accuracy against latency, memory against size",
                "Each mark is a measured artefact, the star is the one to take, a hollow one breaks a bound, and what a"
                " bound shuts out is shaded. The dashed line joins those that no other beats in latency and accuracy.",
                picture,
            ),
        ),
        notes=(*left_out, f"From {_relative(choice.source, folder)}. {_OTHER_BOUNDS.format(run=folder.path)}"),
    )


def _relative(source: str, folder: RunFolder) -> str:
    path, run = Path(source).resolve(), folder.path.resolve()
    return path.relative_to(run).as_posix() if path.is_relative_to(run) else source
