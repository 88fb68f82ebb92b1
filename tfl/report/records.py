"""Which pictures a run has, and why it lacks others."""

from __future__ import annotations

from dataclasses import dataclass

from tfl.core.records import Record

PLOTS_FILE = "plots.json"
#: `Evaluation` of the answers of a cross-validation.
SCORES_FILE = "out_of_fold.json"


@dataclass(frozen=True, kw_only=True)
class Plot(Record):
    """One plot of an evaluation.

    Attributes:
        name: Such as `confusion`; the file is `<name>.png`.
        title: As the report heads it.
        description: What it shows, for those who can't see it, too.
        missing: Why there is no file, or empty.
    """

    name: str
    title: str
    description: str
    missing: str = ""

    @property
    def file(self) -> str:
        """The name of the PNG in the folder of evaluations."""
        return f"{self.name}.png"


@dataclass(frozen=True, kw_only=True)
class Plots(Record):
    """All plots of an evaluation, in the order of the report."""

    plots: tuple[Plot, ...]
