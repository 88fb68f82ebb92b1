"""What a training decided by measuring, for other trainings that are to be the same."""

from __future__ import annotations

import shutil
from pathlib import Path

#: Files below the folder of a training: the arithmetic, and of each stage the batch size and whether XLA compiles it.
#: Times decide there, which differ from one measurement to the next.
_DECISIONS = ("precision.json", "batch-*.json", "xla-*.json")


def copy_decisions(source: Path, target: Path) -> None:
    """Let a training go by what another one measured; what it has decided itself stays.

    Args:
        source: The folder of the training that measured; need not exist.
        target: The folder of the other one.
    """
    for pattern in _DECISIONS:
        for file in sorted(source.glob(pattern)):
            if not (target / file.name).exists():
                target.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target / file.name)
