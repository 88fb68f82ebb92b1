"""What a task is."""

from __future__ import annotations

import abc
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from tfl.core.records import Record
from tfl.core.tables import CELL, caption_of
from tfl.data.contract import Floats
from tfl.data.kinds import KINDS, Kind
from tfl.tasks._records import Evaluation

if TYPE_CHECKING:
    import keras


#: How many classes a notebook shows of an answer.
_RANKED = 20


@dataclass(frozen=True, kw_only=True)
class ScoredLabel(Record):
    """A class and its probability in [0, 1]."""

    label: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class Prediction(Record):
    """The answer for one input.

    Attributes:
        source: The file, or what the caller named the input.
        label: The most probable class.
        probability: Its probability, in [0, 1].
        ranking: The most probable classes, falling.
    """

    source: str
    label: str
    probability: float
    ranking: tuple[ScoredLabel, ...]

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row' {CELL}><bdi>{html.escape(item.label)}</bdi></th>"
            f"<td {CELL}><meter min='0' max='1' value='{item.probability:.4f}' aria-label='probability'></meter></td>"
            f"<td {CELL}>{item.probability:.1%}</td></tr>"
            for item in self.ranking[:_RANKED]
        )
        return f"<table>{caption_of(self.source)}<tbody>{rows}</tbody></table>"


class Task(abc.ABC):
    """How one kind of question is learned, scored and answered. One file, one object called `TASK`."""

    #: The plug-in's own name.
    name: str
    #: One line for lists.
    summary: str
    #: Name of the kind of data that it is learned on.
    kind: str
    #: Dotted setting -> value, where the task's default is another than the setting's own.
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    #: The field of the evaluation that decides, larger is better.
    metric: str

    #: What a search tries where nothing else is said, written as `tfl tune --space` takes it.
    space: tuple[str, ...] = ()

    @property
    def data(self) -> Kind:
        """The kind of data that it is learned on."""
        return KINDS.get(self.kind)

    @abc.abstractmethod
    def build_head(self, feature_size: int, label_count: int, *, dropout: float, seed: int) -> keras.Model:
        """Build the trainable head: `(batch, feature_size)` -> `(batch, label_count)` float32 probabilities."""

    @abc.abstractmethod
    def score(
        self,
        truth: Sequence[int],
        outputs: Floats,
        *,
        labels: Sequence[str],
        paths: Sequence[str],
        split: str,
        model: str,
    ) -> Evaluation:
        """Score outputs `(samples, classes)` against the true class indices."""

    @abc.abstractmethod
    def metric_of(self, truth: Sequence[int], outputs: Floats) -> float:
        """Return the deciding metric alone, without the libraries that `score` needs."""

    @abc.abstractmethod
    def decode(self, output: Floats, labels: Sequence[str], *, source: str, top: int = 5) -> Prediction:
        """Turn one output `(classes,)` into an answer."""
