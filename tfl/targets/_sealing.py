"""The record of an artefact: drafted beside the model files, sealed with a digest of each."""

from __future__ import annotations

import dataclasses
import datetime
import shutil
from pathlib import Path

from tfl.bundle import Artifact, Bundle, Calibration, Recipe, write_contract_files
from tfl.bundle.records import ARTIFACT_FILE, GOLDEN_FILE
from tfl.core.environment import read_environment
from tfl.core.files import digest_tree, tree_size_bytes
from tfl.data.contract import Fusion
from tfl.targets._base import Exported


def draft_artifact(
    bundle: Bundle,
    exported: Exported,
    *,
    target: str,
    precision: str,
    calibration: Calibration | None = None,
    recipe: Recipe | None = None,
    fused: Fusion = "none",
) -> Artifact:
    """Return the record of model files that are not sealed yet: without size, digests and date."""
    return Artifact(
        task=bundle.task,
        target=target,
        precision=precision,
        labels=bundle.labels,
        preprocessing=bundle.preprocessing.with_fusion(fused),
        signature=exported.signature,
        model_files=exported.model_files,
        size_bytes=0,
        bundle_fingerprint=bundle.fingerprint,
        backbone=bundle.backbone,
        calibration=calibration,
        created="",
        versions={},
        files={},
        recipe=recipe,
    )


def seal_artifact(place: Path, draft: Artifact, golden_dir: Path) -> Artifact:
    """Add the golden batch, the contract's files and the record to an artefact's model files, with a digest of each.

    Args:
        place: Folder with the model files.
        draft: By `draft_artifact`.
        golden_dir: Of what it was made from; its digests have been checked by whoever opened it.
    """
    shutil.copyfile(golden_dir / GOLDEN_FILE, place / GOLDEN_FILE)
    write_contract_files(place, draft.preprocessing)
    artifact = dataclasses.replace(
        draft,
        size_bytes=tree_size_bytes(place, names=draft.model_files),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        versions=read_environment().versions,
        files=digest_tree(place),
    )
    artifact.save(place / ARTIFACT_FILE)
    return artifact
