"""What a ladder's child processes do: answer with the float model, climb, and answer the test samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bench.held_out import HeldOut
from tfl.bench.parity import answer_files
from tfl.bundle import Bundle
from tfl.bundle.records import BUNDLE_FILE
from tfl.compress.ladder import Climber, Paths
from tfl.compress.ladder_records import LadderSettings, SampleUse
from tfl.compress.ladder_scores import ChoiceSet, Judge
from tfl.compress.telling import Teller
from tfl.core.extras import require_installed
from tfl.targets import TARGETS, open_artifact, open_bundle

_BATCH = 32


def answer_with_bundle(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Write the float Keras model's answers to rows: `(samples, classes)` float32."""
    rows = np.load(arguments["rows"], mmap_mode="r", allow_pickle=False)
    bundle, runtime = open_bundle(Path(arguments["bundle_dir"]))
    with runtime:
        parts = [
            runtime.predict(bundle.preprocessing.prepare(np.asarray(rows[start : start + _BATCH])))
            for start in range(0, len(rows), _BATCH)
        ]
    np.save(arguments["answers"], np.concatenate(parts), allow_pickle=False)
    return {}


def climb_here(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Climb one target's ladder in this process.

    Raises:
        UnsupportedError: The target can't calibrate as asked for.
        MissingExtraError: A package that its quantizer needs is not installed.
    """
    target = TARGETS.get(arguments["target"])
    for module in (*target.runtime_modules, *target.quantizer_modules):
        require_installed(module, purpose=f"quantizing for {arguments['target']}")
    settings = LadderSettings.from_dict(arguments["settings"])
    bundle_dir = Path(arguments["bundle_dir"])
    bundle = Bundle.load(bundle_dir / BUNDLE_FILE)
    choice = ChoiceSet(
        rows=np.load(arguments["choice_rows"], mmap_mode="r", allow_pickle=False),
        truth=tuple(arguments["choice_truth"]),
        reference=np.load(arguments["choice_answers"], allow_pickle=False),
    )
    climber = Climber(
        Judge(arguments["target"], target, bundle, settings.seed),
        Paths(
            bundle_dir=bundle_dir,
            saved_model_dir=Path(arguments["saved_model_dir"]),
            simulation_dir=Path(arguments["simulation_dir"]) if arguments["simulation_dir"] else None,
            scratch=Path(arguments["scratch"]),
            log_path=Path(arguments["export_log"]),
        ),
        settings=settings,
        use=SampleUse.from_dict(arguments["use"]),
        calibration=np.load(arguments["calibration_rows"], mmap_mode="r", allow_pickle=False),
        choice=choice,
        tell=Teller(Path(arguments["told"])),
    )
    return climber.climb(arguments["rungs"]).to_dict()


def answer_test(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Write a sealed artefact's answers to the test samples, from their files."""
    samples = HeldOut.load(Path(arguments["held_out"]), Path(arguments["root"]))
    artifact, runtime = open_artifact(Path(arguments["artifact_dir"]))
    with runtime:
        np.save(arguments["answers"], answer_files(runtime, samples, artifact), allow_pickle=False)
    return {}
