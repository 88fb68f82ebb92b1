"""The leaderboard: runs of the same data and the same test split, side by side, from what their records say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from tfl.bench.cells import ExportSummary
from tfl.bench.records import Benchmark
from tfl.core.config import load_config
from tfl.core.errors import ConfigError, NotFoundError, UserError
from tfl.core.files import sha256_text
from tfl.core.records import Record
from tfl.core.run_folder import RUN_FILE, RunFolder, RunRecord
from tfl.core.tables import html_lines, html_parts, html_table
from tfl.data.manifest import Manifest
from tfl.tasks import TASKS, Evaluation
from tfl.training.cross_validation import RECORD_FILE, CrossValidation

SortKey = Literal["metric", "seconds", "latency", "size"]
#: Digits of a digest that a person is shown.
_SHOWN_DIGITS = 12
HEAD = ("run", "backbone", "metric", "95 % interval", "folds", "train s", "artefact", "its metric", "p50 ms", "MB")


@dataclass(frozen=True, kw_only=True)
class Place(Record):
    """One run. What a run has no record of is None.

    Attributes:
        run: The folder.
        created: UTC time, ISO 8601.
        backbone: `source:name`.
        data_fingerprint: Of the run's manifest, splits included.
        metric_name: The task's metric.
        metric: Of the float model on the test split.
        metric_low: Lower end of the 95 % Wilson score interval; None for metrics that are no proportions.
        metric_high: Upper end.
        sample_count: Of the test split.
        is_level: Whether the interval reaches that of the best run of the group, so that they may be equally good.
        folds_mean: Mean over the folds of the cross-validation.
        train_seconds: Of the training stage.
        artifact: The fastest measured artefact, or the smallest where none was measured.
        artifact_metric: Of that artefact, on the same test split.
        latency_ms: Of that artefact, median for one picture, model only.
        size_bytes: Of that artefact's model files.
        machine: The processor that the latency holds for.
    """

    run: str
    created: str
    backbone: str
    data_fingerprint: str
    metric_name: str
    metric: float | None = None
    metric_low: float | None = None
    metric_high: float | None = None
    sample_count: int | None = None
    is_level: bool = False
    folds_mean: float | None = None
    train_seconds: float | None = None
    artifact: str = ""
    artifact_metric: float | None = None
    latency_ms: float | None = None
    size_bytes: int | None = None
    machine: str = ""


@dataclass(frozen=True, kw_only=True)
class RankedGroup(Record):
    """Runs whose figures compare one to one.

    Attributes:
        data: Where the data came from.
        content: SHA-256 over the path, label and digest of every example.
        test_split: SHA-256 over the test split's paths.
        examples: Of all splits.
        test_examples: Of the test split.
        places: In the order asked for.
        note: What to bear in mind, or empty.
    """

    data: str
    content: str
    test_split: str
    examples: int
    test_examples: int
    places: tuple[Place, ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Leaderboard(Record):
    """All groups below a folder; the one with the most runs first.

    Attributes:
        root: The folder.
        sorted_by: One of `metric`, `seconds`, `latency`, `size`.
        groups: Figures of different groups do not compare.
        left_out: Run -> why it is in no group.
    """

    root: str
    sorted_by: str
    groups: tuple[RankedGroup, ...]
    left_out: dict[str, str]

    def _repr_html_(self) -> str:
        tables = [html_table(HEAD, rows_of(group), caption=title_of(group)) for group in self.groups]
        return html_parts(tables) or html_lines([f"There are no runs below {self.root}."])


def leaderboard(root: str | Path = "runs", *, sort: SortKey = "metric", data: str = "") -> Leaderboard:
    """Rank the runs directly below a folder.

    Runs are set side by side where their data and their test split are the same; others stand in groups of their own.
    Every figure is read from a record of the run: nothing is measured or worked out anew.

    Args:
        root: A folder of runs.
        sort: `metric` (best first), `seconds` of training, `latency` or `size` of the artefact (least first).
        data: The beginning of a data fingerprint: only the groups with such a run.

    Raises:
        NotFoundError: There is no such folder, or no run with such a fingerprint.
        ConfigError: There is no such order.
    """
    root = Path(root)
    if sort not in get_args(SortKey):
        raise ConfigError(f"sort: must be one of {', '.join(get_args(SortKey))}. Received: '{sort}'.")
    if not root.is_dir():
        raise NotFoundError(f"There is no folder {root}.", hint="Name the folder that your runs lie in.")
    members: dict[tuple[str, str], list[tuple[Place, Manifest]]] = {}
    left_out = {}
    for file in sorted(root.glob(f"*/{RUN_FILE}")):
        folder = RunFolder(file.parent)
        try:
            place, manifest = _read_place(folder)
        except UserError as error:
            left_out[str(folder.path)] = error.message
            continue
        members.setdefault(_identity(manifest), []).append((place, manifest))
    groups = [
        _make_group(identity, items, sort)
        for identity, items in members.items()
        if any(place.data_fingerprint.startswith(data) for place, _ in items)
    ]
    if data and not groups:
        known = sorted({place.data_fingerprint[:_SHOWN_DIGITS] for items in members.values() for place, _ in items})
        raise NotFoundError(
            f"No run below {root} has data with the fingerprint '{data}'.", hint=f"There are: {', '.join(known)}."
        )
    groups.sort(key=lambda group: (-len(group.places), group.data))
    return Leaderboard(root=str(root), sorted_by=sort, groups=tuple(groups), left_out=left_out)


def title_of(group: RankedGroup) -> str:
    """Say which data a group is about."""
    return (
        f"{group.data}: {group.examples} examples, {group.test_examples} of them in the test split"
        f" (content {group.content[:_SHOWN_DIGITS]}, test split {group.test_split[:_SHOWN_DIGITS]})"
    )


def rows_of(group: RankedGroup) -> list[list[str]]:
    """Return the cells of a group's table in the order of `HEAD`; `=` marks runs level with the best."""
    return [
        [
            place.run,
            place.backbone,
            _figure(place.metric, 4) + (" =" if place.is_level else ""),
            "" if place.metric_low is None else f"{place.metric_low:.4f} to {place.metric_high:.4f}",
            _figure(place.folds_mean, 4),
            _figure(place.train_seconds, 1),
            place.artifact,
            _figure(place.artifact_metric, 4),
            _figure(place.latency_ms, 2),
            "" if place.size_bytes is None else f"{place.size_bytes / 1e6:.2f}",
        ]
        for place in group.places
    ]


