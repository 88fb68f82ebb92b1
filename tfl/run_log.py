"""What the loggers of a run are told: its settings, its data and its machine before, its results at the end."""

from __future__ import annotations

import json
from pathlib import Path

from tfl.core.config import RunConfig, flatten
from tfl.core.run_folder import RunFolder, RunRecord
from tfl.data.manifest import Manifest
from tfl.loggers import Ending, LogPlan, choose_loggers
from tfl.training.logs import PLAN_FILE, finish_log


def plan_log(config: RunConfig, folder: RunFolder, record: RunRecord, manifest: Manifest) -> LogPlan:
    """Choose the loggers of a training, and save what they are told.

    Args:
        config: Of the run.
        folder: Of the run.
        record: Of the run.
        manifest: With splits.

    Raises:
        UserError: A logger that was asked for can't write here.
    """
    loggers, left_out = choose_loggers(config.log)
    environment = record.environment
    tags = {
        "data_fingerprint": manifest.fingerprint,
        "data_source": manifest.source or manifest.root,
        "data_examples": str(len(manifest.examples)),
        "run": str(folder.path.resolve()),
        "command": record.command,
        "code": str(record.code or record.tfl_version),
        "git_commit": record.code.commit if record.code else "",
        "config_digest": record.config_digest,
        "cpu": environment.cpu,
        "gpus": ", ".join(environment.gpus),
        "system": environment.system,
        "version.python": environment.python,
        **{f"version.{name}": version for name, version in environment.versions.items()},
    }
    plan = LogPlan(
        loggers=loggers,
        left_out=left_out,
        config=config.log,
        run_name=record.name,
        params={name: str(value) for name, value in flatten(config.to_dict()).items()},
        tags=tags,
        files=(_below(folder, folder.config_file),),
    )
    plan.save(folder.training_dir / PLAN_FILE)
    return plan


def end_log(folder: RunFolder, status: str) -> None:
    """Tell the loggers how a run ended, with the figures of its test split and its report.

    Raises:
        TflError: A record of the run can't be read.
    """
    evaluation = folder.evaluation_dir / "test.json"
    files = [path for path in (evaluation, folder.report_file) if path.is_file()]
    ending = Ending.from_dict(
        {
            "status": status,
            "metrics": figures(evaluation),
            "files": [_below(folder, path) for path in files],
        }
    )
    finish_log(folder.training_dir, ending)


def figures(evaluation: Path) -> dict[str, float]:
    """Return the numbers of a saved evaluation by name, or none where there is no such file."""
    if not evaluation.is_file():
        return {}
    scores = json.loads(evaluation.read_text(encoding="utf-8"))
    return {
        name: float(value)
        for name, value in scores.items()
        if name != "schema" and isinstance(value, (int, float)) and not isinstance(value, bool)
    }


def _below(folder: RunFolder, path: Path) -> str:
    return path.relative_to(folder.path).as_posix()
