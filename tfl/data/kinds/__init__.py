"""Kinds: each file of this folder says what one kind of data is made of, whatever task is learned on it."""

from __future__ import annotations

from tfl.core.registry import Registry
from tfl.data.kinds._base import Kind

KINDS: Registry[Kind] = Registry("tfl.data.kinds", "KIND", "kind of data")

__all__ = ["KINDS", "Kind"]
