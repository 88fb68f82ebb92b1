"""Evidence: each file of this folder shows answers to samples of one kind of data, for a person to judge."""

from __future__ import annotations

from tfl.core.registry import Registry
from tfl.report.evidence._base import SHOWN_FLIPS, Answered, Evidence, Shown, chosen_at_random

EVIDENCE: Registry[Evidence] = Registry("tfl.report.evidence", "EVIDENCE", "evidence")

__all__ = ["EVIDENCE", "SHOWN_FLIPS", "Answered", "Evidence", "Shown", "chosen_at_random"]
