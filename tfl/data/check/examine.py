"""What the data check asks of each kind of data: to look at samples, to find near copies, and to judge."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from tfl.core.progress import Progress
from tfl.data.check.findings import Finding
from tfl.data.manifest import Example


@dataclass(frozen=True, slots=True)
class Seen(abc.ABC):
    """What one sample turned out to be; each kind of data adds what it looks for.

    Attributes:
        digest: SHA-256 of its bytes; empty where it can't be read or was not opened.
        faults: Rule and message of each finding about the sample alone.
    """

    digest: str
    faults: tuple[tuple[str, str], ...] = ()

    @property
    @abc.abstractmethod
    def is_usable(self) -> bool:
        """Whether something can be learned from it."""


S = TypeVar("S", bound=Seen)


class Examiner(abc.ABC, Generic[S]):
    """Looks at the samples of one kind of data. What needs a library that is not installed is left out and told."""

    #: How messages say that one sample is another: `has the same bytes as`.
    same: str

    @abc.abstractmethod
    def look_at_all(self, examples: Sequence[Example], root: Path, *, fresh: bool, progress: Progress) -> list[S]:
        """Describe every sample, in the order of the examples; what is wrong with one is a fault, never an error.

        Args:
            examples: Whose samples.
            root: The folder of their paths.
            fresh: Read files again that have not changed since an earlier check.
            progress: Told about every sample.
        """

    @abc.abstractmethod
    def near_groups(self, seen: Sequence[S]) -> list[tuple[int, ...]]:
        """Gather near copies among samples of which none is a copy of another.

        Returns:
            Indices of each group of two and more, sorted.
        """

    @abc.abstractmethod
    def judge(self, examples: Sequence[Example], seen: Sequence[S]) -> Iterator[Finding]:
        """Find what shows in comparison, or of all together."""

    @abc.abstractmethod
    def not_checked(self, seen: Sequence[S]) -> Iterator[Finding]:
        """Say what was not looked for, and why."""

    def copy_key(self, seen: S) -> str:
        """Return what copies have in common; the bytes, where a kind of data says nothing else."""
        return seen.digest

    def attributes(self, seen: S) -> dict[str, str]:
        """Return what is worth scoring by, such as the length of a text."""
        return {}
