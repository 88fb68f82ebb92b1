"""Records: frozen, keyword-only dataclasses that go to JSON and back without loss.

A record is checked when it is read: unknown keys, missing keys and values of the wrong type are
collected and told at once, each with its dotted path.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, Union

from tfl.core.errors import ConfigError, NotFoundError, closest
from tfl.core.files import read_json, write_json

#: Metadata of a field that is of this machine alone, such as a path: it is not saved, and has a default.
LOCAL: Mapping[str, bool] = types.MappingProxyType({"local": True})


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """Base of all records. `SCHEMA` rises when an old file can no longer be read as it is."""

    SCHEMA: ClassVar[int] = 1

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; NaN and infinities become None. Fields marked with `LOCAL` are left out."""
        fields = {field.name: _plain(getattr(self, field.name)) for field in _saved_fields(type(self))}
        return {"schema": self.SCHEMA, **fields}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build the record from plain values.

        Raises:
            ConfigError: All problems at once, each with the dotted path of its key.
        """
        problems: list[str] = []
        record = _read_record(cls, data, "", problems)
        if problems:
            raise ConfigError(f"{cls.__name__}: " + "\n".join(problems))
        return typing.cast(Self, record)

    @classmethod
    def variant_of(cls, data: Mapping[str, Any]) -> type[Record]:
        """Return the class that plain values are of, where a record has several kinds; the class itself elsewhere.

        Raises:
            NotFoundError: There is no such kind.
        """
        return cls

    def save(self, path: Path) -> None:
        """Write the record as JSON, atomically."""
        write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the record from a JSON file.

        Raises:
            IntegrityError: The file is missing or is not JSON.
            ConfigError: The file's content does not fit the record.
        """
        return cls.from_dict(read_json(path))

    def __init_subclass__(cls) -> None:
        # A dataclass gets a `__repr__` of its own unless it has one; that of a long record fills the screen many times.
        # IPython asks the first class that has either.
        if "__repr__" not in vars(cls):
            for name in ("__repr__", "_repr_pretty_"):
                setattr(cls, name, getattr(super(cls, cls), name))

    def __repr__(self) -> str:
        from tfl.core.display import record_line

        return record_line(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Write into IPython's printer; its stack tells whether this stands in a list or a mapping."""
        from tfl.core.display import record_text

        printer.text(record_text(self) if len(printer.stack) == 1 else repr(self))

    def _repr_html_(self) -> str:
        from tfl.core.display import record_html

        return record_html(self)


def _saved_fields(cls: type[Record]) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(cls) if not field.metadata.get("local")]


def field_types(cls: type[Record]) -> dict[str, Any]:
    """Return the resolved type of each field of a record class."""
    if cls not in _FIELD_TYPES:
        hints = typing.get_type_hints(cls)
        _FIELD_TYPES[cls] = {field.name: hints[field.name] for field in _saved_fields(cls)}
    return _FIELD_TYPES[cls]


def _required(cls: type[Record]) -> frozenset[str]:
    if cls not in _REQUIRED:
        absent = dataclasses.MISSING
        fields = dataclasses.fields(cls)
        names = (field.name for field in fields if field.default is absent and field.default_factory is absent)
        _REQUIRED[cls] = frozenset(names)
    return _REQUIRED[cls]


