"""What a kind of data is."""

from __future__ import annotations

import abc
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfl.data.check.examine import Examiner

#: Characters of an excerpt.
EXCERPT = 400


class Kind(abc.ABC):
    """What one kind of data is made of. One file, one object called `KIND`."""

    #: What one sample is called, and several.
    noun: str
    nouns: str
    #: What a sample comes as, for the time from there to an answer.
    source: str
    #: What stands for a person's own sample in a command.
    example: str
    #: Where other samples may come from, on which a model can do worse.
    elsewhere: str
    #: The task that is learned on such data where no other is named.
    task: str
    #: Whether a sample is a picture, which is shown by drawing it.
    is_drawn: bool

    @abc.abstractmethod
    def examiner(self) -> Examiner[Any]:
        """Return what the data check looks at samples with; what is not installed is left out and told."""

    def excerpt(self, source: Path | str, *, most: int = EXCERPT) -> str:
        """Return the beginning of a sample as text, for a page or a table; empty where it has none.

        Args:
            source: A file, or the text itself.
            most: Characters.
        """
        return ""
