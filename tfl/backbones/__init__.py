"""Backbones: each file of this folder is one source of pretrained networks."""

from __future__ import annotations

from tfl.backbones._base import (
    Backbone,
    BackboneFacts,
    BackboneInfo,
    BackboneSource,
    PublishedScore,
    parse_spec,
)
from tfl.core.registry import Registry

SOURCES: Registry[BackboneSource] = Registry("tfl.backbones", "SOURCE", "backbone source")

__all__ = [
    "SOURCES",
    "Backbone",
    "BackboneFacts",
    "BackboneInfo",
    "BackboneSource",
    "PublishedScore",
    "backbone_info",
    "parse_spec",
]


def backbone_info(spec: str) -> BackboneInfo:
    """Describe one backbone, written `source:name`, importing no framework.

    Raises:
        NotFoundError: There is no such source or backbone.
    """
    source, name = parse_spec(spec)
    return SOURCES.get(source).info(name)
