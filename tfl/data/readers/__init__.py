"""Readers: each file of this folder turns one on-disk format into a manifest."""

from __future__ import annotations

from tfl.core.registry import Registry
from tfl.data.readers._base import Location, Reader

READERS: Registry[Reader] = Registry("tfl.data.readers", "READER", "reader")

__all__ = ["READERS", "Location", "Reader"]
