"""The bundle and the artefact: the two folders that travel."""

from __future__ import annotations

from tfl.bundle.golden import Golden
from tfl.bundle.records import (
    Artifact,
    BackboneRecord,
    Bundle,
    Calibration,
    Recipe,
    Signature,
    Simulation,
    Tensor,
    write_contract_files,
)

__all__ = [
    "Artifact",
    "BackboneRecord",
    "Bundle",
    "Calibration",
    "Golden",
    "Recipe",
    "Signature",
    "Simulation",
    "Tensor",
    "write_contract_files",
]
