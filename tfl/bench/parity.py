"""The proof: an artefact is reopened in a fresh process and must do what the float model does."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.held_out import HeldOut
from tfl.bench.records import Check, Differences, Verification
from tfl.bundle import Artifact, Golden
from tfl.bundle.records import ARTIFACT_FILE, GOLDEN_FILE
from tfl.core.child import call_in_child
from tfl.data.contract import Floats, Inputs
from tfl.targets import TARGETS, Runtime, Tolerance, open_artifact
from tfl.tasks import TASKS

_BATCH = 32
#: Where the float model gives every answer at least this probability, what changes before the softmax hardly shows.
_CERTAIN = 0.9999


def verify(
    artifact_dir: Path,
    *,
    held_out: HeldOut | None,
    reason_without: str = "",
    threads: int = 0,
    log_path: Path | None = None,
) -> Verification:
    """Verify an artefact in a fresh process.

    Args:
        artifact_dir: The artefact.
        held_out: Samples to test on, or None for the golden batch alone.
        reason_without: Why there are none, for the record.
        threads: For the engine; 0 lets it choose.
        log_path: Where the child's output is kept.

    Returns:
        The record; `passed` says whether the artefact holds. Nothing is raised when it does not.

    Raises:
        IntegrityError: A file of the artefact is missing or altered.
        ChildError: The engine crashed.
    """
    with tempfile.TemporaryDirectory(prefix="tfl-verify-") as folder:
        arguments: dict[str, Any] = {"artifact_dir": str(artifact_dir), "threads": threads, "note": reason_without}
        if held_out is not None:
            limited = held_out.limited()
            if limited is not held_out:
                arguments["note"] = f"{len(limited.paths)} of {len(held_out.paths)} held-out samples, evenly spaced"
            limited.save(Path(folder) / "held_out.npz")
            arguments |= {"held_out": str(Path(folder) / "held_out.npz"), "root": str(held_out.root)}
        return Verification.from_dict(call_in_child("tfl.bench.parity:verify_here", arguments, log_path=log_path))


def verify_here(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Verify in this process; the child's side of `verify`."""
    folder = Path(arguments["artifact_dir"])
    artifact = Artifact.load(folder / ARTIFACT_FILE)
    tolerance = TARGETS.get(artifact.target).tolerance_of(artifact.precision, artifact.preprocessing.fusion)
    task = TASKS.get(artifact.task)
    artifact, runtime = open_artifact(folder, threads=arguments["threads"])
    with runtime:
        golden = Golden.load(folder / GOLDEN_FILE)
        inputs = artifact.preprocessing.prepare(golden.rows)
        outputs = runtime.predict(inputs)
        checks = [_finite(outputs), _same_alone(runtime, inputs, outputs, tolerance.batch_difference)]
        golden_differences = compare(golden.outputs, outputs)
        ties = count_tied_flips(golden.outputs, outputs, tolerance)
        checks += _checks("golden", golden_differences, tolerance, ties=ties)
        differences = metric = float_metric = None
        references = [golden.outputs]
        if "held_out" in arguments:
            samples = HeldOut.load(Path(arguments["held_out"]), Path(arguments["root"]))
            answers = answer_files(runtime, samples, artifact)
            metric = task.metric_of(samples.truth, answers)
            if samples.outputs is not None:
                differences = compare(samples.outputs, answers)
                references.append(samples.outputs)
                checks += _checks("held-out", differences, tolerance)
                float_metric = task.metric_of(samples.truth, samples.outputs)
                drop = float_metric - metric
                # One sample of a small split weighs more than any share; see `_checks`.
                one = 1.0 / len(samples.truth) if tolerance.agreement < 1.0 else 0.0
                limit = max(tolerance.metric_drop, one)
                checks.append(Check(name=f"{task.metric} drop", value=drop, limit=limit, passed=drop <= limit + 1e-9))
    return Verification(
        artifact=artifact.name,
        passed=all(check.passed for check in checks),
        golden=golden_differences,
        held_out=differences,
        metric_name=task.metric,
        metric=metric,
        float_metric=float_metric,
        checks=tuple(checks),
        tolerance=tolerance,
        note="; ".join(filter(None, (arguments["note"], note_on_certainty(references)))),
    ).to_dict()


def answer_files(runtime: Runtime, samples: HeldOut, artifact: Artifact) -> Floats:
    """Run an artefact from files to probabilities: `(samples, classes)` float32."""
    batches = artifact.preprocessing.input_batches(samples.sources, size=_BATCH)
    return np.concatenate(list(runtime.predict_stream(batches)))


def compare(reference: Floats, outputs: Floats) -> Differences:
    """Compare probabilities `(samples, classes)` of two models on the same inputs."""
    distance = np.abs(reference.astype(np.float64) - outputs)
    same = reference.argmax(axis=1) == outputs.argmax(axis=1)
    return Differences(
        sample_count=len(reference),
        max_difference=float(distance.max()),
        mean_difference=float(distance.mean()),
        agreement=float(same.mean()),
        flipped=int((~same).sum()),
    )


def count_tied_flips(reference: Floats, outputs: Floats, tolerance: Tolerance) -> int:
    """Count the decisions that differ where the float model itself saw two classes as good as equal.

    A first class may come down and a second go up by the mean difference that is allowed; where they are nearer to each
    other than that, which of them wins says nothing. A network that has learned little has many such.
    """
    first_two = np.sort(reference.astype(np.float64), axis=1)[:, -2:]
    tied = first_two[:, 1] - first_two[:, 0] <= 2 * tolerance.mean_difference
    return int((tied & (reference.argmax(axis=1) != outputs.argmax(axis=1))).sum())


def note_on_certainty(references: Sequence[Floats]) -> str:
    """Say it where every answer of the float model, `(samples, classes)`, is too certain to show a small difference."""
    if min(float(answers.max(axis=1).min()) for answers in references) < _CERTAIN:
        return ""
    return f"all answers compared are certain ({_CERTAIN} or more): small differences would not show"


def _checks(where: str, differences: Differences, tolerance: Tolerance, *, ties: int = 0) -> list[Check]:
    flipped = differences.flipped - ties
    limits = {
        "max difference": (differences.max_difference, tolerance.max_difference),
        "mean difference": (differences.mean_difference, tolerance.mean_difference),
    }
    checks = [
        Check(name=f"{where} {name}", value=value, limit=limit, passed=value <= limit)
        for name, (value, limit) in limits.items()
    ]
    # On a handful of samples one borderline decision is more than any share, so one flip is let pass
    # there where the tolerance lets any pass at all.
    allowed = (1.0 - tolerance.agreement) * differences.sample_count
    allowed = max(1.0, allowed) if tolerance.agreement < 1.0 else 0.0
    checks.append(
        Check(
            name=f"{where} flipped decisions",
            value=float(flipped),
            limit=float(np.floor(allowed + 1e-9)),
            passed=flipped <= allowed + 1e-9,
        )
    )
    return checks


def _finite(outputs: Floats) -> Check:
    bad = float((~np.isfinite(outputs)).sum())
    return Check(name="golden values not finite", value=bad, limit=0.0, passed=bad == 0.0)


def _same_alone(runtime: Runtime, inputs: Inputs, outputs: Floats, limit: float) -> Check:
    alone = np.concatenate([runtime.predict(inputs[index : index + 1]) for index in range(len(inputs))])
    distance = float(np.abs(alone - outputs).max())
    return Check(
        name="golden one by one against batch",
        value=distance,
        limit=limit,
        passed=distance <= limit,
    )
