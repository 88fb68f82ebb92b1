"""What labels are judged by where the backbone knows nothing yet."""

import dataclasses

import numpy as np
import pytest

from tests.texts import sentences, write_table
from tfl.core.config import resolve_config
from tfl.core.progress import Progress
from tfl.data.check import check
from tfl.data.folds import k_folds
from tfl.data.loading import read_manifest
from tfl.training.cross_validated import cross_validated_probabilities, judging_features

pytest.importorskip("sklearn")


def test_planted_labels_of_texts_are_told_without_a_trained_backbone(tmp_path):
    _, manifest = check(read_manifest(write_table(tmp_path / "texts.csv", sentences(40))))
    planted = (3, 47, 90)
    examples = [
        dataclasses.replace(item, label=manifest.labels[(manifest.labels.index(item.label) + 1) % 3])
        if place in planted
        else item
        for place, item in enumerate(manifest.examples)
    ]
    manifest = dataclasses.replace(manifest, examples=tuple(examples))
    config = resolve_config({}, {"task": "text_classification", "model.backbone": "embedded:ngrams"})
    counts = judging_features(manifest, config, tmp_path / "work", progress=Progress())
    assert counts.shape[0] == 120
    assert not (tmp_path / "work").exists()
    probabilities = cross_validated_probabilities(manifest, counts, k_folds(manifest, 4, seed=0), progress=Progress())
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    given = manifest.label_indices(manifest.examples)
    least = np.argsort(probabilities[np.arange(120), given], kind="stable")
    assert set(least[:3].tolist()) == set(planted)
