"""The report as sections of plain text and rows, before it becomes HTML or Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field

from tfl.bench.records import Cell, Measurement
from tfl.core.run_folder import StageRecord
from tfl.report.answer import Step, headline, limits, next_steps, verdict
from tfl.report.facts import Facts, metric_drop
from tfl.report.parts import Figure, Row, Section, Table
from tfl.report.records import Passages
from tfl.report.sections import more_sections
from tfl.report.smaller import smaller_sections
from tfl.report.tables import NONE, cell_reason, how_measured
from tfl.report.training_table import ending
from tfl.tasks import wilson_interval

_MOST_FINDINGS = 100
_MOST_SLICES = 20
_STATUS = {"ok": "verified", "failed": "FAILED", "unsupported": "unsupported"}
_FACT_PLOTS = ("curves", "rates", "class_balance", "class_scores", "reliability")


@dataclass(frozen=True)
class View:
    """Everything that the report shows, in its order."""

    name: str
    subtitle: str
    unfinished: str
    headline: list[str]
    verdict_state: str
    verdict: str
    steps: list[Step]
    pictures: list[Figure]
    passages: list[Passages]
    nouns: str
    figures: list[Figure]
    scores: Table | None
    per_class: Table | None
    confused: Table | None
    slices: Table | None
    sections: list[Section]
    check_verdict: str
    findings: Table | None
    exports: Table | None
    proof: Table | None
    chart: Figure | None
    measured: list[str]
    made: Table
    config_text: str
    limits: list[str]
    quantized: list[Section] = field(default_factory=list)
    measured_sections: list[Section] = field(default_factory=list)


def build_view(facts: Facts) -> View:
    """Turn the records into the report's sections."""
    state, sentence = verdict(facts)
    figures = {plot.name: _figure(facts, plot.name) for plot in facts.plots}
    chart = facts.folder.path / "benchmark.png"
    return View(
        name=facts.name,
        subtitle=_subtitle(facts),
        unfinished=_unfinished(facts),
        headline=headline(facts),
        verdict_state=state,
        verdict=sentence,
        steps=next_steps(facts),
        pictures=[figure for name, figure in figures.items() if name not in _FACT_PLOTS],
        passages=list(facts.passages),
        nouns=facts.data.nouns,
        figures=[figure for name, figure in figures.items() if name in _FACT_PLOTS],
        scores=_scores(facts),
        per_class=_per_class(facts),
        confused=_confused(facts),
        slices=_slices(facts),
        sections=[*smaller_sections(facts), *more_sections(facts)],
        check_verdict=facts.check.verdict if facts.check else "The data were not checked in this run.",
        findings=_findings(facts),
        exports=_exports(facts),
        proof=_proof(facts),
        chart=Figure(
            "Accuracy against latency",
            "Each point is a verified artefact; the dashed line joins those that no other beats in both.",
            chart,
        )
        if facts.benchmark and chart.is_file()
        else None,
        measured=how_measured(facts.benchmark) if facts.benchmark else [],
        made=_made(facts),
        config_text=facts.config_text,
        limits=limits(facts),
    )


def _figure(facts: Facts, name: str) -> Figure:
    plot = next(plot for plot in facts.plots if plot.name == name)
    path = facts.folder.evaluation_dir / plot.file
    missing = plot.missing or ("" if path.is_file() else "the file is not there any more")
    return Figure(plot.title, plot.description, path, missing)


def _subtitle(facts: Facts) -> str:
    nouns = facts.data.nouns
    parts = []
    if facts.manifest is not None:
        parts.append(f"{len(facts.manifest.examples)} {nouns}, {len(facts.manifest.labels)} classes")
    if facts.bundle is not None:
        parts.append(facts.bundle.backbone.spec)
    if facts.record is not None:
        parts.append(facts.record.created)
    return " · ".join(parts)


def _unfinished(facts: Facts) -> str:
    if facts.record is None or facts.record.status == "done":
        return ""
    message = f": {facts.record.message}" if facts.record.message else ""
    # Failed cells have the verdict to themselves, and the report is written before the run is done.
    has_failures = facts.failed() or (facts.benchmark is not None and facts.benchmark.failures)
    if facts.record.status == "running" or (facts.record.status == "failed" and has_failures):
        return ""
    return f"This run {'was stopped' if facts.record.status == 'stopped' else 'failed'}{message}"


