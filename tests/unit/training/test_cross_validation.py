"""Cross-validation: its interval against numbers worked by hand, its record, its cuts."""

import dataclasses
import math

import numpy as np
import pytest

from tests.conftest import draw_classes
from tfl.core.config import resolve_config
from tfl.core.errors import ConfigError, DataError, IntegrityError
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.data.check import check
from tfl.data.folds import k_folds
from tfl.data.loading import read_manifest
from tfl.data.manifest import Manifest
from tfl.data.split import assign_splits
from tfl.training.cross_validation import (
    CrossValidation,
    Predictions,
    _manifest_of,
    corrected_interval,
    cross_validate_run,
)

QUICK = {"train.epochs": 12, "train.augmentation": "none", "train.precision": "float32", "model.image_size": 32}


@pytest.fixture(scope="module")
def manifest(colours):
    report, manifest = check(read_manifest(str(colours)))
    return assign_splits(manifest, duplicate_groups=report.duplicate_groups)


def test_the_interval_is_that_of_nadeau_and_bengio():
    # t(0.975, 4) = 2.776445; S = 0.0158114 of these five.
    mean, deviation, low, high = corrected_interval([0.80, 0.82, 0.84, 0.81, 0.83], test_to_train=0.25)
    half = 2.776445 * math.sqrt((1 / 5 + 1 / 4) * 0.00025)
    assert (mean, deviation) == pytest.approx((0.82, math.sqrt(0.00025)))
    assert (low, high) == pytest.approx((0.82 - half, 0.82 + half), abs=1e-6)
    assert corrected_interval([1.0, 0.9], test_to_train=1.0)[2:] == (0.0, 1.0)


def test_what_a_fold_scores_chooses_nothing(manifest):
    free = dataclasses.replace(manifest, examples=tuple(item for item in manifest.examples if item.split != "test"))
    config = resolve_config({}, {})
    scored = []
    for cut in k_folds(free, 3):
        made = _manifest_of(free, cut, config, ())
        assert {item.path for item in made.of_split("test")} == set(cut.validation)
        assert made.of_split("validation")
        assert made.of_split("train")
        scored += [item.path for item in made.of_split("test")]
    assert sorted(scored) == sorted(item.path for item in free.examples)
    assert not set(scored) & {item.path for item in manifest.of_split("test")}


def test_predictions_come_back_and_damage_is_told(tmp_path):
    given = Predictions(("a/1.png", "b/2.png"), (0, 1), np.asarray([[0.75, 0.25], [0.5, 0.5]], dtype=np.float32))
    given.save(tmp_path / "p.npz")
    again = Predictions.load(tmp_path / "p.npz")
    assert (again.paths, again.truth) == (given.paths, given.truth)
    np.testing.assert_array_equal(again.outputs, given.outputs)
    (tmp_path / "p.npz").write_bytes(b"PK")
    with pytest.raises(IntegrityError, match="does not hold predictions"):
        Predictions.load(tmp_path / "p.npz")


@pytest.mark.parametrize(("values", "word"), [({"folds": 1}, "folds"), ({"repeats": 0}, "repeats")])
def test_settings_out_of_range_are_told(values, word):
    with pytest.raises(ConfigError, match=word):
        resolve_config({}, {f"cross_validation.{name}": value for name, value in values.items()})


def test_too_few_pictures_for_the_folds_are_told_before_any_training(tmp_path, manifest):
    config = resolve_config({}, {"cross_validation.folds": 40, **QUICK})
    with pytest.raises(DataError, match="at least 40 different pictures"):
        cross_validate_run(manifest, config, RunFolder(tmp_path), progress=Progress())
    assert not (tmp_path / "folds").exists()


class Stopping(Progress):
    """Ends everything after a number of folds, as a kill would."""

    def __init__(self, folds):
        super().__init__()
        self.left = folds
        self.trained = 0

    def result(self, text):
        if text.startswith("fold "):
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


@pytest.mark.slow
def test_a_cross_validation_is_whole_and_goes_on_where_it_stopped(tmp_path, manifest):
    pytest.importorskip("tensorflow")
    config = resolve_config({}, {"cross_validation.folds": 3, **QUICK})
    with pytest.raises(KeyboardInterrupt):
        cross_validate_run(manifest, config, RunFolder(tmp_path), progress=Stopping(1))
    first = tmp_path / "folds" / "repeat-0-fold-0" / "fold.json"
    before = first.stat().st_mtime_ns
    assert not (tmp_path / "folds" / "cross_validation.json").exists()
    result = cross_validate_run(manifest, config, RunFolder(tmp_path), progress=Progress())
    assert first.stat().st_mtime_ns == before
    assert CrossValidation.load(tmp_path / "folds" / "cross_validation.json") == result
    free = [item for item in manifest.examples if item.split != "test"]
    predictions = Predictions.load(tmp_path / "folds" / "predictions.npz")
    assert predictions.paths == tuple(item.path for item in free)
    assert predictions.truth == tuple(manifest.label_indices(tuple(free)))
    np.testing.assert_allclose(predictions.outputs.sum(axis=1), 1.0, atol=1e-5)
    right = float((predictions.outputs.argmax(axis=1) == predictions.truth).mean())
    weighted = sum(item.metric * item.scored_samples for item in result.folds) / result.sample_count
    # One repeat: the folds' metrics, weighted by their sizes, are the metric of all out-of-fold answers.
    assert weighted == pytest.approx(right, abs=1e-6)
    assert result.mean > 0.8
    assert result.low <= result.mean <= result.high
    assert not list((tmp_path / "folds").glob("*/work"))
    assert not list((tmp_path / "folds").glob("*/training/*.state*"))
    assert "accuracy" in result._repr_html_()


@pytest.mark.slow
def test_the_review_judges_by_the_folds_where_they_are(tmp_path):
    pytest.importorskip("tensorflow")
    pytest.importorskip("cleanlab")
    import tfl
    from tfl.review import review_run

    data = draw_classes(tmp_path / "data", per_class=16, seed=3)
    (data / "blue" / "blue-03.png").rename(data / "red" / "blue-03.png")
    tfl.cross_validate(data, 3, out=tmp_path / "run", settings=QUICK)
    review = review_run(RunFolder(tmp_path / "run"))
    manifest = Manifest.load(RunFolder(tmp_path / "run").manifest_file)
    assert (review.judged_by, review.folds) == ("training", 3)
    # Without a model of the run there is no answer to the test split.
    assert review.examples == len(manifest.examples) - len(manifest.of_split("test"))
    found = {item.path for item in review.items if item.kind == "label_error"}
    if next(item for item in manifest.examples if item.path == "red/blue-03.png").split != "test":
        assert "red/blue-03.png" in found
    probed = review_run(RunFolder(tmp_path / "run"), judge="probe", folds=3)
    assert (probed.judged_by, probed.examples) == ("probe", len(manifest.examples))
