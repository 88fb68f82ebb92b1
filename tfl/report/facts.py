"""What a run's folder says: every number of a report is read here, from a record."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tfl.bench.cells import ExportSummary
from tfl.bench.records import Benchmark, Cell, Measurement
from tfl.bundle import Bundle
from tfl.bundle.records import BUNDLE_FILE
from tfl.compress.distill import Distillation
from tfl.compress.records import Compression
from tfl.core.config import read_yaml
from tfl.core.errors import IntegrityError
from tfl.core.run_folder import RunFolder, RunRecord
from tfl.data.check.findings import CheckReport
from tfl.data.kinds import KINDS, Kind
from tfl.data.manifest import Manifest
from tfl.report.records import PASSAGES_FILE, PLOTS_FILE, SCORES_FILE, Passages, Plot, Plots, ShownPassages
from tfl.report.study import RESULT_FILE, TuneResult
from tfl.tasks import Evaluation
from tfl.training.cross_validation import RECORD_FILE, CrossValidation
from tfl.training.fit import TrainingSummary

T = TypeVar("T")

#: An artefact that is right this much less often than the float model no longer counts as keeping its accuracy.
KEPT_DROP = 0.01
#: Settings that say how data are read, which commands on data take as flags of the same names.
_READING = ("reader", "path_column", "text_column", "label_column", "split_column", "group_column", "frame_rate")


@dataclass(frozen=True)
class Facts:
    """The records of a run; None or empty where a stage did not run.

    Attributes:
        folder: The run.
        config_text: `config.yaml` as it stands, or empty.
        fold_scores: Of the out-of-fold answers.
        study: Folder of the search that the settings come from, or empty.
        search: What it found, as it was when the run began.
        compression: Of a run that compresses another one's network.
        distillation: Of a run whose network learned from another one's.
        data_words: The data as a command takes them, quoted, with the flags for how they are read; empty where unknown.
    """

    folder: RunFolder
    record: RunRecord | None
    config_text: str
    manifest: Manifest | None
    check: CheckReport | None
    history: tuple[dict[str, Any], ...]
    summary: TrainingSummary | None
    evaluation: Evaluation | None
    bundle: Bundle | None
    cells: tuple[Cell, ...]
    benchmark: Benchmark | None
    plots: tuple[Plot, ...]
    passages: tuple[Passages, ...]
    folds: CrossValidation | None
    fold_scores: Evaluation | None
    fold_plots: tuple[Plot, ...]
    study: str
    search: TuneResult | None
    compression: Compression | None = None
    distillation: Distillation | None = None
    data_words: str = ""

    @property
    def has_search_splits(self) -> bool:
        """Whether the search was made on this run's very pictures and splits."""
        known = self.search is not None and self.manifest is not None
        return bool(
            known and self.search and self.manifest and self.search.data_fingerprint == self.manifest.fingerprint
        )

    @property
    def data(self) -> Kind:
        """What the run learns from."""
        return KINDS.get(self.manifest.kind if self.manifest is not None else Manifest.kind)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.record.name if self.record else self.folder.path.resolve().name

    def measurement_of(self, cell: Cell) -> Measurement | None:
        """Return what was measured of a cell's artefact."""
        found = self.benchmark.measurements if self.benchmark else ()
        return next((item for item in found if item.artifact == cell.name), None)

    def verified(self) -> tuple[Cell, ...]:
        """Return the cells whose artefact was proven in a fresh process."""
        return tuple(
            cell for cell in self.cells if cell.status == "ok" and cell.verification and cell.verification.passed
        )

    def failed(self) -> tuple[Cell, ...]:
        """Return the cells that failed."""
        return tuple(cell for cell in self.cells if cell.status == "failed")

    def smallest_good(self) -> Cell | None:
        """Return the smallest verified artefact that keeps the float model's metric up to `KEPT_DROP`."""
        keeping = [cell for cell in self.verified() if (drop := metric_drop(cell)) is not None and drop <= KEPT_DROP]
        return min(keeping, key=lambda cell: (cell.size_bytes, self._latency(cell), cell.name), default=None)

    def fastest_good(self) -> Cell | None:
        """Return the verified, measured artefact of least latency that keeps the metric up to `KEPT_DROP`."""
        keeping = [cell for cell in self.verified() if (drop := metric_drop(cell)) is not None and drop <= KEPT_DROP]
        measured = [cell for cell in keeping if self.measurement_of(cell)]
        return min(measured, key=self._latency, default=None)

    def _latency(self, cell: Cell) -> float:
        found = self.measurement_of(cell)
        return found.model_ms.p50 if found else float("inf")


