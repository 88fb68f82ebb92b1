"""Backbones: each file of this folder is one source of pretrained networks."""

from __future__ import annotations

import contextlib

from tfl.backbones._base import (
    Backbone,
    BackboneFacts,
    BackboneInfo,
    BackboneSource,
    PublishedScore,
    parse_spec,
)
from tfl.core.errors import TflError, UserError
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
        UserError: The source is missing; those that list such a name are told.
    """
    try:
        source, name = parse_spec(spec)
    except UserError as error:
        meant = " or ".join(f"'{listed}'" for listed in _listed_as(spec))
        raise UserError(f"{error.message} Did you mean {meant}?", hint=error.hint) if meant else error from None
    return SOURCES.get(source).info(name)


def _listed_as(name: str) -> list[str]:
    """Return the specs of all listed backbones of this name, in any case."""
    listed = []
    for source in SOURCES.names():
        with contextlib.suppress(TflError):
            listed += [info.spec for info in SOURCES.get(source).list()]
    return [spec for spec in listed if spec.partition(":")[2].casefold() == name.casefold()]
