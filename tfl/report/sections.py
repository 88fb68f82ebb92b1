"""Sections that only some runs have: cross-validation, and the search that the settings come from."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfl.report.facts import Facts
from tfl.report.parts import Figure, Row, Section, Table
from tfl.report.study import HISTORY_CHART, IMPORTANCE_CHART, LEAST_FOR_IMPORTANCE, TuneResult, trial_head, trial_rows
from tfl.report.tables import NONE

_MOST_TRIALS = 15
_MOST_CONFUSED = 10
_MOST_FOLDS = 50


def more_sections(facts: Facts) -> list[Section]:
    """Return the sections that the run's records ask for."""
    return [section for section in (_fold_section(facts), _search_section(facts)) if section is not None]


def _fold_section(facts: Facts) -> Section | None:
    nouns = facts.data.nouns
    result = facts.folds
    if result is None:
        return None
    values = [item.metric for item in result.folds]
    repeats = f" in {result.repeats} repeats" if result.repeats > 1 else ""
    words = [
        f"The recipe was trained anew {len(values)} times ({result.k} folds{repeats}), each time without the {nouns}"
        f" that were scored. Its {result.metric_name} is {result.mean:.1%} on average"
        f" ({result.confidence * 100:g} % interval {result.low:.1%} to {result.high:.1%}); the folds lie between"
        f" {min(values):.1%} and {max(values):.1%}. It stands on {result.sample_count} {nouns}; the test split"
        " took no part.",
        *_against_test(facts),
    ]
    tables = [_fold_table(facts)]
    scores = facts.fold_scores
    if scores is not None and scores.most_confused:
        rows = tuple(
            Row("", (pair.truth, pair.predicted, f"{pair.count}")) for pair in scores.most_confused[:_MOST_CONFUSED]
        )
        caption = f"Most confused in {scores.sample_count} out-of-fold answers"
        tables.append(Table(caption, ("true class", "taken for", "times"), rows))
    figures = tuple(
        Figure(
            plot.title,
            plot.description,
            path := facts.folder.folds_dir / plot.file,
            plot.missing or ("" if path.is_file() else "the file is not there any more"),
        )
        for plot in facts.fold_plots
    )
    return Section("folds", "Cross-validation", tuple(words), tuple(tables), figures, (result.caveat,))


def _against_test(facts: Facts) -> list[str]:
    """Say whether the run's own model does what the folds promise."""
    result, scores = facts.folds, facts.evaluation
    if result is None or scores is None or result.metric_name != "accuracy":
        return []
    apart = scores.accuracy_high < result.low or scores.accuracy_low > result.high
    judgement = (
        "The intervals do not meet: the test split is easier or harder than the rest of the data, or differs from it."
        if apart
        else "The intervals meet, so the two do not contradict each other."
    )
    return [
        f"The run's own model, trained once on the training split, has {scores.accuracy:.1%} on the test split"
        f" ({scores.accuracy_low:.1%} to {scores.accuracy_high:.1%}). {judgement}"
    ]


def _fold_table(facts: Facts) -> Table:
    result = facts.folds
    if result is None:
        return Table("", (), ())
    head = ("repeat", "fold", result.metric_name, "log loss", "learned from", "chose the epoch", "scored", "epoch kept")
    rows = [
        Row(
            "",
            (
                f"{item.repeat + 1}",
                f"{item.fold + 1}",
                f"{item.metric:.4f}",
                f"{item.log_loss:.4f}",
                f"{item.train_samples}",
                f"{item.validation_samples}",
                f"{item.scored_samples}",
                ", ".join(f"{name} {epoch}" for name, epoch in item.best_epochs.items()),
            ),
        )
        for item in result.folds[:_MOST_FOLDS]
    ]
    losses = [item.log_loss for item in result.folds]
    empty = ("",) * 4
    rows += [
        Row("total", ("mean", "", f"{result.mean:.4f}", f"{np.mean(losses):.4f}", *empty)),
        Row("total", ("deviation", "", f"{result.standard_deviation:.4f}", f"{np.std(losses, ddof=1):.4f}", *empty)),
    ]
    more = len(result.folds) - _MOST_FOLDS
    caption = "Every fold" if more <= 0 else f"The first {_MOST_FOLDS} folds ({more} more in cross_validation.json)"
    return Table(caption, head, tuple(rows))


