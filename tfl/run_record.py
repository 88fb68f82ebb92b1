"""Opening a run's record, and noting in it what each stage cost."""

from __future__ import annotations

import dataclasses
import datetime
import getpass
import json
import os
import platform
import time

from tfl.core.config import RunConfig, differences, flatten, load_config, save_yaml
from tfl.core.energy import EnergyMeter
from tfl.core.environment import Environment, environment_differences, peak_rss_bytes, read_environment
from tfl.core.errors import OutputExistsError
from tfl.core.files import sha256_text
from tfl.core.progress import Progress
from tfl.core.provenance import CodeVersion, read_code_version, read_packages
from tfl.core.run_folder import Resumption, RunFolder, RunRecord, StageRecord, StageStatus
from tfl.core.version import __version__
from tfl.training.memory import after_silent_end

#: Settings that say where results go, not what they are.
NO_INFLUENCE = ("out", "study", "log.")


def open_record(config: RunConfig, folder: RunFolder, *, command: str, progress: Progress | None = None) -> RunRecord:
    """Begin a run's record, or go on with the one that lies there.

    Args:
        config: Of the run, saved as `config.yaml` when it begins.
        folder: Of the run.
        command: The command line, or `python`.
        progress: Told where the sitting before ended without a word.

    Raises:
        OutputExistsError: The run was begun with other settings; names each.
    """
    if folder.record_file.is_file():
        changed = differences(load_config(folder), config)
        if changed:
            raise OutputExistsError(
                f"{folder.path} was made with other settings: {'; '.join(changed)}.",
                hint="Resume with the same settings, or choose another --out.",
            )
        before = RunRecord.load(folder.record_file)
        if before.status == "running" and progress is not None:
            progress.result(after_silent_end(config.train))
        return _resumed(before, command)
    settings = deciding_settings(config)
    record = RunRecord(
        name=folder.path.name,
        created=_now(),
        command=command,
        tfl_version=__version__,
        status="running",
        stages={},
        environment=read_environment(),
        by=_who(),
        code=read_code_version(),
        settings=settings,
        config_digest=settings_digest(settings),
        packages=read_packages(),
    )
    save_yaml(config, folder.config_file)
    record.save(folder.record_file)
    return record


def _resumed(record: RunRecord, command: str) -> RunRecord:
    changes = made_with_differences(
        record, environment=read_environment(), code=read_code_version(), packages=read_packages()
    )
    entry = Resumption(at=_now(), command=command, changes=changes)
    return dataclasses.replace(record, status="running", message="", resumptions=(*record.resumptions, entry))


def made_with_differences(
    record: RunRecord, *, environment: Environment, code: CodeVersion | None, packages: dict[str, str]
) -> tuple[str, ...]:
    """Name what differs between the machine and software of a record and others.

    Args:
        record: The earlier one.
        environment: The later one.
        code: The later one, or None where it is not known.
        packages: Later ones; what either side does not know is not compared.
    """
    found = list(environment_differences(record.environment, environment))
    if record.code is not None and code is not None and record.code != code:
        found.append(f"code: {_named(record.code)} -> {_named(code)}")
    if record.packages and packages:
        told = {line.partition(":")[0] for line in found}
        for name in sorted(record.packages.keys() | packages.keys()):
            before, after = record.packages.get(name, "none"), packages.get(name, "none")
            if before != after and f"versions.{name}" not in told:
                found.append(f"packages.{name}: {before} -> {after}")
    return tuple(found)


def _named(code: CodeVersion) -> str:
    # Without a commit, only the digest tells two builds of one version apart.
    return str(code) if code.commit else f"{code} ({code.digest[:12]})"


def deciding_settings(config: RunConfig) -> dict[str, object]:
    """Return the settings that decide results, by dotted name."""
    return {name: value for name, value in flatten(config.to_dict()).items() if not name.startswith(NO_INFLUENCE)}


def settings_digest(settings: dict[str, object]) -> str:
    """Return the SHA-256 of settings, whatever their order."""
    return sha256_text(json.dumps(settings, sort_keys=True, ensure_ascii=False))


class StageMeter:
    """Measures what one attempt at a stage costs, from now on.

    Args:
        energy: Of the run.
    """

    def __init__(self, energy: EnergyMeter) -> None:
        self._energy = energy
        self._wall, self._cpu, self._joules = time.perf_counter(), _cpu_seconds(), energy.joules()

    def record(self, status: StageStatus, *, before: StageRecord | None) -> StageRecord:
        """Return the record of the stage.

        Args:
            status: How the attempt ended.
            before: Of earlier attempts, whose costs are added.
        """
        seconds, cpu = time.perf_counter() - self._wall, _cpu_seconds() - self._cpu
        joules = self._energy.joules()
        spent = None if joules is None or self._joules is None else joules - self._joules
        peak = peak_rss_bytes()
        if before is not None:
            seconds += before.seconds
            cpu += before.cpu_seconds or 0.0
            peak = max(peak, before.peak_rss_bytes or 0)
            spent = None if spent is None or before.energy_joules is None else spent + before.energy_joules
        return StageRecord(
            status=status,
            seconds=round(seconds, 2),
            cpu_seconds=round(cpu, 2),
            peak_rss_bytes=peak,
            energy_joules=None if spent is None else round(spent, 3),
        )


def _who() -> str:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        # In a container, a user may have a number and no name.
        user = str(os.getuid()) if hasattr(os, "getuid") else "somebody"
    return f"{user}@{platform.node()}"


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
