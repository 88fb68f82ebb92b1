"""What is searched: settings of a run with the values they may take."""

from __future__ import annotations

import dataclasses
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tfl.backbones import BackboneInfo
from tfl.core.config import RunConfig, flatten, resolve_config
from tfl.core.errors import ConfigError, closest
from tfl.core.records import Record, field_types
from tfl.core.train_config import TrainConfig
from tfl.settings import settle
from tfl.tasks import TASKS

if TYPE_CHECKING:
    import optuna

Kind = Literal["choice", "float", "int"]
Scalar = str | int | float | bool | None
#: Only these change the training and leave the data, and so the split that judges, alone.
_SECTIONS = ("train", "model", "augment")
#: Backbones with fewer weights have few layers worth thawing.
_SMALL_PARAMETERS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Parameter(Record):
    """One setting that is searched.

    Attributes:
        name: Dotted, such as `train.learning_rate`.
        kind: `choice`, or a range of `float` or `int`, both ends included.
        choices: Of a choice.
        low: Of a range.
        high: Of a range.
        scale: `log` draws evenly over orders of magnitude.
        when: Searched only where this setting is not 0; empty for always.
    """

    name: str
    kind: Kind
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    scale: Literal["linear", "log"] = "linear"
    when: str = ""

    @property
    def ends(self) -> tuple[Any, ...]:
        """All choices, or both ends."""
        return self.choices if self.kind == "choice" else (self.number(self.low), self.number(self.high))

    def number(self, value: float) -> float | int:
        """Return a value of a range in its type."""
        return int(value) if self.kind == "int" else value

    def suggest(self, trial: optuna.Trial) -> Any:
        """Let a trial draw a value."""
        if self.kind == "choice":
            return trial.suggest_categorical(self.name, list(self.choices))
        if self.kind == "int":
            return trial.suggest_int(self.name, int(self.low), int(self.high), log=self.scale == "log")
        return trial.suggest_float(self.name, self.low, self.high, log=self.scale == "log")

    def allows(self, value: Any) -> bool:
        """Say whether a value is in the range or among the choices."""
        if self.kind == "choice":
            return value in self.choices
        return isinstance(value, (int, float)) and self.low <= value <= self.high


def _range(name: str, low: float, high: float, *, log: bool = False, when: str = "", kind: Kind = "float") -> Parameter:
    # As they come back from JSON: a study is known by a digest of its record.
    low, high = float(low), float(high)
    return Parameter(name=name, kind=kind, low=low, high=high, scale="log" if log else "linear", when=when)


def default_space(task: str, backbone: BackboneInfo) -> tuple[Parameter, ...]:
    """Return what is searched where nothing else is said.

    Args:
        task: Name of the task.
        backbone: Its size decides how deep the second stage may reach.

    Raises:
        ConfigError: There is no default space for the task.
    """
    own = TASKS.get(task).space
    if own:
        return parse_space(own)
    if task != "image_classification":
        raise ConfigError(f"There is no default space for the task '{task}'; name what to search with --space.")
    small = backbone.parameters is not None and backbone.parameters < _SMALL_PARAMETERS
    fine_tune = "train.fine_tune_epochs"
    space = [
        _range("train.learning_rate", 1e-4, 3e-2, log=True),
        _range("model.dropout", 0.0, 0.6),
        Parameter(name="train.augmentation", kind="choice", choices=("none", "light", "standard")),
        Parameter(name="model.resize", kind="choice", choices=("crop", "squish", "pad")),
        Parameter(name=fine_tune, kind="choice", choices=(0, 10)),
        _range("train.fine_tune_layers", 4, 20 if small else 80, kind="int", log=True, when=fine_tune),
        _range("train.fine_tune_learning_rate", 1e-5, 1e-3, log=True, when=fine_tune),
    ]
    if any(field.name == "weight_decay" for field in dataclasses.fields(TrainConfig)):
        space.append(_range("train.weight_decay", 1e-6, 1e-2, log=True))
    return tuple(space)


def parse_space(texts: Sequence[str]) -> tuple[Parameter, ...]:
    """Read `train.learning_rate=1e-4:1e-1:log`, `model.dropout=0:0.5` and `train.augmentation=none,light`.

    Raises:
        ConfigError: All that are not written so, or name no setting of `train`, `model` or `augment`, at once.
    """
    parameters, problems = [], []
    for text in texts:
        try:
            parameters.append(_parse(text))
        except ConfigError as error:
            problems.append(error.message)
    names = [item.name for item in parameters]
    problems += [f"--space {name}: named twice." for name in sorted({name for name in names if names.count(name) > 1})]
    if problems:
        raise ConfigError("\n".join(problems), hint="Write NAME=LOW:HIGH, NAME=LOW:HIGH:log or NAME=CHOICE,CHOICE.")
    return tuple(parameters)