def _search_section(facts: Facts) -> Section | None:
    nouns = facts.data.nouns
    if not facts.study:
        return None
    result = facts.search
    if result is None:
        told = (
            f"The settings come from the search {facts.study}, whose records were not at hand when this run began.",
        )
        return Section("search", "Search", told, (), ())
    states = {state: sum(item.state == state for item in result.trials) for state in ("complete", "pruned", "failed")}
    before = "" if result.first_value is None else f"; the settings as they were came to {result.first_value:.4f}"
    words = (
        f"The settings come from the search {result.study}: {len(result.trials)} trials, {states['complete']} complete,"
        f" {states['pruned']} ended early, {states['failed']} failed. Trial {result.best} was chosen, with a validation"
        f" {result.objective} of {result.best_value:.4f}{before}.",
        _same_splits(facts, result),
    )
    notes = (
        f"All trials were judged by the same {result.validation_samples} {nouns} of the validation split. The best of"
        " many on one split promises too much; the scores on the test split above do not.",
    )
    tables = (_chosen(facts, result), _trials(result))
    return Section("search", "Search", words, tables, _search_figures(facts, result), notes)


def _same_splits(facts: Facts, result: TuneResult) -> str:
    nouns = facts.data.nouns
    if facts.manifest is None or not result.data_fingerprint:
        return "Whether it was made on the same splits is not on record."
    if facts.has_search_splits:
        return f"It was made on the very splits of this run, so the test {nouns} chose none of the settings."
    return (
        f"It was made on other {nouns} or other splits than this run: some of this run's test {nouns} may have chosen"
        " its settings, and then its scores are too good."
    )


def _chosen(facts: Facts, result: TuneResult) -> Table:
    """Show each setting that was searched: before, as chosen, and as this run has it."""
    before = result.trials[0].params
    now = facts.record.settings if facts.record is not None else {}
    rows = []
    for name, value in result.best_params.items():
        changed = name in now and now[name] != value
        share = f"{result.importance[name]:.2f}" if name in result.importance else NONE
        values = (name, _shown(before.get(name)), _shown(value), _shown(now.get(name)), share)
        rows.append(Row("warning" if changed else "", values, "changed after the search" if changed else ""))
    head = ("setting", "as it was", "chosen", "in this run", "share of the variance")
    return Table("What was chosen", head, tuple(rows))


def _trials(result: TuneResult) -> Table:
    rows = trial_rows(result)
    shown = tuple(
        Row("chosen" if row[0] == str(result.best) else "", tuple(cell or NONE for cell in row))
        for row in rows[:_MOST_TRIALS]
    )
    count = len(rows)
    caption = (
        f"The best {_MOST_TRIALS} of {count} trials (all in search/result.json)" if count > _MOST_TRIALS else "Trials"
    )
    return Table(f"{caption}, best first", tuple(trial_head(result)), shown)


def _search_figures(facts: Facts, result: TuneResult) -> tuple[Figure, ...]:
    history, importance = (facts.folder.search_dir / name for name in (HISTORY_CHART, IMPORTANCE_CHART))
    few = f"it takes {LEAST_FOR_IMPORTANCE} complete trials that differ; {len(result.complete)} are complete"
    gone = "the file is not there any more"
    return (
        Figure(
            "How the search went",
            f"The validation {result.objective} of each complete trial, the best so far, and the one that was chosen.",
            history,
            "" if history.is_file() else gone,
        ),
        Figure(
            "What mattered",
            f"Share of the variance of the validation {result.objective} that each setting explains (fANOVA), among"
            " the settings that every trial draws.",
            importance,
            few if not result.importance else "" if importance.is_file() else gone,
        ),
    )


def _shown(value: Any) -> str:
    if value is None:
        return NONE
    return f"{value:.4g}" if isinstance(value, float) else str(value)
