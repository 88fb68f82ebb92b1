"""What was measured on this machine before, by backbone: an index in the cache that every benchmark adds to.

There is one file per machine, so a cache that several machines share mixes nothing up. An entry counts as long as the
record that it was taken from is still the same file, and its engine still has the version it was measured with.
"""

from __future__ import annotations

import datetime
import functools
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfl.backbones import backbone_info
from tfl.bench.records import Benchmark
from tfl.bench.scenario_records import ScenarioResult
from tfl.bundle import Artifact
from tfl.bundle.records import ARTIFACT_FILE
from tfl.core.environment import Machine, read_machine
from tfl.core.errors import TflError, UserError
from tfl.core.extras import version_of
from tfl.core.files import cache_dir, hold_lock, sha256_file, sha256_text
from tfl.core.records import Record
from tfl.targets import TARGETS

logger = logging.getLogger(__name__)

_SINGLE = "single_stream"
#: The oldest entries beyond so many are forgotten.
_MOST = 2_000


@dataclass(frozen=True, kw_only=True)
class MeasuredHere(Record):
    """One latency that was measured on this machine.

    Attributes:
        backbone: Its spec, as `tfl models list` has it.
        artifact: Name of the exported model with its head, or empty for the backbone alone.
        target: What ran it, such as `openvino`, or `keras`.
        precision: Such as `int8`.
        input: What it took, such as `224 x 224 x 3`.
        latency_ms_p50: Median of one sample, tensor in, tensor out.
        size_bytes: Of the model files, or of the weights where the backbone was measured alone.
        threads: Threads the engine was told to use; 0 means its own choice.
        versions: Of what ran it.
        created: UTC time, ISO 8601.
        record: The file that says so, or empty.
        record_sha256: Of that file when it was written, or empty.
    """

    backbone: str
    artifact: str
    target: str
    precision: str
    input: str
    latency_ms_p50: float
    size_bytes: int
    threads: int
    versions: dict[str, str]
    created: str
    record: str = ""
    record_sha256: str = ""

    @property
    def what(self) -> str:
        """What was measured, in a few words."""
        return self.artifact or f"{self.target}-{self.precision}, backbone alone"


@dataclass(frozen=True, kw_only=True)
class MachineIndex(Record):
    """All of one machine, oldest first."""

    machine: Machine
    entries: tuple[MeasuredHere, ...]


def index_file(machine: Machine | None = None) -> Path:
    """Return the file of a machine, of this one by default."""
    record = (machine or read_machine()).to_dict()
    return cache_dir() / "measured" / f"{sha256_text(*map(str, record.values()))[:16]}.json"


def read_measured_here() -> dict[str, tuple[MeasuredHere, ...]]:
    """Return what counts of this machine's index, by backbone, newest first. What can't be read is nothing."""
    # Many entries are of one record, and nearly all of the same few engines.
    digest, installed = functools.cache(_digest), functools.cache(version_of)
    found: dict[str, tuple[MeasuredHere, ...]] = {}
    for entry in _read(index_file()):
        is_same_engine = all(installed(name) == version for name, version in entry.versions.items())
        if is_same_engine and (not entry.record or digest(entry.record) == entry.record_sha256):
            found[entry.backbone] = (entry, *found.get(entry.backbone, ()))
    return found


def remember_benchmark(benchmark: Benchmark, artifacts: Sequence[Path], record: Path) -> None:
    """Add the plain table of a run.

    Args:
        benchmark: What was measured.
        artifacts: Folders of the artefacts.
        record: The file that `benchmark` was saved to.
    """
    folders = {folder.name: folder for folder in artifacts}
    _remember(
        lambda: [
            _entry(folders[item.artifact], item.model_ms.p50, item.threads, created=_now(), record=record)
            for item in benchmark.measurements
            if item.artifact in folders
        ],
        record=record,
    )


def remember_scenarios(result: ScenarioResult, base: Path, record: Path) -> None:
    """Add the single-stream cells of a result; another load is no latency of one sample.

    Args:
        result: What was measured.
        base: What the folders in it are relative to.
        record: The file that it was saved to.
    """

    def entries() -> list[MeasuredHere]:
        found = []
        for cell in result.cells:
            p50 = cell.percentile(50)
            if cell.scenario == _SINGLE and p50 is not None and p50.value_ms is not None:
                folder = base / result.artifacts[cell.artifact].folder
                found.append(_entry(folder, p50.value_ms, cell.threads, created=result.created, record=record))
        return found

    _remember(entries, record=record)


def remember_backbone(spec: str, *, input: str, target: str, latency_ms_p50: float, size_bytes: int) -> None:
    """Add a backbone that was measured alone, in float32.

    Args:
        spec: `source:name`.
        input: What it took.
        target: The package that ran it.
        latency_ms_p50: Median of one sample.
        size_bytes: Of its weights.
    """
    entry = MeasuredHere(
        backbone=_listed(spec),
        artifact="",
        target=target,
        precision="fp32",
        input=input,
        latency_ms_p50=latency_ms_p50,
        size_bytes=size_bytes,
        threads=0,
        versions=_versions((target,)),
        created=_now(),
    )
    _remember(lambda: [entry])


def _entry(folder: Path, latency_ms_p50: float, threads: int, *, created: str, record: Path) -> MeasuredHere:
    artifact = Artifact.load(folder / ARTIFACT_FILE)
    return MeasuredHere(
        backbone=_listed(artifact.backbone.spec),
        artifact=artifact.name,
        target=artifact.target,
        precision=artifact.precision,
        input=artifact.preprocessing.summary,
        latency_ms_p50=latency_ms_p50,
        size_bytes=artifact.size_bytes,
        threads=threads,
        versions=_versions(TARGETS.get(artifact.target).runtime_modules),
        created=created,
        record=str(record.resolve()),
        record_sha256=sha256_file(record),
    )


def _listed(spec: str) -> str:
    """Return the spec that lists have, such as without the default weights."""
    try:
        return backbone_info(spec).spec
    except UserError:
        return spec


def _versions(modules: Iterable[str]) -> dict[str, str]:
    names = [module.replace("_", "-") for module in modules]
    return {name: version for name in names if (version := version_of(name)) is not None}


def _digest(record: str) -> str:
    try:
        return sha256_file(Path(record))
    except OSError:
        return ""


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _read(file: Path) -> tuple[MeasuredHere, ...]:
    if not file.is_file():
        return ()
    try:
        return MachineIndex.load(file).entries
    except UserError as error:
        logger.warning("%s is left aside: %s", file, error.message)
        return ()


def _remember(make: Callable[[], list[MeasuredHere]], *, record: Path | None = None) -> None:
    """Put entries into the index in place of older ones of the same thing; a benchmark never fails of it."""
    machine = read_machine()
    file = index_file(machine)
    try:
        new = make()
        with hold_lock(file.with_suffix(".lock")):
            named = "" if record is None else str(record.resolve())
            fresh = {_identity(entry) for entry in new}
            # What a newer record of the same name no longer says has gone with the old one.
            kept = [
                entry
                for entry in _read(file)
                if _identity(entry) not in fresh and not (named and entry.record == named)
            ]
            MachineIndex(machine=machine, entries=(*kept, *new)[-_MOST:]).save(file)
    except (OSError, TflError) as error:
        logger.warning("What was measured is not remembered in %s: %s", file, error)


def _identity(entry: MeasuredHere) -> tuple[str | int, ...]:
    return (entry.backbone, entry.artifact, entry.target, entry.input, entry.threads, entry.record)
