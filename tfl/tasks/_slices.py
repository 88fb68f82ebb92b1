"""Where a model is weaker: its accuracy by the values of a column or a folder level."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from tfl.core.errors import UserError, closest
from tfl.core.extras import require
from tfl.data.manifest import Example
from tfl.tasks._classification import wilson_interval
from tfl.tasks._records import SliceScores

#: Under this many samples an interval spans a quarter of the scale and more.
SMALL = 30
#: Chance that any slice at all is said to differ when none does.
_SIGNIFICANCE = 0.05
_MISSING = "(none)"
_FOLDER = "folder:"
_OWN_COLUMNS = ("label", "group", "split")


def columns_of(examples: Sequence[Example]) -> list[str]:
    """List the columns that examples can be sliced by: the data's own, then label, group, split and folder levels."""
    names = sorted({name for example in examples for name in example.attributes})
    given = {"label": True, "group": any(item.group for item in examples)}
    given["split"] = any(item.given_split for item in examples)
    depth = max((example.path.count("/") for example in examples), default=0)
    return [*names, *(name for name in _OWN_COLUMNS if given[name]), *(f"{_FOLDER}{n + 1}" for n in range(depth))]


def require_columns(examples: Sequence[Example], by: Sequence[str]) -> None:
    """Raise unless examples can be sliced by every column.

    Raises:
        UserError: The data have no such column.
    """
    known = columns_of(examples)
    for column in by:
        if column not in known:
            raise UserError(
                f"The data have no column '{column}' to score by.{closest(column, known)}",
                hint=f"Allowed: {', '.join(known)}.",
            )


def slice_scores(examples: Sequence[Example], right: Sequence[bool], by: Sequence[str]) -> tuple[SliceScores, ...]:
    """Score each value of each column, the worst first.

    A slice is held against all other samples with Fisher's exact test; the p-values of all slices are adjusted
    by Holm's method (S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
    of Statistics 6, 1979), so that looking at many slices does not make one differ by chance.

    Args:
        examples: What was scored.
        right: Whether the answer to each was right.
        by: Columns, see `columns_of`.

    Raises:
        UserError: The data have no such column.
        MissingExtraError: scikit-learn, which brings SciPy, is not installed.
    """
    require_columns(examples, by)
    found: list[SliceScores] = []
    for column in dict.fromkeys(by):
        values: dict[str, list[bool]] = defaultdict(list)
        for example, hit in zip(examples, right, strict=True):
            values[_value(example, column)].append(bool(hit))
        found += [_score(column, value, hits, sum(right), len(right)) for value, hits in values.items()]
    return tuple(sorted(_adjusted(found), key=lambda item: (item.accuracy, -item.sample_count, item.value)))


def _value(example: Example, column: str) -> str:
    if column in example.attributes:
        return example.attributes[column] or _MISSING
    if column.startswith(_FOLDER):
        folders = example.path.split("/")[:-1]
        level = int(column.removeprefix(_FOLDER))
        return folders[level - 1] if level <= len(folders) else _MISSING
    return {"label": example.label, "group": example.group, "split": example.given_split}.get(column) or _MISSING


def _score(column: str, value: str, hits: Sequence[bool], all_right: int, everything: int) -> SliceScores:
    stats = require("scipy.stats", purpose="scoring by slices")
    count, right = len(hits), sum(hits)
    others, others_right = everything - count, all_right - right
    table = [[right, count - right], [others_right, others - others_right]]
    low, high = wilson_interval(right, count)
    return SliceScores(
        column=column,
        value=value,
        sample_count=count,
        accuracy=right / count,
        accuracy_low=low,
        accuracy_high=high,
        difference=right / count - all_right / everything,
        p_value=float(stats.fisher_exact(table).pvalue) if others else 1.0,
        differs=False,
        is_small=count < SMALL,
    )


def _adjusted(found: Sequence[SliceScores]) -> list[SliceScores]:
    """Replace the p-values by Holm's, which never fall from one to the next larger."""
    adjusted: list[SliceScores] = []
    largest = 0.0
    for rank, item in enumerate(sorted(found, key=lambda item: item.p_value)):
        largest = max(largest, min(1.0, item.p_value * (len(found) - rank)))
        adjusted.append(item.adjusted(largest, differs=largest < _SIGNIFICANCE))
    return adjusted
