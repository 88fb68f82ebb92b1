"""The proof that a run goes on where it stopped: trained straight and with a stop, and compared byte for byte."""

from __future__ import annotations

import dataclasses
import json
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfl.core.child import call_in_child
from tfl.core.config import RunConfig, load_config
from tfl.core.errors import UserError
from tfl.core.notebook import default_progress
from tfl.core.progress import Progress
from tfl.core.records import Record
from tfl.core.run_folder import RunFolder
from tfl.core.tables import html_lines
from tfl.data.manifest import Manifest
from tfl.training.checkpoint import StageState
from tfl.training.decisions import copy_decisions

_GROUPS = ("variables", "optimizer", "best")


@dataclass(frozen=True, kw_only=True)
class ResumeProof(Record):
    """What came out.

    Attributes:
        steps: Steps of training on each side.
        stopped_after: The steps after which one side was stopped, in a process of its own, and gone on with in
            another.
        stages: Those that were begun.
        arrays: How many arrays were compared.
        differences: What differs, in words; empty where both ended in the same bytes.
    """

    steps: int
    stopped_after: tuple[int, ...]
    stages: tuple[str, ...]
    arrays: int
    differences: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether both sides ended in the same bytes."""
        return not self.differences

    def _repr_html_(self) -> str:
        stops = " and ".join(str(step) for step in self.stopped_after)
        text = f"{self.steps} steps straight, and with stops after {stops}: {self.arrays} arrays compared, "
        verdict = "all the same to the byte" if self.identical else "NOT the same"
        return html_lines([f"{text}{verdict}.", *self.differences])


def prove_resume(run: RunFolder, *, steps: int = 20, progress: Progress | None = None) -> ResumeProof:
    """Train a run's recipe anew for some steps, straight and with two stops, each sitting in a fresh process.

    Args:
        run: Its config and its manifest are taken; it is not changed.
        steps: Of training, at least 3.
        progress: Told what happens.

    Raises:
        UserError: Too few steps.
        TflError: The training failed.
    """
    if steps < 3:
        raise UserError(f"steps: must be at least 3. Received: {steps}.")
    progress = progress or default_progress()
    stops = (steps // 3, steps // 2)
    with tempfile.TemporaryDirectory(prefix="tfl-resume-") as name:
        straight, stopped = Path(name) / "straight", Path(name) / "stopped"
        sittings = [(straight, steps), (stopped, stops[0]), (stopped, stops[1] - stops[0]), (stopped, steps - stops[1])]
        for done, (out, count) in enumerate(sittings):
            progress.update("training straight" if out == straight else "training with stops", done=done, total=4)
            arguments = {"run": str(run.path.resolve()), "out": str(out), "steps": count}
            call_in_child("tfl.training.resume_proof:train_steps", arguments, log_path=Path(name) / "log.txt")
        return _compared(straight, stopped, steps=steps, stops=stops)


def train_steps(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Go on with the training in a folder for some steps; called in a child process."""
    from tfl.training.fit import fit

    run, out = RunFolder(Path(arguments["run"])), RunFolder(Path(arguments["out"]))
    config: RunConfig = load_config(run)
    # Every sitting is to end by its own stop and no other.
    train = dataclasses.replace(config.train, until="", time_limit_s=0.0)
    out.path.mkdir(parents=True, exist_ok=True)
    copy_decisions(run.training_dir, out.training_dir)
    stop = _StopAfter(int(arguments["steps"]))
    try:
        fit(Manifest.load(run.manifest_file), dataclasses.replace(config, train=train), out, progress=stop)
    except KeyboardInterrupt:
        return {"finished": False}
    return {"finished": True}


class _StopAfter(Progress):
    """Stop the process as a person would, after so many steps."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def update(self, text: str, *, done: int | None = None, total: int | None = None) -> None:
        if text.startswith("epoch "):
            self._left -= 1
            if self._left == 0:
                signal.raise_signal(signal.SIGINT)


def _compared(straight: Path, stopped: Path, *, steps: int, stops: tuple[int, ...]) -> ResumeProof:
    first, second = (_states(RunFolder(folder).training_dir) for folder in (straight, stopped))
    differences = [f"stage {name} was begun on one side alone" for name in sorted(first.keys() ^ second.keys())]
    count = 0
    for name in sorted(first.keys() & second.keys()):
        for group in _GROUPS:
            left, right = getattr(first[name], group), getattr(second[name], group)
            count += len(left)
            if len(left) != len(right):
                differences.append(f"{name}: {len(left)} against {len(right)} arrays of {group}")
            unequal = [
                index
                for index, (one, two) in enumerate(zip(left, right, strict=False))
                if one.tobytes() != two.tobytes()
            ]
            if unequal:
                differences.append(
                    f"{name}: {len(unequal)} of {len(left)} arrays of {group}, the first is {unequal[0]}"
                )
        if _facts(first[name]) != _facts(second[name]):
            differences.append(f"{name}: epoch, step, sums, history or random state")
    return ResumeProof(
        steps=steps,
        stopped_after=stops,
        stages=tuple(sorted(first)),
        arrays=count,
        differences=tuple(differences),
    )


def _states(folder: Path) -> dict[str, StageState]:
    loaded = {path.stem: StageState.load(path) for path in folder.glob("*.state")}
    return {name: state for name, state in loaded.items() if state is not None}


def _facts(state: StageState) -> str:
    """Everything but arrays and times."""
    facts = {key: value for key, value in vars(state).items() if key not in (*_GROUPS, "seconds")}
    facts["history"] = [{**row, "seconds": 0.0} for row in state.history]
    return json.dumps(facts, sort_keys=True)
