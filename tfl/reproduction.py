"""Doing a run again from its record, and telling whether the same came of it, and if not, what was different."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tfl.bench.held_out import HeldOut
from tfl.bundle import Bundle
from tfl.bundle.records import BUNDLE_FILE, MODEL_FILE
from tfl.bundle.weights import WeightDifference, weight_differences
from tfl.core.config import RunConfig, load_config
from tfl.core.errors import DataError, IntegrityError, NotFoundError, UserError
from tfl.core.files import claim_folder, read_json, sha256_file
from tfl.core.log_config import LogConfig
from tfl.core.notebook import default_progress
from tfl.core.progress import Progress
from tfl.core.records import Record
from tfl.core.run_folder import RUN_FILE, RunFolder, RunRecord, StageRecord
from tfl.data.manifest import Manifest
from tfl.pipeline import do_stages, read_data
from tfl.run_log import figures
from tfl.run_record import deciding_settings, made_with_differences, open_record
from tfl.training.logs import read_history

Verdict = Literal["identical", "same decisions", "different"]
#: Of an epoch, but not of what was learned.
_NOT_COMPARED = frozenset({"seconds"})
_NAMED = 10
_THREADS = 8


@dataclass(frozen=True, kw_only=True)
class FigurePair(Record):
    """One figure of the test split, before and after."""

    name: str
    before: float
    after: float


@dataclass(frozen=True, kw_only=True)
class Reproduction(Record):
    """What came of doing a run again.

    Attributes:
        run: The earlier run.
        out: The later one.
        verdict: `identical` (every weight, prediction and figure, byte for byte), `same decisions` (each sample is
            given the same class), or `different`.
        figures: Those of the test split.
        samples: How many predictions were compared.
        max_abs_difference: Largest difference of a predicted probability.
        flipped: Paths of samples that are given another class.
        weights: How many weights the model has.
        weight_differences: Those that differ, in the order of the layers.
        first_epoch: The first epoch whose figures differ, as `head 3: loss 0.51 -> 0.52`; empty where none does.
        settings: Settings that were changed since the run, as `seed: 0 -> 1`.
        data: Files that are missing or altered, each with what is wrong.
        made_with: What differs in code, versions, machine and environment variables, and in what follows from them.
    """

    run: str
    out: str
    verdict: Verdict
    figures: tuple[FigurePair, ...]
    samples: int
    max_abs_difference: float
    flipped: tuple[str, ...]
    weights: int
    weight_differences: tuple[WeightDifference, ...]
    first_epoch: str
    settings: tuple[str, ...]
    data: tuple[str, ...]
    made_with: tuple[str, ...]

    def is_reproduced(self, *, tolerance: float | None = None) -> bool:
        """Say whether the same came of it.

        Args:
            tolerance: Largest difference of a predicted probability, in [0, 1], that counts as the same, as long as
                each sample is given the same class; without, every byte must be the same.
        """
        if self.verdict == "identical":
            return True
        return tolerance is not None and not self.flipped and self.max_abs_difference <= tolerance

    def _repr_html_(self) -> str:
        from tfl.report.tables import html_table

        rows = [[f"{pair.name} of the test split", f"{pair.before:.6g}", f"{pair.after:.6g}"] for pair in self.figures]
        differing = f"{len(self.weight_differences)} of {self.weights} differ"
        rows += [
            ["weights", "", differing],
            ["predictions", f"{self.samples}", f"differ by up to {self.max_abs_difference:.3g}"],
            ["answers that changed", "", f"{len(self.flipped)}"],
            ["settings", "", "; ".join(self.settings) or "the same"],
            ["data", "", "; ".join(self.data) or "the same"],
            ["made with", "", "; ".join(self.made_with) or "the same"],
        ]
        caption = f"{self.verdict}: {self.run} done again as {self.out}"
        return html_table(["", "before", "after"], rows, caption=caption)


def reproduce(
    run: str | Path,
    *,
    out: str | Path | None = None,
    changed_data: Literal["refuse", "allow"] = "refuse",
    command: str = "python",
    progress: Progress | None = None,
) -> Reproduction:
    """Train a run again with the settings, the examples and the splits that it saved, and compare.

    Args:
        run: A run whose training is done.
        out: Folder of the new run; by default `<run>-again-<n>` beside it.
        changed_data: `refuse` when a file is missing or has other bytes; `allow` leaves out what is missing.
        command: The command line, for the record.
        progress: Told what happens.

    Returns:
        The comparison, which is also saved as `reproduction.json` in the new run.

    Raises:
        NotFoundError: `run` is not a run.
        UserError: Its training is not done.
        DataError: Files are missing or altered; names them.
        TflError: See `tfl.pipeline.run`.
    """
    progress = progress or default_progress()
    earlier = RunFolder.find(Path(run))
    record = _finished_record(earlier)
    config = load_config(earlier)
    manifest, faults = _data_of_today(Manifest.load(earlier.manifest_file), config, progress=progress)
    if faults and changed_data == "refuse":
        raise DataError(
            f"{manifest.root} is not what {earlier.path} was made from:\n" + "\n".join(_shortened(faults)),
            hint="Bring the files back, or train on what is there: --allow-changed-data (changed_data='allow').",
        )
    later = RunFolder(Path(out) if out is not None else _next_to(earlier.path))
    # Where a log goes decides nothing, and the log of the first run is not the place for the second.
    config = dataclasses.replace(config, out=str(later.path), log=LogConfig())
    claim_folder(later.path, if_exists="refuse", marker=RUN_FILE)
    new = _begin(config, later, earlier, manifest, command=command)
    for line in _shortened(list(_other_circumstances(record, new))):
        progress.result(f"not as in the run: {line}")
    do_stages(config, later, new, stages=("train", "evaluate"), progress=progress)
    progress.update("comparing the runs")
    result = _compare(earlier, later, record, data=tuple(faults))
    result.save(later.reproduction_file)
    return result


def _finished_record(folder: RunFolder) -> RunRecord:
    record = RunRecord.load(folder.record_file)
    if record.made_from:
        raise UserError(
            f"{folder.path} was made from {record.made_from}, not trained from its data alone.",
            hint=f"Give the command that made it again, with another --out: {record.command}",
        )
    undone = [name for name in ("train", "evaluate") if getattr(record.stages.get(name), "status", "") != "done"]
    if undone:
        raise UserError(
            f"{folder.path} can't be reproduced: not done yet: {', '.join(undone)}.",
            hint=f"Go on with it: tfl train --out {folder.path} --resume",
        )
    return record


def _data_of_today(saved: Manifest, config: RunConfig, *, progress: Progress) -> tuple[Manifest, list[str]]:
    """Read every file of a manifest again; returns the manifest as it is now, and what is wrong with which file."""
    if not Path(saved.root).is_dir():
        # Archives and remote data lie in a cache that may have been emptied.
        try:
            saved = dataclasses.replace(saved, root=read_data(config).root)
        except NotFoundError as error:
            raise DataError(f"The data of the run, {saved.root}, are not there any more.", hint=error.hint) from error
    root = Path(saved.root)
    digests = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for done, digest in enumerate(pool.map(lambda item: _digest(root / item.path), saved.examples), 1):
            digests.append(digest)
            progress.update("comparing files with the manifest", done=done, total=len(saved.examples))
    faults, examples = [], []
    for example, digest in zip(saved.examples, digests, strict=True):
        if not digest:
            faults.append(f"{example.path}: missing")
            continue
        if example.sha256 and digest != example.sha256:
            faults.append(f"{example.path}: altered (SHA-256 {digest[:12]}..., recorded {example.sha256[:12]}...)")
        examples.append(dataclasses.replace(example, sha256=digest))
    return dataclasses.replace(saved, examples=tuple(examples)), faults


def _digest(file: Path) -> str:
    try:
        return sha256_file(file)
    except OSError:
        return ""


def _shortened(lines: list[str]) -> list[str]:
    rest = len(lines) - _NAMED
    return lines if rest <= 0 else [*lines[:_NAMED], f"... and {rest} more"]


def _next_to(run: Path) -> Path:
    place = run.resolve()
    number = 1
    while (place.parent / f"{place.name}-again-{number}").exists():
        number += 1
    return run.parent / f"{place.name}-again-{number}"


def _begin(config: RunConfig, later: RunFolder, earlier: RunFolder, manifest: Manifest, *, command: str) -> RunRecord:
    """Open the new run where the earlier one stood after its split."""
    record = open_record(config, later, command=command)
    manifest.save(later.manifest_file)
    shutil.copy(earlier.check_file, later.check_file)
    record = dataclasses.replace(
        record,
        stages=dict.fromkeys(
            ("check", "split"), StageRecord(status="done", seconds=0.0, cpu_seconds=0.0, energy_joules=0.0)
        ),
        data_fingerprint=manifest.fingerprint,
        reproduces=str(earlier.path.resolve()),
    )
    record.save(later.record_file)
    return record


def _compare(earlier: RunFolder, later: RunFolder, record: RunRecord, *, data: tuple[str, ...]) -> Reproduction:
    pairs = _figure_pairs(earlier, later)
    samples, largest, flipped = _predictions(earlier, later)
    Bundle.open(earlier.bundle_dir)
    found, weights = weight_differences(earlier.bundle_dir / MODEL_FILE, later.bundle_dir / MODEL_FILE)
    is_same = not found and largest == 0.0 and all(pair.before == pair.after for pair in pairs)
    verdict: Verdict = "identical" if is_same else "different" if flipped else "same decisions"
    new = RunRecord.load(later.record_file)
    return Reproduction(
        run=str(earlier.path),
        out=str(later.path),
        verdict=verdict,
        figures=pairs,
        samples=samples,
        max_abs_difference=largest,
        flipped=flipped,
        weights=weights,
        weight_differences=found,
        first_epoch=_first_epoch(read_history(earlier.training_dir), read_history(later.training_dir)),
        settings=_changed_settings(record, load_config(earlier)),
        data=data,
        made_with=(
            *_other_circumstances(record, new),
            *_outcomes_of_the_machine(earlier, later),
        ),
    )


def _other_circumstances(earlier: RunRecord, later: RunRecord) -> tuple[str, ...]:
    return made_with_differences(earlier, environment=later.environment, code=later.code, packages=later.packages)


def _figure_pairs(earlier: RunFolder, later: RunFolder) -> tuple[FigurePair, ...]:
    before, after = (figures(folder.evaluation_dir / "test.json") for folder in (earlier, later))
    return tuple(FigurePair(name=name, before=before[name], after=after[name]) for name in before if name in after)


def _predictions(earlier: RunFolder, later: RunFolder) -> tuple[int, float, tuple[str, ...]]:
    """Return how many samples both runs answered, the largest difference, and which get another class."""
    before, after = (HeldOut.load(folder.predictions_file, folder.path) for folder in (earlier, later))
    if before.outputs is None or after.outputs is None:
        raise IntegrityError(f"{earlier.predictions_file} or {later.predictions_file} holds no outputs.")
    places = {path: index for index, path in enumerate(after.paths)}
    shared = [(index, places[path]) for index, path in enumerate(before.paths) if path in places]
    left = before.outputs[[pair[0] for pair in shared]].astype(np.float64)
    right = after.outputs[[pair[1] for pair in shared]].astype(np.float64)
    if left.shape != right.shape:
        return len(shared), float("nan"), tuple(before.paths[index] for index, _ in shared)
    others = np.flatnonzero(left.argmax(axis=1) != right.argmax(axis=1))
    largest = float(np.max(np.abs(left - right), initial=0.0))
    return len(shared), largest, tuple(before.paths[shared[index][0]] for index in others)


def _first_epoch(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> str:
    for first, second in zip(before, after, strict=False):
        told = [
            f"{key} {first[key]} -> {second.get(key)}"
            for key in first
            if key not in _NOT_COMPARED and first[key] != second.get(key)
        ]
        if told:
            return f"{first['stage']} {first['epoch']}: {', '.join(told)}"
    if len(before) != len(after):
        return f"{len(before)} epochs -> {len(after)}"
    return ""


def _changed_settings(record: RunRecord, config: RunConfig) -> tuple[str, ...]:
    """Compare the settings at the beginning of a run with those that its folder holds now."""
    before: Mapping[str, Any] = record.settings
    if not before:
        return ()
    after = deciding_settings(config)
    keys = dict.fromkeys((*before, *after))
    return tuple(
        f"{key}: {before.get(key)!r} -> {after.get(key)!r}" for key in keys if before.get(key) != after.get(key)
    )


def _outcomes_of_the_machine(earlier: RunFolder, later: RunFolder) -> tuple[str, ...]:
    """Name what the settings leave to the machine or to a download, and came out otherwise."""
    policies = [read_json(folder.training_dir / "summary.json").get("policy") for folder in (earlier, later)]
    digests = [Bundle.load(folder.bundle_dir / BUNDLE_FILE).backbone.digest for folder in (earlier, later)]
    found = []
    if policies[0] != policies[1]:
        found.append(f"arithmetic: {policies[0]} -> {policies[1]}")
    if digests[0] != digests[1]:
        found.append(f"weights of the backbone: {digests[0][:12]}... -> {digests[1][:12]}...")
    return tuple(found)
