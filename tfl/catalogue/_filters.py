"""Which entries are shown, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tfl.catalogue._entries import BYTES_PER_WEIGHT, ModelEntry
from tfl.core.errors import ConfigError, closest, unknown_name
from tfl.tasks import TASKS

#: What an unknown latency is called.
LATENCY = "latency here"

Keep = Callable[[ModelEntry], bool | None]


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What is shown. None and empty ask for nothing.

    Attributes:
        task: Only those made for this task's kind of input.
        licences: Only those under one of these, by SPDX identifier, in any case.
        max_parameters: Only those with at most so many weights.
        max_multiply_adds: Only those with at most so many per sample.
        max_bytes: Only those whose weights take at most so much in `precision`.
        min_score: Only those whose published score is at least this, in (0, 1].
        max_latency_ms: Only those measured on this machine with at most this.
        precision: That `max_bytes` is for: `fp32`, `fp16` or `int8`.
        offline: Only those that load now without a network.

    Raises:
        ConfigError: A limit is out of range; all problems at once.
        NotFoundError: There is no such task.
    """

    task: str | None = None
    licences: tuple[str, ...] = ()
    max_parameters: int | None = None
    max_multiply_adds: int | None = None
    max_bytes: float | None = None
    min_score: float | None = None
    max_latency_ms: float | None = None
    precision: str = "fp32"
    offline: bool = False

    def __post_init__(self) -> None:
        if self.task is not None and self.task not in TASKS.names():
            raise unknown_name("task", self.task, (*TASKS.names(), *TASKS.third_party_names()))
        limits = ("max_parameters", "max_multiply_adds", "max_bytes", "max_latency_ms")
        problems = [
            f"{name}: must be above 0. Received: {value}."
            for name in limits
            if (value := getattr(self, name)) is not None and not value > 0
        ]
        if self.min_score is not None and not 0 < self.min_score <= 1:
            problems.append(f"min_score: must be a share in (0, 1]. Received: {self.min_score}.")
        if self.precision not in BYTES_PER_WEIGHT:
            allowed = ", ".join(BYTES_PER_WEIGHT)
            problems.append(
                f"precision: must be one of {allowed}.{closest(self.precision, BYTES_PER_WEIGHT)}"
                f" Received: '{self.precision}'."
            )
        if problems:
            raise ConfigError("\n".join(problems))

    def limits(self) -> tuple[tuple[str, Keep], ...]:
        """Return what is asked for: a name, and a function that says yes, no, or None where it is not known."""
        asked: list[tuple[str, Keep]] = []
        if self.task is not None:
            kind = TASKS.get(self.task).kind
            asked.append(("task", lambda entry: _kind_of(entry) == kind))
        if self.licences:
            wanted = {licence.casefold() for licence in self.licences}
            asked.append(("licence", lambda entry: entry.licence.casefold() in wanted))
        if self.offline:
            asked.append(("offline", lambda entry: entry.available_offline))
        figures: tuple[tuple[str, Callable[[ModelEntry], float | None], float | None], ...] = (
            ("number of weights", lambda entry: entry.parameters, self.max_parameters),
            ("multiply-adds", lambda entry: entry.facts.multiply_adds, self.max_multiply_adds),
            ("size", lambda entry: entry.estimated_bytes.get(self.precision), self.max_bytes),
            (
                "latency here",
                lambda entry: entry.fastest.latency_ms_p50 if entry.fastest else None,
                self.max_latency_ms,
            ),
        )
        asked += [(name, _at_most(figure, limit)) for name, figure, limit in figures if limit is not None]
        if self.min_score is not None:
            least = self.min_score
            asked.append(("score", lambda entry: entry.score.value >= least if entry.score else None))
        return tuple(asked)


def select_entries(entries: Iterable[ModelEntry], filters: Filters) -> tuple[tuple[ModelEntry, ...], Mapping[str, int]]:
    """Return the entries that keep every limit, and by figure how many are left out only since it is not known.

    Args:
        entries: To choose from.
        filters: What is asked for.

    Raises:
        NotFoundError: No entry at all has a licence that was asked for.
    """
    entries = tuple(entries)
    licences = {entry.licence for entry in entries}
    for licence in filters.licences:
        if licence.casefold() not in {name.casefold() for name in licences}:
            raise unknown_name("licence", licence, licences)
    limits = filters.limits()
    kept, unknown = [], dict.fromkeys((name for name, _ in limits), 0)
    for entry in entries:
        answers = {name: keep(entry) for name, keep in limits}
        if all(answers.values()):
            kept.append(entry)
        elif not any(answer is False for answer in answers.values()):
            for name, answer in answers.items():
                unknown[name] += answer is None
    return tuple(kept), {name: count for name, count in unknown.items() if count}


def _at_most(figure: Callable[[ModelEntry], float | None], limit: float) -> Keep:
    def keep(entry: ModelEntry) -> bool | None:
        value = figure(entry)
        return None if value is None else value <= limit

    return keep


def _kind_of(entry: ModelEntry) -> str:
    return TASKS.get(entry.task).kind if entry.task in TASKS.names() else entry.task


def _score_key(entry: ModelEntry) -> tuple[str, float] | None:
    # Scores on different data do not compare, so they are sorted among themselves.
    return (entry.score.data, -entry.score.value) if entry.score else None


#: Name -> what is sorted by, the best first; None goes last.
_KEYS: Mapping[str, Callable[[ModelEntry], object]] = MappingProxyType(
    {
        "source": lambda entry: "",
        "name": lambda entry: entry.name.casefold(),
        "parameters": lambda entry: entry.parameters,
        "size": lambda entry: entry.estimated_bytes.get("fp32"),
        "multiply-adds": lambda entry: entry.facts.multiply_adds,
        "score": _score_key,
        "latency": lambda entry: entry.fastest.latency_ms_p50 if entry.fastest else None,
    }
)
SORT_KEYS = tuple(_KEYS)


def sort_entries(entries: Sequence[ModelEntry], key: str) -> tuple[ModelEntry, ...]:
    """Sort by one of `SORT_KEYS`; what has no such figure comes last, equal ones stay in their order.

    Raises:
        ConfigError: There is no such order.
    """
    if key not in _KEYS:
        raise ConfigError(f"sort: must be one of {', '.join(SORT_KEYS)}.{closest(key, SORT_KEYS)} Received: '{key}'.")
    figure = _KEYS[key]
    known = [entry for entry in entries if figure(entry) is not None]
    return (*sorted(known, key=figure), *(entry for entry in entries if figure(entry) is None))  # type: ignore[arg-type]