def _scores(facts: Facts) -> Table | None:
    nouns = facts.data.nouns
    scores = facts.evaluation
    if scores is None:
        return None
    auc = f"not defined (a class has no test {nouns})" if scores.roc_auc != scores.roc_auc else f"{scores.roc_auc:.4f}"
    rows = (
        ("accuracy", f"{scores.accuracy:.4f}", "share of right answers"),
        ("95 % interval", f"{scores.accuracy_low:.4f} to {scores.accuracy_high:.4f}", "Wilson score interval"),
        ("macro F1", f"{scores.macro_f1:.4f}", "mean over classes of F1, each class counting the same"),
        ("ROC AUC", auc, "how well right is ranked above wrong; 0.5 is chance"),
        ("log loss", f"{scores.log_loss:.4f}", "smaller is better; a wrong answer given with certainty costs most"),
        ("calibration error", f"{scores.calibration_error:.4f}", "mean distance of confidence and accuracy, 15 bins"),
    )
    caption = f"The float model on the split '{scores.split}', {scores.sample_count} {nouns}"
    return Table(caption, ("score", "value", "meaning"), tuple(Row("", row) for row in rows))


def _per_class(facts: Facts) -> Table | None:
    nouns = facts.data.nouns
    if facts.evaluation is None:
        return None
    rows = []
    for item in facts.evaluation.per_class:
        low, high = wilson_interval(round(item.recall * item.support), item.support) if item.support else (0.0, 1.0)
        scores = (f"{item.recall:.3f}", f"{low:.3f} to {high:.3f}", f"{item.precision:.3f}", f"{item.f1:.3f}")
        rows.append(Row("", (item.label, *scores, f"{item.support}")))
    head = ("class", "recall: share found", "95 % interval", "precision", "F1", f"test {nouns}")
    return Table("Scores per class", head, tuple(rows))


def _confused(facts: Facts) -> Table | None:
    if facts.evaluation is None or not facts.evaluation.most_confused:
        return None
    rows = tuple(Row("", (pair.truth, pair.predicted, f"{pair.count}")) for pair in facts.evaluation.most_confused[:10])
    return Table("Most confused", ("true class", "taken for", "times"), rows)


def _slices(facts: Facts) -> Table | None:
    nouns = facts.data.nouns
    if facts.evaluation is None or not facts.evaluation.slices:
        return None
    shown = facts.evaluation.slices[:_MOST_SLICES]
    rows = tuple(
        Row(
            "warning" if item.differs and item.difference < 0 else "",
            (
                item.column,
                item.value,
                f"{item.sample_count}",
                f"{item.accuracy:.3f}",
                f"{item.accuracy_low:.3f} to {item.accuracy_high:.3f}",
                f"{item.difference:+.3f}",
                "more than chance" if item.differs else f"few {nouns}" if item.is_small else "",
            ),
        )
        for item in shown
    )
    more = len(facts.evaluation.slices) - len(shown)
    caption = "Where it is weaker: accuracy by slice, the worst first" + (
        f" ({more} more in test.json)" if more else ""
    )
    return Table(caption, ("column", "value", nouns, "accuracy", "95 % interval", "against all", "note"), rows)


def _findings(facts: Facts) -> Table | None:
    if facts.check is None or not facts.check.findings:
        return None
    told = facts.check.told()
    shown = told[:_MOST_FINDINGS]
    rows = tuple(
        Row(_finding_state(item.severity), (item.severity, item.rule, item.path, item.message, item.fix))
        for item in shown
    )
    more = len(told) - len(shown)
    caption = "Findings" + (f" (the first {len(shown)}; {more} more in check.json)" if more else "")
    return Table(caption, ("severity", "rule", "where", "what", "what to do"), rows)


def _finding_state(severity: str) -> str:
    return {"error": "failed", "warning": "warning"}.get(severity, "")


def _exports(facts: Facts) -> Table | None:
    if not facts.cells:
        return None
    metric = next((cell.verification.metric_name for cell in facts.cells if cell.verification), "accuracy")
    head = (
        *("target", "precision", "status", "MB", metric, "against float", "latency p50 ms", "p90", "p99"),
        *("file to answer ms", "per s", "at batch", "load ms", "peak MB"),
    )
    return Table("Every target and precision", head, tuple(_export_row(facts, cell) for cell in facts.cells))


