"""Runs side by side: what differs in what went in, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tfl.core.config import flatten, load_config
from tfl.core.environment import flat_environment
from tfl.core.records import Record
from tfl.core.run_folder import RunFolder, RunRecord
from tfl.core.tables import html_lines, html_table
from tfl.data.manifest import SPLITS, Manifest
from tfl.data.versions import diff_manifests
from tfl.run_log import figures
from tfl.run_record import NO_INFLUENCE

#: What is compared -> its heading.
SECTION_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "settings": "Settings that differ",
        "data": "Data that differ",
        "made_with": "Made with what differs",
        "results": "On the test split",
        "costs": "Cost",
    }
)
_BYTES = "peak_rss_bytes"


@dataclass(frozen=True, kw_only=True)
class ComparedRun(Record):
    """One column of a comparison. What all runs have in common is left out of the first three.

    Attributes:
        run: The folder.
        settings: By dotted name.
        data: Source, counts of examples, and what changed from the first run's data.
        made_with: Code, packages, machine and environment variables.
        results: Figures of the test split.
        costs: Seconds, processor seconds, peak memory and energy over all stages; None where not known.
        data_fingerprint: `Manifest.fingerprint`; empty before the data were checked.
    """

    run: str
    settings: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    made_with: dict[str, Any] = field(default_factory=dict)
    results: dict[str, float] = field(default_factory=dict)
    costs: dict[str, float | None] = field(default_factory=dict)
    data_fingerprint: str = ""


@dataclass(frozen=True, kw_only=True)
class Comparison(Record):
    """Two or more runs."""

    runs: tuple[ComparedRun, ...]

    @property
    def is_same_data(self) -> bool:
        """Whether all runs were made from the same files, labels and splits, so that their figures compare."""
        return len({run.data_fingerprint for run in self.runs}) == 1

    def rows(self) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
        """Yield section, name and the value of each run; None where a run has none."""
        for section in SECTION_TITLES:
            columns: list[Mapping[str, Any]] = [getattr(run, section) for run in self.runs]
            for name in _keys(columns):
                yield section, name, tuple(column.get(name) for column in columns)

    def _repr_html_(self) -> str:
        rows = [
            [section, name, *("" if value is None else value for value in values)]
            for section, name, values in self.rows()
        ]
        note = "" if self.is_same_data else html_lines([OTHER_DATA])
        return html_table(["", "", *(run.run for run in self.runs)], rows) + note


#: What is said where the fingerprints differ.
OTHER_DATA = "The runs were made from different data or splits, so their figures do not compare one to one."


def compare(*runs: str | Path) -> Comparison:
    """Set runs side by side.

    Args:
        *runs: Folders of runs; the first is what changes of data are told from.

    Raises:
        NotFoundError: One is not a run.
        IntegrityError: A record of one can't be read.
    """
    folders = [RunFolder.find(Path(run)) for run in runs]
    records = [RunRecord.load(folder.record_file) for folder in folders]
    manifests = [Manifest.load(folder.manifest_file) if folder.manifest_file.is_file() else None for folder in folders]
    settings = _differing([_settings(folder) for folder in folders])
    data = _differing([_data(manifest, manifests[0]) for manifest in manifests])
    made_with = _differing(_made_with(records))
    return Comparison(
        runs=tuple(
            ComparedRun(
                run=str(run),
                settings=settings[index],
                data=data[index],
                made_with=made_with[index],
                results=figures(folders[index].evaluation_dir / "test.json"),
                costs=_costs(records[index]),
                data_fingerprint=manifest.fingerprint if (manifest := manifests[index]) else "",
            )
            for index, run in enumerate(runs)
        )
    )


def shown_name(section: str, name: str) -> str:
    """Return what a person is told a row of a section is."""
    if name == _BYTES:
        return "peak memory, MB"
    return name.replace("_", " ") if section in ("results", "costs") else name


def shown_value(name: str, value: Any) -> str:
    """Return a value of a row as a person reads it; empty for None."""
    if value is None:
        return ""
    if name == _BYTES:
        return f"{value / 1e6:.0f}"
    if isinstance(value, float):
        return f"{value:.0f}" if value == int(value) and abs(value) > 1 else f"{value:.4g}"
    return str(value)


def _keys(columns: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for column in columns for key in column))


def _differing(columns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Keep of each column the keys in which not all are the same."""
    names = [key for key in _keys(columns) if any(column.get(key) != columns[0].get(key) for column in columns)]
    return [{name: column.get(name) for name in names} for column in columns]


def _settings(folder: RunFolder) -> dict[str, Any]:
    settings = flatten(load_config(folder).to_dict())
    return {name: value for name, value in settings.items() if not name.startswith(NO_INFLUENCE)}


def _data(manifest: Manifest | None, first: Manifest | None) -> dict[str, Any]:
    if manifest is None:
        return {}
    facts: dict[str, Any] = {
        "source": manifest.source or manifest.root,
        "fingerprint": manifest.fingerprint[:12],
        "classes": len(manifest.labels),
        "examples": len(manifest.examples),
        **{split: len(manifest.of_split(split)) for split in SPLITS},
    }
    if first is not None and first.fingerprint != manifest.fingerprint:
        counts = diff_manifests(first, manifest).counts
        told = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
        facts["changed from the first"] = told or "their order alone"
    return facts


def _made_with(records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """Return what each record says of code and machine; what not all of them know is left out."""
    know_packages = all(record.packages for record in records)
    know_code = all(record.code for record in records)
    columns = []
    for record in records:
        facts: dict[str, Any] = {"tfl": str(record.code) if know_code else record.tfl_version}
        facts |= flat_environment(record.environment)
        if know_packages:
            facts |= {f"packages.{name}": version for name, version in record.packages.items()}
        facts["resumed"] = len(record.resumptions)
        columns.append(facts)
    named = {name.removeprefix("versions.") for facts in columns for name in facts if name.startswith("versions.")}
    return [
        {name: value for name, value in facts.items() if name.removeprefix("packages.") not in named}
        for facts in columns
    ]


def _costs(record: RunRecord) -> dict[str, float | None]:
    stages = list(record.stages.values())
    peaks = [stage.peak_rss_bytes for stage in stages if stage.peak_rss_bytes is not None]
    return {
        "seconds": round(sum(stage.seconds for stage in stages), 2),
        "cpu_seconds": _sum([stage.cpu_seconds for stage in stages]),
        "peak_rss_bytes": max(peaks) if peaks else None,
        "energy_joules": _sum([stage.energy_joules for stage in stages]),
    }


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known), 2) if known and len(known) == len(values) else None
