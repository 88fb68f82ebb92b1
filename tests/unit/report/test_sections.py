"""Sections that only some runs have: cross-validation and the search, from their records."""

import dataclasses
import re
import shutil
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image

from tests.unit.report.conftest import answers
from tests.unit.report.test_report import Page
from tfl.core.config import RunConfig, resolve_config, save_yaml
from tfl.core.errors import IntegrityError, UserError
from tfl.core.run_folder import RunFolder, RunRecord
from tfl.data.manifest import Manifest
from tfl.report.answer import headline, limits
from tfl.report.facts import read_facts
from tfl.report.fold_plots import draw_folds, score_and_draw_folds
from tfl.report.html import write_report
from tfl.report.study import RESULT_FILE, TrialRecord, TuneResult, draw_study, keep_study
from tfl.run_record import deciding_settings
from tfl.training.cross_validation import PREDICTIONS_FILE, RECORD_FILE, CrossValidation, FoldScore, Predictions

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

CHOSEN = {"train.learning_rate": 0.01, "train.augmentation": "none"}


def cross_validation(*, repeats=2, metrics=(0.8, 0.9, 0.7, 0.9, 0.8, 1.0)):
    folds = tuple(
        FoldScore(
            repeat=index // 3,
            fold=index % 3,
            metric=metric,
            log_loss=0.5,
            train_samples=17,
            validation_samples=3,
            scored_samples=10,
            best_epochs={"head": 4},
            seconds=1.0,
        )
        for index, metric in enumerate(metrics[: 3 * repeats])
    )
    return CrossValidation(
        k=3,
        repeats=repeats,
        seed=0,
        backbone="embedded:sketchnet",
        metric_name="accuracy",
        data_fingerprint="f",
        sample_count=30,
        folds=folds,
        mean=0.85,
        standard_deviation=0.1049,
        low=0.7,
        high=1.0,
    )


def tune_result(study, *, fingerprint, complete=6):
    trials = tuple(
        TrialRecord(
            number=number,
            state="complete" if number < complete else "pruned",
            value=(0.5, 0.4, 0.3, 0.6, 0.35, 0.45)[number] if number < complete else None,
            validation_loss=0.3,
            validation_accuracy=0.9,
            epochs=5,
            params={"train.learning_rate": 0.003, "train.augmentation": "light"} if number == 0 else CHOSEN,
            seconds=2.0,
        )
        for number in range(20)
    )
    return TuneResult(
        study=str(study),
        objective="loss",
        trials=trials,
        best=2,
        best_value=0.3,
        first_value=0.5,
        best_params=CHOSEN,
        config_file="best.yaml",
        importance={"train.learning_rate": 0.8, "train.augmentation": 0.2} if complete >= 5 else {},
        validation_samples=9,
        data_fingerprint=fingerprint,
        backbone="embedded:sketchnet",
    )


def add_folds(folder):
    """Give a run a cross-validation of its 30 training pictures, three of them answered wrong."""
    run = RunFolder(folder)
    manifest = Manifest.load(run.manifest_file)
    learned = manifest.of_split("train")
    truth = tuple(manifest.label_indices(learned))
    predictions = Predictions(tuple(item.path for item in learned), truth, answers(truth, wrong=3))
    predictions.save(run.folds_dir / PREDICTIONS_FILE)
    result = cross_validation()
    result.save(run.folds_dir / RECORD_FILE)
    return score_and_draw_folds(run, result, task="image_classification", labels=manifest.labels)


def add_search(folder, study, **changes):
    """Let a run's settings come from a search."""
    run = RunFolder(folder)
    study.mkdir()
    fingerprint = Manifest.load(run.manifest_file).fingerprint
    tune_result(study, **{"fingerprint": fingerprint, **changes}).save(study / RESULT_FILE)
    config = resolve_config({}, {**CHOSEN, "study": str(study)})
    save_yaml(config, run.config_file)
    record = RunRecord.load(run.record_file)
    dataclasses.replace(record, settings=deciding_settings(config)).save(run.record_file)
    return keep_study(str(study), run)


@pytest.fixture(scope="module")
def both(run, tmp_path_factory):
    """A run with a cross-validation and a search; not to be changed."""
    folder = shutil.copytree(run, tmp_path_factory.mktemp("both") / "photos-1")
    add_folds(folder)
    assert add_search(folder, folder.parent / "study") == ""
    return folder


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "photos-1")


def shown(folder):
    page = write_report(folder).read_text(encoding="utf-8")
    return " ".join(Page(re.sub(r"</t[hd]>", " ", page)).text.split())


def test_a_plain_run_has_neither_section(run):
    page = Page(write_report(run).read_text(encoding="utf-8"))
    assert not {"#folds", "#search"} & {link["href"] for link in page.all("a")}


def test_the_folds_are_told_with_their_interval_and_every_row(both):
    text = shown(both)
    assert "The recipe was trained anew 6 times (3 folds in 2 repeats)" in text
    assert "accuracy is 85.0% on average (95 % interval 70.0% to 100.0%)" in text
    assert "the folds lie between 70.0% and 100.0%" in text
    assert "has 90.0% on the test split (74.4% to 96.5%). The intervals meet" in text
    assert "2 3 1.0000 0.5000 17 3 10 head 4" in text
    assert "mean 0.8500 0.5000" in text
    assert "Most confused in 30 out-of-fold answers" in text
    assert "Nadeau and Bengio" in text