def _figure(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _identity(manifest: Manifest) -> tuple[str, str]:
    """Tell data by their content, and test splits by their members: another validation split compares all the same."""
    content = sha256_text(*(f"{item.path}\t{item.label}\t{item.sha256}" for item in manifest.examples))
    return content, sha256_text(*(item.path for item in manifest.of_split("test")))


def _read_place(folder: RunFolder) -> tuple[Place, Manifest]:
    record = RunRecord.load(folder.record_file)
    manifest = Manifest.load(folder.manifest_file)
    config = load_config(folder)
    stage = record.stages.get("train")
    place = Place(
        run=str(folder.path),
        created=record.created,
        backbone=config.model.backbone,
        data_fingerprint=manifest.fingerprint,
        metric_name=TASKS.get(config.task).metric,
        train_seconds=stage.seconds if stage is not None and stage.status == "done" else None,
    )
    folds_file = folder.folds_dir / RECORD_FILE
    if folds_file.is_file():
        place = replace(place, folds_mean=CrossValidation.load(folds_file).mean)
    return _with_artifact(_with_scores(place, folder), folder), manifest


def _with_scores(place: Place, folder: RunFolder) -> Place:
    file = folder.evaluation_dir / "test.json"
    if not file.is_file():
        return place
    evaluation = Evaluation.load(file)
    is_share = place.metric_name == "accuracy"
    return replace(
        place,
        metric=float(getattr(evaluation, place.metric_name)),
        metric_low=evaluation.accuracy_low if is_share else None,
        metric_high=evaluation.accuracy_high if is_share else None,
        sample_count=evaluation.sample_count,
    )


def _with_artifact(place: Place, folder: RunFolder) -> Place:
    if folder.benchmark_file.is_file():
        benchmark = Benchmark.load(folder.benchmark_file)
        if benchmark.measurements:
            best = min(benchmark.measurements, key=lambda item: item.model_ms.p50)
            return replace(
                place,
                artifact=best.artifact,
                artifact_metric=best.metric,
                latency_ms=best.model_ms.p50,
                size_bytes=best.size_bytes,
                machine=benchmark.environment.cpu,
            )
    cells = [cell for cell in ExportSummary.of_run(folder).cells if cell.status == "ok"]
    if not cells:
        return place
    smallest = min(cells, key=lambda cell: cell.size_bytes)
    proof = smallest.verification
    return replace(
        place,
        artifact=smallest.name,
        artifact_metric=proof.metric if proof is not None else None,
        size_bytes=smallest.size_bytes,
    )


def _make_group(identity: tuple[str, str], items: list[tuple[Place, Manifest]], sort: SortKey) -> RankedGroup:
    manifest = items[0][1]
    places = sorted((place for place, _ in items), key=lambda place: _order(place, sort))
    scored = [place for place in places if place.metric is not None]
    best = max(scored, key=lambda place: place.metric or 0.0) if scored else None
    if best is not None and best.metric_low is not None:
        floor = best.metric_low
        places = [
            replace(place, is_level=place is not best and place.metric_high is not None and place.metric_high >= floor)
            for place in places
        ]
    machines = {place.machine for place in places if place.machine}
    return RankedGroup(
        data=manifest.source or manifest.root,
        content=identity[0],
        test_split=identity[1],
        examples=len(manifest.examples),
        test_examples=len(manifest.of_split("test")),
        places=tuple(places),
        note=f"Latencies are of different machines: {'; '.join(sorted(machines))}." if len(machines) > 1 else "",
    )


def _order(place: Place, sort: SortKey) -> tuple[bool, float, str]:
    """Put what has no figure last."""
    negative = None if place.metric is None else -place.metric
    values = {
        "metric": negative,
        "seconds": place.train_seconds,
        "latency": place.latency_ms,
        "size": None if place.size_bytes is None else float(place.size_bytes),
    }
    value = values[sort]
    return value is None, value or 0.0, place.run