def _parse(text: str) -> Parameter:
    import yaml

    name, equals, values = (part.strip() for part in text.partition("="))
    kinds = _setting_types()
    if not equals or not values:
        raise ConfigError(f"--space '{text}': must be NAME=VALUES.")
    if name not in kinds:
        allowed = [key for key in kinds if key.partition(".")[0] == name.partition(".")[0]] or list(kinds)
        raise ConfigError(
            f"--space {name}: no setting that can be searched.{closest(name, kinds)} Allowed: {', '.join(allowed)}."
        )
    if ":" not in values:
        try:
            choices = tuple(yaml.safe_load(item) for item in values.split(","))
        except yaml.YAMLError as error:
            raise ConfigError(f"--space {name}: a choice is not YAML: {error}") from error
        return Parameter(name=name, kind="choice", choices=tuple(_number_or_same(item) for item in choices))
    return _parse_range(name, values, is_int=kinds[name] == "int")


def _number_or_same(value: Any) -> Any:
    """YAML takes 1e-4 for a word."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _parse_range(name: str, values: str, *, is_int: bool) -> Parameter:
    low_text, high_text, *rest = values.split(":")
    try:
        low, high = float(low_text), float(high_text)
    except ValueError:
        raise ConfigError(f"--space {name}: the ends of a range must be numbers. Received: '{values}'.") from None
    wrong = [
        (len(rest) > 1 or (rest and rest[0] not in ("log", "linear")), "after the ends only ':log' or ':linear'"),
        (not (math.isfinite(low) and math.isfinite(high)) or low >= high, "the low end must be below the high end"),
        (rest == ["log"] and low <= 0.0, "a logarithmic range must begin above 0"),
        (is_int and (low != int(low) or high != int(high)), "the setting takes whole numbers"),
    ]
    reasons = [reason for is_wrong, reason in wrong if is_wrong]
    if reasons:
        raise ConfigError(f"--space {name}: {'; '.join(reasons)}. Received: '{values}'.")
    return _range(name, low, high, log=rest == ["log"], kind="int" if is_int else "float")


def _setting_types() -> dict[str, str]:
    """Map every setting that can be searched to `int`, `float` or `other`."""
    found = {}
    for section in _SECTIONS:
        for field, kind in field_types(type(getattr(RunConfig(), section))).items():
            options = typing.get_args(kind) or (kind,)
            found[f"{section}.{field}"] = "float" if float in options else "int" if int in options else "other"
    return found


def resolve_space(
    base: RunConfig, texts: Sequence[str], *, backbone: BackboneInfo, only_named: bool = False
) -> tuple[Parameter, ...]:
    """Lay the named parameters over the default ones and check every value.

    What the config sets to something else than its default is not searched, unless it is named.

    Args:
        base: Everything that is not searched.
        texts: As `parse_space` reads them.
        backbone: Decides some default ranges.
        only_named: Leave the default space out.

    Raises:
        ConfigError: A parameter is written wrongly, or a value is not allowed; all at once.
    """
    named = {item.name: item for item in parse_space(texts)}
    usual = settle({}, {"task": base.task, "model.backbone": base.model.backbone})
    given, default = flatten(base.to_dict()), flatten(usual.to_dict())
    space = dict(named)
    if not only_named:
        for item in default_space(base.task, backbone):
            if item.name not in named and given[item.name] == default[item.name]:
                space[item.name] = item
    space = {
        name: dataclasses.replace(item, when="") if item.when not in space and given.get(item.when) else item
        for name, item in space.items()
        if not item.when or item.when in space or given[item.when]
    }
    if not space:
        raise ConfigError("There is nothing to search.", hint="Name a range: --space train.learning_rate=1e-4:1e-1:log")
    problems = []
    for item in space.values():
        for value in item.ends:
            try:
                with_values(base, {item.name: value})
            except ConfigError as error:
                problems.append(f"--space {item.name}={value}: {error.message}")
    if problems:
        raise ConfigError("\n".join(dict.fromkeys(problems)))
    # What others depend on is drawn first.
    return tuple(sorted(space.values(), key=lambda item: bool(item.when)))


def with_values(base: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """Return the config with other values of some settings.

    Raises:
        ConfigError: A value is not allowed.
    """
    return resolve_config(base.to_dict(), values)


def draw(trial: optuna.Trial, space: Sequence[Parameter]) -> dict[str, Any]:
    """Let a trial draw every parameter that matters given the others."""
    values: dict[str, Any] = {}
    for item in space:
        if not item.when or values.get(item.when):
            values[item.name] = item.suggest(trial)
    return values


def first_values(base: RunConfig, space: Sequence[Parameter], *, resize: str | None) -> dict[str, Any]:
    """Return the base config's own values where the space allows them, to be tried first.

    Args:
        base: The config.
        space: What is searched.
        resize: The backbone's own way, which stands where the config names none.
    """
    given = flatten(base.to_dict())
    given["model.resize"] = given["model.resize"] or resize
    values = {item.name: given[item.name] for item in space if item.allows(given[item.name])}
    return {item.name: values[item.name] for item in space if item.name in values and values.get(item.when, True)}
