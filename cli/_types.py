"""Kinds of values that flags take."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import click

from tfl.core.durations import parse_duration_s
from tfl.core.errors import ConfigError

if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:
    # Generic only in newer versions of click.
    _Type = click.ParamType


class NumberOr(_Type):
    """A number, or one word.

    Args:
        kind: `int` or `float`.
        word: The word.
    """

    def __init__(self, kind: type[int] | type[float], word: str) -> None:
        self._kind, self._word = kind, word
        self.name = f"{'integer' if kind is int else 'number'}|{word}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == self._word:
            return value
        try:
            return self._kind(value)
        except ValueError:
            self.fail(f"must be {self.name.replace('|', ' or ')}. Received: '{value}'.", param, ctx)


class Duration(_Type):
    """A length of time, such as `10m`; gives seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return value if isinstance(value, float) else parse_duration_s(str(value))
        except ConfigError as error:
            self.fail(error.message, param, ctx)


class Count(_Type):
    """A number of things above 0, such as `5000000` or `5M`; gives an integer."""

    name = "count"
    _UNITS: ClassVar[dict[str, float]] = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        match = re.fullmatch(r"([\d_]*\.?\d+)\s*([kKmMgGbB]?)", str(value).strip())
        count = float(match[1].replace("_", "")) * self._UNITS[match[2].lower()] if match else 0.0
        if count < 1:
            self.fail(f"must be a number above 0, such as 5M, 300k or 1.2G. Received: '{value}'.", param, ctx)
        return round(count)
