"""Lengths of time as people write them."""

from __future__ import annotations

import re

from tfl.core.errors import ConfigError

_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?[dhms])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([dhms])")


def parse_duration_s(text: str) -> float:
    """Return the seconds of such as `45s`, `10m`, `1h30m` or `1.5h`; a bare number is seconds.

    Raises:
        ConfigError: It is written otherwise, names a unit twice, or is nothing.
    """
    cleaned = text.strip().lower()
    if re.fullmatch(r"\d+(?:\.\d+)?", cleaned):
        cleaned += "s"
    parts = _PART.findall(cleaned) if _WHOLE.fullmatch(cleaned) else []
    units = [unit for _, unit in parts]
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if seconds <= 0.0 or len(set(units)) < len(units):
        raise ConfigError(f"A length of time is written 45s, 10m, 1h30m or 2d, above 0. Received: '{text}'.")
    return seconds


def duration_text(seconds: float) -> str:
    """Return such as `1h30m`, `10m` or `45s`, rounded to whole seconds."""
    left = round(seconds)
    parts = []
    for unit in "dhm":
        count, left = divmod(left, int(_SECONDS[unit]))
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) + (f"{left}s" if left or not parts else "")