_FIELD_TYPES: dict[type[Record], dict[str, Any]] = {}
_REQUIRED: dict[type[Record], frozenset[str]] = {}
#: Types whose values JSON gives as they are.
_EXACT = frozenset({str, int, bool})


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _read_record(cls: type[Record], data: Any, where: str, problems: list[str]) -> Record | None:
    if not isinstance(data, Mapping):
        problems.append(f"{where or cls.__name__}: must be a mapping. Received: {data!r}.")
        return None
    try:
        cls = cls.variant_of(data)
    except NotFoundError as error:
        problems.append(f"{where or cls.__name__}: {error.message}")
        return None
    schema = data.get("schema", cls.SCHEMA)
    if schema != cls.SCHEMA:
        problems.append(f"{where or cls.__name__}: schema must be {cls.SCHEMA}. Received: {schema!r}.")
        return None
    known = field_types(cls)
    before = len(problems)
    for key in data.keys() - known.keys() - {"schema"}:
        problems.append(f"{where}{key}: unknown key.{closest(str(key), known)} Allowed: {', '.join(known)}.")
    values = {}
    for name, kind in known.items():
        value = data.get(name, dataclasses.MISSING)
        if value is dataclasses.MISSING:
            if name in _required(cls):
                problems.append(f"{where}{name}: missing.")
        elif kind is type(value) and kind in _EXACT:
            # Nearly all values of a long file; the general way takes ten times as long.
            values[name] = value
        else:
            values[name] = _convert(kind, value, f"{where}{name}", problems)
    if len(problems) > before:
        return None
    try:
        return cls(**values)
    except ConfigError as error:
        problems.extend(f"{where}{line}" for line in error.message.splitlines())
        return None


def _convert(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            if type(None) in arguments:
                return None
            problems.append(f"{where}: must not be empty.")
            return None
        options = [option for option in arguments if option is not type(None)]
        attempts: list[list[str]] = []
        for option in options:
            attempts.append([])
            converted = _convert(option, value, where, attempts[-1])
            if not attempts[-1]:
                return converted
        problems.extend(_joined(attempts, where, value))
        return None
    if origin is Literal:
        # YAML 1.1 reads the words on and off as true and false.
        word = {True: "on", False: "off"}.get(value) if isinstance(value, bool) else None
        if word in arguments:
            return word
        if value not in arguments:
            names = [str(argument) for argument in arguments]
            problems.append(
                f"{where}: must be one of {', '.join(names)}.{closest(str(value), names)} Received: {value!r}."
            )
        return value
    if origin in (tuple, list):
        return _convert_sequence(kind, value, where, problems)
    if origin in (dict, Mapping) or origin is typing.get_origin(Mapping[str, int]):
        if not isinstance(value, Mapping):
            problems.append(f"{where}: must be a mapping. Received: {value!r}.")
            return None
        return {key: _convert(arguments[1], item, f"{where}.{key}", problems) for key, item in value.items()}
    if isinstance(kind, type) and issubclass(kind, Record):
        return _read_record(kind, value, f"{where}.", problems)
    return _convert_scalar(kind, value, where, problems)


def _joined(attempts: list[list[str]], where: str, value: Any) -> list[str]:
    """Tell in one line what a value of several kinds may be, or in full what the last kind had to object."""
    begin = f"{where}: must be "
    lines = [attempt[0] for attempt in attempts]
    if len(attempts) == 1 or any(len(item) > 1 or not item[0].startswith(begin) for item in attempts):
        return attempts[-1]
    kinds = [line.removeprefix(begin).partition(". Received: ")[0] for line in lines]
    return [f"{begin}{' or '.join(kinds)}. Received: {value!r}."]


def _convert_sequence(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    arguments = typing.get_args(kind)
    if isinstance(value, str) or not isinstance(value, (list, tuple)):
        problems.append(f"{where}: must be a list. Received: {value!r}.")
        return ()
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        item_types: tuple[Any, ...] = (arguments[0],) * len(value)
    else:
        item_types = arguments
    if len(item_types) != len(value):
        problems.append(f"{where}: must have {len(item_types)} items. Received: {value!r}.")
        return ()
    return tuple(
        _convert(item_type, item, f"{where}[{index}]", problems)
        for index, (item_type, item) in enumerate(zip(item_types, value, strict=True))
    )


def _convert_scalar(kind: Any, value: Any, where: str, problems: list[str]) -> Any:
    if kind is Any:
        return value
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if kind is float and value is None:
        return math.nan
    if kind is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind in (str, bool) and isinstance(value, kind):
        return value
    problems.append(f"{where}: must be {getattr(kind, '__name__', kind)}. Received: {value!r}.")
    return None