def _export_row(facts: Facts, cell: Cell) -> Row:
    status = _STATUS[cell.status]
    state, reason = cell.status, cell_reason(cell)
    if cell.status == "ok" and cell not in facts.verified():
        state, status = "failed", "not verified"
    if facts.benchmark is not None and cell.name in facts.benchmark.failures:
        failure = facts.benchmark.failures[cell.name]
        reason = f"Could not be measured: {failure.message.splitlines()[0] if failure.message else failure.error}"
    drop, found = metric_drop(cell), facts.measurement_of(cell)
    proof = cell.verification
    metric = found.metric if found else proof.metric if proof else None
    values = (
        cell.target,
        cell.variant,
        status,
        f"{cell.size_bytes / 1e6:.2f}" if cell.size_bytes else NONE,
        NONE if metric is None else f"{metric:.4f}",
        NONE if drop is None else "same" if abs(drop) < 5e-7 else f"{-drop * 100:+.2f} points",
        *_speed(found),
    )
    return Row(state, values, reason, key=cell.name)


def _speed(found: Measurement | None) -> tuple[str, ...]:
    if found is None:
        return (NONE,) * 8
    return (
        f"{found.model_ms.p50:.2f}",
        f"{found.model_ms.p90:.2f}",
        f"{found.model_ms.p99:.2f}",
        f"{found.end_to_end_ms.p50:.2f}",
        f"{found.throughput_per_s:,.0f}",
        f"{found.throughput_batch}",
        f"{found.load_ms:,.1f}",
        f"{found.peak_rss_bytes / 1e6:,.0f}",
    )


def _proof(facts: Facts) -> Table | None:
    rows = []
    for cell in facts.cells:
        proof = cell.verification
        for check in proof.checks if proof else ():
            state = "" if check.passed else "failed"
            result = "holds" if check.passed else "FAILS"
            rows.append(Row(state, (cell.name, check.name, f"{check.value:.4g}", f"{check.limit:.4g}", result)))
    head = ("artefact", "check", "value", "limit", "result")
    return Table("Every check of every artefact, made in a fresh process", head, tuple(rows)) if rows else None


def _cost(stage: StageRecord) -> str:
    parts = [stage.status, f"{stage.seconds:.1f} s"]
    if stage.cpu_seconds is not None:
        parts.append(f"{stage.cpu_seconds:.1f} processor s")
    if stage.peak_rss_bytes is not None:
        parts.append(f"peak memory {stage.peak_rss_bytes / 1e6:.0f} MB")
    if stage.energy_joules is not None:
        parts.append(f"{stage.energy_joules / 1e3:.2f} kJ")
    return ", ".join(parts)


def _made(facts: Facts) -> Table:
    rows: list[tuple[str, str]] = []
    record, bundle, summary = facts.record, facts.bundle, facts.summary
    if record is not None:
        code = str(record.code or record.tfl_version)
        rows += [("command", record.command), ("made", record.created), ("tfl", code)]
        rows += [(f"stage {name}", _cost(stage)) for name, stage in record.stages.items()]
        rows += [
            (f"gone on with {entry.at}", "; ".join(entry.changes) or "nothing else") for entry in record.resumptions
        ]
    if facts.manifest is not None:
        rows += [
            ("data", facts.manifest.root),
            ("data fingerprint", facts.manifest.fingerprint),
            ("reader", facts.manifest.reader),
        ]
    if bundle is not None:
        rows += [
            ("backbone", bundle.backbone.spec),
            ("weights from", bundle.backbone.weights_origin),
            ("weights SHA-256", bundle.backbone.digest),
            ("licence of the backbone", bundle.backbone.licence),
            ("model SHA-256", bundle.fingerprint),
            *bundle.preprocessing.described,
        ]
    if summary is not None:
        rows += [
            ("arithmetic", f"{summary.policy}: {summary.policy_reason}"),
            *((f"XLA, {name}", text) for name, text in summary.xla.items()),
            ("epochs", ", ".join(f"{name} {count}" for name, count in summary.epochs.items())),
            ("epoch kept", ", ".join(f"{name} {count}" for name, count in summary.best_epochs.items())),
            *((f"stage {name} ended because", ending(summary, name)) for name in summary.stopped_by),
            ("weights", f"{summary.parameters:,}"),
            ("samples", f"{summary.train_samples} training, {summary.validation_samples} validation"),
        ]
    if record is not None:
        versions = ", ".join(f"{name} {version}" for name, version in record.environment.versions.items())
        rows += [
            ("machine", f"{record.environment.cpu}, {record.environment.cpu_count} processors"),
            ("with", versions),
        ]
    return Table("How it was made", ("what", "value"), tuple(Row("", row) for row in rows))
