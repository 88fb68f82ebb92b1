"""The report's part about accuracy-aware quantization: each target's ladder, its statement, and what broke."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfl.compress.ladder_records import Ladder
from tfl.compress.ladder_tables import rungs_table
from tfl.core.run_folder import RunFolder
from tfl.data.kinds import KINDS
from tfl.data.manifest import Manifest
from tfl.report.evidence import EVIDENCE, SHOWN_FLIPS
from tfl.report.parts import Figure, Row, Section, Table
from tfl.report.tables import NONE

_SHOWN_LAYERS = 15
_STATES = {"holds": "ok", "drops": "", "failed": "failed"}


def read_ladders(folder: RunFolder) -> list[Ladder]:
    """Read the ladders that a run has, by target.

    Raises:
        IntegrityError: A record is damaged.
    """
    return [Ladder.load(file) for file in sorted(folder.quantize_dir.glob("*.json"))]


def quantized_sections(folder: RunFolder) -> list[Section]:
    """Return a section per target whose ladder was climbed."""
    ladders = read_ladders(folder)
    manifest = Manifest.load(folder.manifest_file) if ladders and folder.manifest_file.is_file() else None
    return [_section(folder, ladder, manifest) for ladder in ladders]


def draw_all_flipped(folder: RunFolder, ladders: Sequence[Ladder]) -> None:
    """Draw the test samples whose decision differs for every target of a run, where they can be drawn."""
    manifest = Manifest.load(folder.manifest_file)
    evidence = EVIDENCE.get(manifest.kind)
    for ladder in ladders:
        file = _picture(folder, ladder)
        if ladder.flipped and KINDS.get(manifest.kind).is_drawn:
            evidence.show_flipped(ladder, manifest, file)
        else:
            file.unlink(missing_ok=True)


def _picture(folder: RunFolder, ladder: Ladder) -> Path:
    return folder.quantize_dir / f"{ladder.target}-flipped.png"


def _section(folder: RunFolder, ladder: Ladder, manifest: Manifest | None) -> Section:
    tables = [_rungs(ladder), _layers(ladder), _flips(ladder, manifest)]
    file = _picture(folder, ladder)
    figures = []
    if ladder.flipped and (manifest is None or KINDS.get(manifest.kind).is_drawn):
        missing = "" if file.is_file() else "the file is not there any more"
        shown = min(len(ladder.flipped), SHOWN_FLIPS)
        description = (
            f"{shown} of {len(ladder.flipped)} test samples whose decision differs from the float model's, those that "
            "it was surest of first."
        )
        figures.append(Figure(f"{ladder.target}: decisions that flipped", description, file, missing))
    words = statement_lines(ladder)
    return Section(
        name=f"quantized-{ladder.target}",
        title=f"Quantized for {ladder.target}",
        words=tuple(words[:1] if len(words) == 1 else words[:-1]),
        tables=tuple(table for table in tables if table is not None),
        figures=tuple(figures),
        notes=tuple(words[1:][-1:]),
    )


def statement_lines(ladder: Ladder) -> list[str]:
    """Say in sentences what was chosen, what the test split allows to say, and who judged."""
    if ladder.failure:
        return [f"The ladder could not be climbed: {ladder.failure.splitlines()[0]}"]
    chosen, test, statement = ladder.chosen, ladder.test, ladder.statement
    if chosen is None or test is None or statement is None:
        return [f"No rung keeps the metric within {ladder.settings.max_drop:g}.", ladder.samples.note]
    points = f"{test.drop * 100:+.2f} points, 95 % interval {test.low * 100:+.2f} to {test.high * 100:+.2f}"
    outcome = {
        "within": f"The drop is within {ladder.settings.max_drop:g}.",
        "exceeded": f"The drop exceeds {ladder.settings.max_drop:g}.",
    }.get(
        statement.outcome,
        f"Too few test samples to say whether the drop is within {ladder.settings.max_drop:g}"
        + (f"; about {statement.needed_samples:,} would do." if statement.needed_samples else "."),
    )
    lines = [
        f"{chosen.rung}: {chosen.summary}.",
        f"{outcome} {test.metric_name} {test.float_metric:.4f} in float, {test.metric:.4f} quantized, a drop of "
        f"{points} on {test.sample_count} test samples ({test.lost} lost, {test.gained} gained, McNemar p = "
        f"{test.p_value:.2g}; {test.method}).",
    ]
    if chosen.speed is not None and chosen.speed.low > 1.0:
        lines.append(
            f"It takes {chosen.speed.ratio:.2f} times as long as float32 on this machine ({ladder.environment.cpu}), "
            f"{chosen.speed.latency_ms:.2f} ms against {chosen.speed.float_latency_ms:.2f} ms; the processor has "
            f"{'' if any('vnni' in flag for flag in ladder.environment.isa) else 'no '}VNNI instructions for int8."
        )
    training = ladder.training
    if training is not None:
        lines.append(
            f"Trained on with quantization simulated: {training.words}. The simulation has {training.metric_name} "
            f"{training.metric:.4f} on the test split. The run's own network is as it was."
        )
    sensitivity = ladder.climb.sensitivity if ladder.climb is not None else None
    if sensitivity is not None:
        drops = ", ".join(f"{drop * 100:+.2f}" for drop in sensitivity.drops)
        lines.append(f"With other calibration samples ({sensitivity.note}) the drop is {drops} points.")
    return [*lines, ladder.samples.note]


def _rungs(ladder: Ladder) -> Table | None:
    tries = ladder.climb.tries if ladder.climb is not None else ()
    if not tries:
        return None
    plain = rungs_table(ladder)
    rows = (Row(_STATES[tried.status], values, tried.reason) for tried, values in zip(tries, plain.rows, strict=True))
    return Table(plain.title, plain.head, tuple(rows))


def _layers(ladder: Ladder) -> Table | None:
    """List the layers that cost most, by the metric where they were ranked, else by their error."""
    if ladder.climb is None:
        return None
    errors = {item.layer: item.relative_error for item in ladder.climb.layer_errors}
    ranking = next((tried.ranking for tried in ladder.climb.tries if tried.ranking), ())
    if ranking:
        rows = tuple(
            Row(
                "warning" if item.left_in_float else "",
                (
                    item.layer,
                    f"{item.metric_gain * 100:+.2f}",
                    f"{-item.log_loss_gain:+.4f}",
                    f"{item.given}",
                    f"{errors[item.layer]:.2g}" if item.layer in errors else NONE,
                    "stays in float" if item.left_in_float else "int8",
                ),
            )
            for item in ranking[:_SHOWN_LAYERS]
        )
        head = (
            *("layer", "metric with it in float, points", "log loss", "layers in float before"),
            *("relative error in int8", "in the mixed model"),
        )
        return Table(f"{ladder.target}: the layers that cost most in int8", head, rows)
    worst = sorted(errors.items(), key=lambda item: -item[1])[:_SHOWN_LAYERS]
    rows = tuple(Row("", (layer, f"{error:.2g}")) for layer, error in worst)
    return (
        Table(f"{ladder.target}: where int8 is farthest from float", ("layer", "relative error"), rows)
        if rows
        else None
    )


def _flips(ladder: Ladder, manifest: Manifest | None) -> Table | None:
    titles = {}
    if manifest is not None:
        evidence = EVIDENCE.get(manifest.kind)
        titles = {example.path: evidence.title_of(example) for example in manifest.of_split("test")}
    rows = tuple(
        Row(
            "failed" if item.float_answer == item.truth else "",
            (
                titles.get(item.path, item.path),
                item.truth,
                f"{item.float_answer} {item.float_probability:.3f}",
                f"{item.answer} {item.probability:.3f}",
            ),
        )
        for item in ladder.flipped[:SHOWN_FLIPS]
    )
    more = len(ladder.flipped) - len(rows)
    title = f"{ladder.target}: test samples decided otherwise than in float" + (f" ({more} more)" if more else "")
    return Table(title, ("sample", "truth", "float model", "quantized"), rows) if rows else None
