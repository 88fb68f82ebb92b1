"""Readers: each file of this folder turns one on-disk format into a manifest."""

from __future__ import annotations

from tfl.core.registry import Registry
from tfl.data.readers._base import NO_OPTIONS, Location, Reader, ReadOptions, as_location
from tfl.data.readers._splits import SPLIT_NAMES
from tfl.data.readers._text_columns import MEANINGFUL

READERS: Registry[Reader] = Registry("tfl.data.readers", "READER", "reader")

__all__ = ["MEANINGFUL", "NO_OPTIONS", "READERS", "SPLIT_NAMES", "Location", "ReadOptions", "Reader", "as_location"]