def test_the_out_of_fold_answers_are_scored(copy):
    scores = add_folds(copy)
    assert (scores.sample_count, scores.accuracy) == (30, 0.9)
    assert read_facts(copy).fold_scores == scores
    assert sum(map(sum, scores.confusion)) == 30


def test_intervals_that_do_not_meet_are_said(copy):
    add_folds(copy)
    far = dataclasses.replace(cross_validation(), mean=0.3, low=0.2, high=0.4)
    far.save(RunFolder(copy).folds_dir / RECORD_FILE)
    assert "The intervals do not meet" in shown(copy)


def test_folds_alone_are_an_answer(copy):
    add_folds(copy)
    shutil.rmtree(RunFolder(copy).evaluation_dir)
    assert headline(read_facts(copy))[0].startswith("In cross-validation 85.0% of new pictures are recognised")


def test_a_damaged_fold_record_is_named(copy):
    add_folds(copy)
    (RunFolder(copy).folds_dir / RECORD_FILE).write_text("{")
    with pytest.raises(IntegrityError, match=r"cross_validation\.json"):
        write_report(copy)


def test_the_search_says_what_was_chosen_and_by_what(both):
    text = shown(both)
    assert (
        "20 trials, 6 complete, 14 ended early, 0 failed. Trial 2 was chosen, with a validation loss of 0.3000" in text
    )
    assert "the settings as they were came to 0.5000" in text
    assert "on the very splits of this run, so the test pictures chose none of the settings" in text
    assert "train.learning_rate 0.003 0.01 0.01 0.80" in text
    assert "train.augmentation light none none 0.20" in text
    assert "The best 15 of 20 trials" in text
    page = Page((both / "report.html").read_text(encoding="utf-8"))
    chosen = [attributes for tag, attributes in page.tags if tag == "tr" and attributes.get("class") == "chosen"]
    assert len(chosen) == 1


def test_a_search_on_other_splits_is_a_limit(copy, tmp_path):
    add_search(copy, tmp_path / "study", fingerprint="another")
    assert "may have chosen its settings" in shown(copy)
    assert any("searched on other pictures" in line for line in limits(read_facts(copy)))


def test_a_setting_that_was_changed_after_the_search_is_marked(copy, tmp_path):
    add_search(copy, tmp_path / "study")
    run = RunFolder(copy)
    record = RunRecord.load(run.record_file)
    settings = {**record.settings, "train.learning_rate": 0.5}
    dataclasses.replace(record, settings=settings).save(run.record_file)
    assert "changed after the search" in shown(copy)


def test_too_few_trials_say_why_there_is_no_importance(copy, tmp_path):
    add_search(copy, tmp_path / "study", complete=3)
    assert "it takes 5 complete trials that differ; 3 are complete" in shown(copy)
    result = TuneResult.load(tmp_path / "study" / RESULT_FILE)
    with pytest.raises(UserError, match="after 3 complete trials"):
        result.show_importance()


def test_a_study_that_is_gone_is_said_and_costs_nothing(copy, tmp_path):
    run = RunFolder(copy)
    save_yaml(dataclasses.replace(RunConfig(), study=str(tmp_path / "gone")), run.config_file)
    assert str(tmp_path / "gone") in keep_study(str(tmp_path / "gone"), run)
    assert "whose records were not at hand" in shown(copy)


def test_the_report_needs_the_study_no_longer(both, tmp_path):
    moved = shutil.copytree(both, tmp_path / "moved")
    shutil.rmtree(RunFolder(moved).folds_dir)
    assert "Trial 2 was chosen" in shown(moved)
    assert "Cross-validation" not in shown(moved)


def test_markdown_has_the_sections_and_their_pictures(both):
    write_report(both)
    text = (both / "report.md").read_text(encoding="utf-8")
    assert (
        text.index("## Figures") < text.index("## Cross-validation") < text.index("## Search") < text.index("## Data")
    )
    links = [unquote(link) for link in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)]
    assert {"folds/folds.png", "folds/confusion.png", "search/history.png", "search/importance.png"} <= set(links)
    assert all((both / link).is_file() for link in links)


@pytest.mark.parametrize("repeats", [1, 2])
def test_the_folds_are_drawn_inside_their_band(tmp_path, repeats):
    draw_folds(cross_validation(repeats=repeats), tmp_path / "folds.png")
    with Image.open(tmp_path / "folds.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    blue = (pixels == (0, 0x72, 0xB2)).all(axis=2)
    band = (abs(pixels - (203, 228, 242)) <= 3).all(axis=2)
    assert blue.sum() > 3 * 20
    assert band.sum() > 10_000


def test_a_study_shows_its_charts(tmp_path):
    result = tune_result(tmp_path, fingerprint="")
    draw_study(result, tmp_path)
    for picture in (result.show_history(), result.show_importance()):
        assert picture._repr_png_().startswith(b"\x89PNG")
