"""How a run was trained, from its records: the table, the pictures, and what is said where there is none."""

import dataclasses
import shutil

import pytest

from tests.unit.report.conftest import HISTORY
from tests.unit.report.test_report import Page
from tfl.core.errors import IntegrityError, UserError
from tfl.core.run_folder import RunFolder
from tfl.report.html import write_report
from tfl.report.training_table import training_rows
from tfl.reproduction import FigurePair, Reproduction
from tfl.training.fit import TrainingSummary
from tfl.training.rate_finder import judge
from tfl.training.resume_proof import ResumeProof
from tfl.training_view import TrainingView

pytest.importorskip("matplotlib")


@pytest.fixture
def trained(run, tmp_path):
    """A run whose stages ended in different ways."""
    folder = RunFolder(shutil.copytree(run, tmp_path / "photos-1"))
    file = folder.training_dir / "summary.json"
    endings = {"head": "patience", "fine_tune": "time_limit"}
    dataclasses.replace(TrainingSummary.load(file), stopped_by=endings).save(file)
    return folder


def save_rate_test(folder, stage):
    rates = [1e-6 * 1.3**step for step in range(40)]
    losses = [1.0 - 0.02 * step if step < 30 else 0.4 + 0.3 * (step - 29) for step in range(40)]
    judge(rates, losses).save(folder.training_dir / f"rate-{stage}.json")


def test_the_table_says_what_each_stage_kept_and_what_ended_it(trained):
    view = TrainingView(trained)
    assert training_rows(view.summary, view.history) == [
        ["head", "4", "epoch 4", "0.2750", "0.6000", "0.0", "the validation loss fell no more"],
        ["fine_tune", "2", "epoch 1", "1.1000", "0.6000", "0.0", "the time was over"],
    ]
    assert "the time was over" in view._repr_html_()
    assert len(view.history) == len(HISTORY)


def test_a_stage_that_made_nothing_better_says_so(trained):
    view = TrainingView(trained)
    nothing = dataclasses.replace(view.summary, best_epochs={"head": 4, "fine_tune": 0}, stopped_by={})
    assert training_rows(nothing, view.history)[1][2:5] == ["what was before", "-", "-"]
    assert training_rows(nothing, view.history)[1][-1] == ""


def test_the_report_says_what_ended_each_stage(trained):
    pytest.importorskip("jinja2")
    text = " ".join(Page(write_report(trained.path).read_text(encoding="utf-8")).text.split())
    assert "stage head ended becausethe validation loss fell no more" in text
    assert "stage fine_tune ended becausethe time was over" in text


def test_pictures_are_drawn_into_the_run(trained):
    for name in ("head", "fine_tune"):
        save_rate_test(trained, name)
    view = TrainingView(trained)
    for picture, name in ((view.show_curves(), "curves.png"), (view.show_rates(), "rates.png")):
        assert picture.path == trained.evaluation_dir / name
        assert picture._repr_png_().startswith(b"\x89PNG")


def test_without_a_range_test_it_is_said_how_to_have_one(trained):
    with pytest.raises(UserError, match="no range test") as caught:
        TrainingView(trained).show_rates()
    assert 'learning_rate="find"' in caught.value.hint


def test_a_run_without_training_is_told(tmp_path):
    with pytest.raises(IntegrityError, match=r"summary\.json"):
        TrainingView(RunFolder(tmp_path))


def test_a_proof_reads_as_a_sentence():
    proof = ResumeProof(steps=6, stopped_after=(2, 3), stages=("head",), arrays=12, differences=())
    assert "6 steps straight, and with stops after 2 and 3: 12 arrays compared, all the same" in proof._repr_html_()
    differing = dataclasses.replace(proof, differences=("head: <1> of 2",))
    assert "NOT the same" in differing._repr_html_()
    assert "<p>head: &lt;1&gt; of 2</p>" in differing._repr_html_()


def test_a_reproduction_reads_as_a_table():
    page = Reproduction(
        run="a<b",
        out="again",
        verdict="identical",
        figures=(FigurePair(name="accuracy", before=0.9, after=0.9),),
        samples=30,
        max_abs_difference=0.0,
        flipped=(),
        weights=12,
        weight_differences=(),
        first_epoch="",
        settings=(),
        data=(),
        made_with=("code: x -> y",),
    )._repr_html_()
    assert "identical: a&lt;b done again as again" in page
    for words in ("accuracy of the test split", "0 of 12 differ", "code: x -&gt; y"):
        assert words in page