def metric_drop(cell: Cell) -> float | None:
    """Return how much less the artefact's metric is than the float model's on the same samples, or None."""
    proof = cell.verification
    if proof is None or proof.metric is None or proof.float_metric is None:
        return None
    return proof.float_metric - proof.metric


def read_facts(run_dir: Path) -> Facts:
    """Read every record that the run has.

    Raises:
        IntegrityError: A file is there but is not what it should be.
        ConfigError: A record does not fit.
    """
    folder = RunFolder(run_dir)
    summary = _optional(folder.exports_file, ExportSummary.load)
    plots = _optional(folder.evaluation_dir / PLOTS_FILE, Plots.load)
    shown = _optional(folder.evaluation_dir / PASSAGES_FILE, ShownPassages.load)
    config_text = _optional(folder.config_file, lambda path: path.read_text(encoding="utf-8")) or ""
    fold_plots = _optional(folder.folds_dir / PLOTS_FILE, Plots.load)
    return Facts(
        folder=folder,
        record=_optional(folder.record_file, RunRecord.load),
        config_text=config_text,
        manifest=_optional(folder.manifest_file, Manifest.load),
        check=_optional(folder.check_file, CheckReport.load),
        history=_optional(folder.training_dir / "history.jsonl", _read_rows) or (),
        summary=_optional(folder.training_dir / "summary.json", TrainingSummary.load),
        evaluation=_optional(folder.evaluation_dir / "test.json", Evaluation.load),
        bundle=_optional(folder.bundle_dir / BUNDLE_FILE, Bundle.load),
        cells=summary.cells if summary else (),
        benchmark=_optional(folder.benchmark_file, Benchmark.load),
        plots=plots.plots if plots else (),
        passages=shown.passages if shown else (),
        folds=_optional(folder.folds_dir / RECORD_FILE, CrossValidation.load),
        fold_scores=_optional(folder.folds_dir / SCORES_FILE, Evaluation.load),
        fold_plots=fold_plots.plots if fold_plots else (),
        study=str((_optional(folder.config_file, read_yaml) or {}).get("study", "")),
        search=_optional(folder.search_dir / RESULT_FILE, TuneResult.load),
        compression=_optional(folder.compression_file, Compression.load),
        distillation=_optional(folder.distillation_file, Distillation.load),
        data_words=_data_words((_optional(folder.config_file, read_yaml) or {}).get("data") or {}),
    )


def _data_words(data: Mapping[str, Any]) -> str:
    if not data.get("path"):
        return ""
    words = [str(data["path"])]
    for name in _READING:
        if data.get(name) not in (None, "", "auto", 0.0):
            words += [f"--{name.replace('_', '-')}", str(data[name])]
    words += [word for rule in data.get("allow") or () for word in ("--allow", str(rule))]
    return shlex.join([*words, *(["--skip-bad"] if data.get("bad_files") == "skip" else [])])


def _optional(path: Path, read: Callable[[Path], T]) -> T | None:
    return read(path) if path.is_file() else None


def _read_rows(path: Path) -> tuple[dict[str, Any], ...]:
    try:
        return tuple(json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise IntegrityError(f"{path} is not readable JSON lines: {error}.") from error
