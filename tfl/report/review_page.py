"""The review page: samples whose label is likely wrong or whose class is hard to tell, for a person to decide on."""

from __future__ import annotations

import shlex
from pathlib import Path

from tfl.data.kinds import KINDS, Kind
from tfl.data.relabel import KINDS as REVIEW_KINDS
from tfl.data.relabel import Review, ReviewItem
from tfl.report.cards import Card, NextStep, Page, Section

_TITLES = {
    "label_error": ("Labels that are likely wrong", "Models that never saw these {nouns} agree on another class."),
    "top_loss": ("Mistaken most surely", "The label may be right and the {noun} hard, or the other way round."),
    "low_confidence": ("Hard to tell", "No class is likely. More {nouns} like these would teach most."),
}


def review_page(review: Review, root: Path, table: Path, *, kind: str = "image") -> Page:
    """Lay out the items, the likeliest label errors first.

    Args:
        review: From `tfl.review.review_run`.
        root: The data's folder.
        table: The CSV file that a person fills in.
        kind: Of the data.
    """
    samples = KINDS.get(kind)
    share = review.label_errors / review.examples if review.examples else 0.0
    if review.label_errors:
        answer = f"{review.label_errors} of {review.examples} labels ({share:.1%}) are likely wrong."
    else:
        answer = f"None of {review.examples} labels looks wrong."
    return Page(
        title="Review of the labels",
        subtitle=f"{review.run}: {review.backbone}, {review.folds} folds, {review.accuracy:.3f} of labels confirmed",
        answer=answer,
        state="" if review.label_errors else "good",
        steps=(
            NextStep(
                f"Look at each {samples.noun}. Into the column decision of the table, write keep, accept (the "
                "suggestion), remove, or the name of a class; what stays empty stays as it is. Then make a new version "
                "of the data:",
                f"tfl data relabel apply {shlex.quote(str(table))}",
            ),
        ),
        sections=tuple(section for name in REVIEW_KINDS if (section := _section(name, review, root, samples)).cards),
    )


def _section(kind: str, review: Review, root: Path, samples: Kind) -> Section:
    items = [item for item in review.items if item.kind == kind]
    title, text = _TITLES[kind]
    text = text.format(noun=samples.noun, nouns=samples.nouns)
    cards = tuple(
        Card(
            (root / item.path,) if samples.is_drawn else (),
            item.path,
            _sentence(item),
            quotes=(item.text,) if item.text else (),
        )
        for item in items
    )
    return Section(kind, title, "", text, cards, max(len(items), review.label_errors if kind == "label_error" else 0))


def _sentence(item: ReviewItem) -> str:
    side = f" ({item.split})" if item.split else ""
    if item.label == item.suggested:
        return f"labelled {item.label}{side}, {item.probability:.0%} sure"
    return (
        f"labelled {item.label}{side} ({item.probability:.0%}), "
        f"looks like {item.suggested} ({item.suggested_probability:.0%})"
    )
