"""After training: which labels are likely wrong, which pictures are hard, as a table and a page for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from tfl.core.config import RunConfig, load_config
from tfl.core.errors import UserError
from tfl.core.extras import require, require_installed
from tfl.core.files import write_text
from tfl.core.notebook import default_progress
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.check import CheckReport
from tfl.data.folds import k_folds
from tfl.data.kinds import KINDS
from tfl.data.manifest import Manifest
from tfl.data.relabel import Kind, Review, ReviewItem, write_table
from tfl.data.units import make_units
from tfl.report.cards import render_cards
from tfl.report.review_page import review_page
from tfl.training.cross_validated import Doubles, cross_validated_probabilities, judging_features
from tfl.training.cross_validation import PREDICTIONS_FILE, RECORD_FILE, CrossValidation, Predictions

#: Below, no class is likely.
_LOW_CONFIDENCE = 0.6
REVIEW_FILE, TABLE_FILE, PAGE_FILE = "review.json", "review.csv", "review.html"


def review_run(
    folder: RunFolder,
    *,
    folds: int = 5,
    most: int = 50,
    seed: int = 0,
    judge: Literal["auto", "probe"] = "auto",
    progress: Progress | None = None,
) -> Review:
    """Judge every label of a run's data by models that have not seen the picture.

    A run that was cross-validated has such judgements already: out-of-fold answers for what was folded, and the run's
    own model's answers for the test split, which it has not seen either. Else features of the run's backbone as it
    came are computed once (of one that knows nothing yet the identifiers are counted), and a linear head is learned
    for each fold, copies and groups staying together. Cleanlab compares the out-of-sample probabilities with the
    labels. Writes `review.json`, `review.csv`, with a column for decisions, and `review.html` into the run's folder
    `review`.

    Args:
        folder: The run.
        folds: How many times the data are cut, at least 2; fewer where a class has fewer different pictures.
        most: How many items of each kind are listed.
        seed: Of the cut.
        judge: `auto` takes the run's own out-of-fold answers where there are any, `probe` always learns linear heads.
        progress: Told what happens.

    Raises:
        MissingExtraError: cleanlab is not installed.
        UserError: The run has no data yet, or its pictures are gone.
    """
    progress = progress or default_progress()
    require_installed("cleanlab", purpose="finding label errors")
    if not folder.manifest_file.is_file():
        raise UserError(f"{folder.path} has no data yet.", hint="Let it get through its check: --resume")
    manifest = Manifest.load(folder.manifest_file)
    if not manifest.is_at_hand:
        raise UserError(f"Pictures of {folder.path} are not below {manifest.root} any more.", hint="Put them back.")
    config = load_config(folder)
    groups = CheckReport.load(folder.check_file).duplicate_groups
    known = _out_of_fold(folder, manifest) if judge == "auto" else None
    if known is not None:
        return _write(folder, manifest, known[0], known[1], config, k=known[2], most=most, judged_by="training")
    # All are judged, whatever side they were on: errors among the scored ones matter most.
    free = _judgeable(
        replace(manifest, examples=tuple(replace(item, split=None, given_split=None) for item in manifest.examples)),
        groups,
    )
    smallest = min(_different(free, groups).values())
    k = max(2, min(folds, smallest))
    features = judging_features(free, config, folder.path / "review" / "work", progress=progress)
    cut = k_folds(free, k, seed=seed, duplicate_groups=groups)
    probabilities = cross_validated_probabilities(free, features, cut, progress=progress)
    return _write(folder, manifest, free, probabilities, config, k=k, most=most, judged_by="probe")


def _out_of_fold(folder: RunFolder, manifest: Manifest) -> tuple[Manifest, Doubles, int] | None:
    """Gather what models that have not seen them said of the examples, or None where the run has no folds."""
    record_file = folder.folds_dir / RECORD_FILE
    if not record_file.is_file():
        return None
    record = CrossValidation.load(record_file)
    if record.data_fingerprint != manifest.fingerprint:
        return None
    files = [folder.folds_dir / PREDICTIONS_FILE, folder.predictions_file]
    answers = {
        path: output
        for predictions in (Predictions.load(file) for file in files if file.is_file())
        for path, output in zip(predictions.paths, predictions.outputs, strict=True)
    }
    judged = replace(manifest, examples=tuple(item for item in manifest.examples if item.path in answers))
    rows = np.asarray([answers[item.path] for item in judged.examples], dtype=np.float64)
    probabilities: Doubles = rows / rows.sum(axis=1, keepdims=True)
    return judged, probabilities, record.k


def _write(
    folder: RunFolder,
    manifest: Manifest,
    judged: Manifest,
    probabilities: Doubles,
    config: RunConfig,
    *,
    k: int,
    most: int,
    judged_by: Literal["probe", "training"],
) -> Review:
    sides = {item.path: item.split or "" for item in manifest.examples}
    review = _judge(judged, probabilities, folder, config, k, most, manifest.fingerprint, sides)
    review = replace(review, judged_by=judged_by)
    place = folder.path / "review"
    review.save(place / REVIEW_FILE)
    write_table(review.items, place / TABLE_FILE)
    page = review_page(review, Path(manifest.root), place / TABLE_FILE, kind=manifest.kind)
    write_text(place / PAGE_FILE, render_cards(page))
    return review


def _different(manifest: Manifest, groups: tuple[tuple[str, ...], ...]) -> Counter[str]:
    return Counter(label for unit in make_units(manifest.examples, groups) for label in unit.labels)


def _judgeable(manifest: Manifest, groups: tuple[tuple[str, ...], ...]) -> Manifest:
    """Leave out classes of one picture, of which nothing is left to learn from when it is judged."""
    counts = _different(manifest, groups)
    labels = tuple(label for label in manifest.labels if counts[label] >= 2)
    if len(labels) < 2:
        raise UserError("Fewer than two classes have two different samples, so no label can be judged.")
    kept = tuple(item for item in manifest.examples if item.label in labels)
    return replace(manifest, examples=kept, labels=labels)


def _judge(
    manifest: Manifest,
    probabilities: Doubles,
    folder: RunFolder,
    config: RunConfig,
    k: int,
    most: int,
    fingerprint: str,
    sides: Mapping[str, str],
) -> Review:
    labels = np.asarray(manifest.label_indices(manifest.examples))
    of_label = probabilities[np.arange(len(labels)), labels]
    suggested = probabilities.argmax(axis=1)
    find = require("cleanlab.filter", purpose="finding label errors").find_label_issues
    errors = find(labels, probabilities, return_indices_ranked_by="self_confidence", n_jobs=1)
    wrong = np.flatnonzero(suggested != labels)
    losses = wrong[np.argsort(of_label[wrong], kind="stable")]
    likely = probabilities.max(axis=1)
    unsure = np.argsort(likely, kind="stable")
    unsure = unsure[likely[unsure] < _LOW_CONFIDENCE]
    told: set[int] = set()
    items: list[ReviewItem] = []
    kinds: tuple[tuple[Kind, np.ndarray], ...] = (
        ("label_error", np.asarray(errors)),
        ("top_loss", losses),
        ("low_confidence", unsure),
    )
    for kind, indices in kinds:
        chosen = [int(index) for index in indices if int(index) not in told][:most]
        told.update(chosen)
        for index in chosen:
            example = manifest.examples[index]
            items.append(
                ReviewItem(
                    path=example.path,
                    label=example.label,
                    suggested=manifest.labels[suggested[index]],
                    kind=kind,
                    probability=round(float(of_label[index]), 4),
                    suggested_probability=round(float(likely[index]), 4),
                    sha256=example.sha256,
                    split=sides[example.path],
                    text=KINDS.get(manifest.kind).excerpt(example.source(Path(manifest.root))),
                )
            )
    return Review(
        run=str(folder.path),
        data_fingerprint=fingerprint,
        backbone=config.model.backbone,
        folds=k,
        examples=len(labels),
        accuracy=float((suggested == labels).mean()),
        label_errors=len(errors),
        items=tuple(items),
    )
