"""Where results lie: `result.json` and beside it every timing, and suites as YAML."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.scenario_records import ScenarioResult, Suite
from tfl.bench.statistics import Series
from tfl.core.config import read_yaml
from tfl.core.errors import ConfigError, IntegrityError, OutputExistsError
from tfl.core.files import write_atomic

RESULT_FILE = "result.json"
#: What a result is held against.
BASELINE, AGAIN = "baseline", "again"
_MAKE_ONE = "Make one: tfl benchmark RUN --scenario single-stream --out FILE"


def scenario_name(text: str) -> str:
    """Return the plug-in's name for what a person writes: `single-stream` is `single_stream`."""
    return text.strip().replace("-", "_")


def load_suite(path: Path, overrides: Mapping[str, Any]) -> Suite:
    """Read a suite from YAML and lay settings over it.

    Args:
        path: With the keys of `Suite`; `name` is the file's own by default.
        overrides: They win.

    Raises:
        NotFoundError: There is no such file.
        ConfigError: It does not fit.
    """
    data = {"name": path.stem, **read_yaml(path)}
    return make_suite({**data, **overrides}, where=str(path))


def make_suite(data: Mapping[str, Any], *, where: str = "the suite") -> Suite:
    """Build a suite from plain values.

    Raises:
        ConfigError: They do not fit.
    """
    plain = dict(data)
    if isinstance(plain.get("scenarios"), (list, tuple)):
        plain["scenarios"] = [scenario_name(str(name)) for name in plain["scenarios"]]
    try:
        return Suite.from_dict(plain)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error.message}", hint=error.hint) from error


def save_result(result: ScenarioResult, series: Mapping[str, Series], path: Path) -> ScenarioResult:
    """Write the record to `path` and the timings beside it, and return the record that names them."""
    samples = path.with_suffix(".npz")
    named = dataclasses.replace(result, samples_file=samples.name)
    arrays: dict[str, Any] = dict(series)
    write_atomic(samples, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))
    named.save(path)
    return named


def load_result(path: Path) -> tuple[ScenarioResult, dict[str, Series]]:
    """Read what `save_result` wrote.

    Args:
        path: The record, or the folder it lies in.

    Raises:
        IntegrityError: The record or its timings are missing or damaged.
        ConfigError: It is not a result.
    """
    file = path / RESULT_FILE if path.is_dir() else path
    try:
        result = ScenarioResult.load(file)
    except ConfigError as error:
        raise ConfigError(f"{file} is no result of tfl benchmark: {error.message}", hint=_MAKE_ONE) from error
    except IntegrityError as error:
        raise IntegrityError(error.message, hint=_MAKE_ONE) from error
    samples = file.parent / Path(result.samples_file).name
    try:
        with np.load(samples, allow_pickle=False) as arrays:
            return result, {name: np.asarray(arrays[name], dtype=np.float64) for name in arrays.files}
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise IntegrityError(
            f"The timings of {file} can't be read from {samples}: {error}.", hint="The two files belong together."
        ) from error


def comparison_file(path: Path, kind: str) -> Path:
    """Return where a `ResultComparison` of a result lies: beside it, by what it was held against."""
    return path.with_name(f"{path.stem}-against-{kind}.json")


def next_folder(parent: Path) -> Path:
    """Return `parent/<n>` with the first number from 1 that is free, made and empty.

    Raises:
        OutputExistsError: `parent` is a file.
    """
    if parent.is_file():
        raise OutputExistsError(f"{parent} is a file.", hint="Choose another --out.")
    parent.mkdir(parents=True, exist_ok=True)
    taken = [int(item.name) for item in parent.iterdir() if item.name.isdigit()]
    folder = parent / str(max(taken, default=0) + 1)
    folder.mkdir()
    return folder


def newest_result(parent: Path) -> Path | None:
    """Return the record of the highest number below `parent`, or None."""
    found = [item for item in parent.glob(f"*/{RESULT_FILE}") if item.parent.name.isdigit()]
    return max(found, key=lambda item: int(item.parent.name), default=None)
