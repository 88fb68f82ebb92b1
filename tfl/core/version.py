"""The version, where every room can read it without importing the whole package."""

from __future__ import annotations

__version__ = "0.1.0"
