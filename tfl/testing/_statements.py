"""Promises as a table: what should hold, and whether it does."""

from __future__ import annotations

from collections.abc import Mapping

from tfl.core.errors import VerificationError


def require_all(statements: Mapping[str, bool], *, who: str, contract: str) -> None:
    """Raise unless every statement holds.

    Raises:
        VerificationError: Names every promise that was broken.
    """
    broken = [text for text, holds in statements.items() if not holds]
    if broken:
        raise VerificationError(f"{who} breaks the contract of {contract}: {'; '.join(broken)}.")
