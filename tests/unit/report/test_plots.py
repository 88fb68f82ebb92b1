"""Plots: each is there, shows something, and survives names made to break it."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.unit.report.conftest import LABELS, measurement
from tfl.bench.held_out import HeldOut
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest
from tfl.report import _style as style
from tfl.report.charts import _mark_stages, _range_before_divergence, draw_rate_tests
from tfl.report.picture_grids import caption, draw_predictions, draw_top_losses, thumbnail
from tfl.report.plots import (
    draw_accuracy_latency,
    draw_class_balance,
    draw_class_scores,
    draw_confusion,
    draw_curves,
    draw_reliability,
    pareto_front,
    plots_for_evaluation,
    read_rate_tests,
)
from tfl.report.records import Plots
from tfl.report.speed_chart import _free_place, _overlap
from tfl.tasks import TASKS, Evaluation
from tfl.training.rate_finder import judge

pytest.importorskip("matplotlib")

DRAWN = ("predictions", "top_losses", "confusion", "class_scores", "reliability", "curves", "class_balance")


def assert_shows_something(path, *, least_pixels=20_000):
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[0] * pixels.shape[1] >= least_pixels
    packed = pixels.astype(np.uint32) @ np.array([65536, 256, 1], dtype=np.uint32)
    assert len(np.unique(packed)) > 10


def scored(classes, samples, labels=None):
    generator = np.random.default_rng(0)
    truth = generator.integers(0, classes, samples).tolist()
    outputs = generator.dirichlet(np.ones(classes), samples)
    outputs[np.arange(samples), truth] += 0.3
    outputs = (outputs / outputs.sum(axis=1, keepdims=True)).astype(np.float32)
    labels = labels or [f"class {index}" for index in range(classes)]
    paths = [f"{index}.png" for index in range(samples)]
    task = TASKS.get("image_classification")
    return task.score(truth, outputs, labels=labels, paths=paths, split="test", model="x"), truth, outputs


@pytest.mark.parametrize("name", DRAWN)
def test_evaluation_draws(run, name):
    folder = RunFolder(run).evaluation_dir
    plot = next(plot for plot in Plots.load(folder / "plots.json").plots if plot.name == name)
    assert plot.missing == ""
    assert plot.description
    assert_shows_something(folder / plot.file)


def test_a_plot_that_can_not_be_drawn_says_why(run):
    # The run's bundle has no model file.
    plots = {plot.name: plot for plot in Plots.load(RunFolder(run).evaluation_dir / "plots.json").plots}
    assert "model.keras" in plots["saliency"].missing
    assert not (RunFolder(run).evaluation_dir / "saliency.png").exists()


def test_without_a_history_there_are_no_curves(run, tmp_path):
    folder = RunFolder(run)
    manifest = Manifest.load(folder.manifest_file)
    samples = HeldOut.load(folder.predictions_file, Path(manifest.root))
    drawn = plots_for_evaluation(
        tmp_path,
        Evaluation.load(folder.evaluation_dir / "test.json"),
        manifest=manifest,
        truth=samples.truth,
        outputs=samples.outputs,
        paths=samples.paths,
        history=[],
    )
    missing = {plot.name: plot.missing for plot in drawn.plots if plot.missing}
    assert missing == {
        "saliency": "There is no bundle, so its preprocessing is not known.",
        "curves": "There is no training history.",
    }


def test_nothing_is_left_beside_the_plots(run):
    assert not [path for path in RunFolder(run).evaluation_dir.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("classes", [2, 13, 64])
def test_many_classes(tmp_path, classes):
    evaluation, truth, outputs = scored(classes, 300)
    draw_confusion(evaluation, tmp_path / "confusion.png")
    draw_class_scores(evaluation, tmp_path / "scores.png")
    draw_reliability(evaluation, truth, outputs, tmp_path / "reliability.png")
    for name in ("confusion", "scores", "reliability"):
        assert_shows_something(tmp_path / f"{name}.png")
    with Image.open(tmp_path / "confusion.png") as image:
        assert max(image.size) <= 2000


def test_a_mistake_is_orange_and_a_right_answer_blue(tmp_path):
    outputs = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=np.float32)
    task = TASKS.get("image_classification")
    right, wrong = (
        task.score(truth, outputs, labels=["a", "b"], paths=list("1234"), split="test", model="x")
        for truth in ([0, 0, 1, 1], [0, 1, 1, 1])
    )

    def orange(evaluation):
        draw_confusion(evaluation, tmp_path / "m.png")
        with Image.open(tmp_path / "m.png") as image:
            pixels = np.asarray(image.convert("RGB")).astype(int)
        return int((pixels[..., 0] - pixels[..., 2] > 60).sum())

    assert orange(right) == 0
    assert orange(wrong) > 5000


def test_curves_of_one_epoch_and_of_a_value_that_is_not_there(tmp_path):
    row = {"stage": "head", "epoch": 1, "loss": 1.0, "accuracy": 0.5, "val_loss": None, "val_accuracy": 0.4}
    draw_curves([{**row, "val_loss": float("nan")}], tmp_path / "one.png")
    assert_shows_something(tmp_path / "one.png")


def rate_test(*, steps=60, climb=50.0):
    rates = np.geomspace(1e-6, 1.0, steps)
    falling = int(steps * 0.8)
    losses = np.concatenate([np.linspace(2.0, 1.0, falling), np.linspace(1.0, climb, steps - falling)])
    return judge(rates.tolist(), losses.tolist())


def test_the_climb_at_the_end_of_a_range_test_does_not_flatten_its_fall(tmp_path):
    low, high = _range_before_divergence(rate_test().losses[10:])
    assert 0.0 <= low < 1.0
    assert 2.0 < high < 3.0
    level = judge(np.geomspace(1e-6, 1.0, 60).tolist(), [0.0] * 60)
    assert _range_before_divergence(level.losses)[1] > 0.0
    draw_rate_tests({"head": rate_test(), "fine_tune_1": rate_test(), "fine_tune_2": level}, tmp_path / "rates.png")
    draw_rate_tests({"head": rate_test(steps=11)}, tmp_path / "short.png")
    for name in ("rates", "short"):
        assert_shows_something(tmp_path / f"{name}.png")


def test_range_tests_are_read_in_the_order_of_training(tmp_path):
    folder = RunFolder(tmp_path).training_dir
    folder.mkdir()
    assert read_rate_tests(tmp_path) == {}
    for name in ("fine_tune_2", "fine_tune_1", "head"):
        rate_test().save(folder / f"rate-{name}.json")
    assert list(read_rate_tests(tmp_path)) == ["head", "fine_tune_1", "fine_tune_2"]


def test_names_of_short_stages_stand_below_each_other(tmp_path):
    rows = [
        {"stage": stage, "epoch": epoch, "loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5}
        for stage, epochs in (("instant", 1), ("head", 1), ("fine_tune", 28))
        for epoch in range(1, epochs + 1)
    ]
    axes = style.new_figure(9.5, 3.6).subplots(1, 2)[0]
    _mark_stages(axes, rows)
    assert [text.get_text() for text in axes.texts] == ["instant", "head", "fine-tuning"]
    assert [text.get_position()[1] for text in axes.texts] == [-2, -12, -22]


def test_class_balance_before_splitting(tmp_path, run):
    manifest = Manifest.load(RunFolder(run).manifest_file)
    bare = dataclasses.replace(
        manifest, examples=tuple(dataclasses.replace(example, split=None) for example in manifest.examples)
    )
    draw_class_balance(bare, tmp_path / "balance.png")
    assert_shows_something(tmp_path / "balance.png")


def test_pictures_that_are_gone_leave_a_tile(tmp_path, run):
    evaluation = Evaluation.load(RunFolder(run).evaluation_dir / "test.json")
    draw_top_losses(evaluation, tmp_path / "nowhere", tmp_path / "losses.png", count=3)
    assert_shows_something(tmp_path / "losses.png")
    assert thumbnail(tmp_path / "nowhere.png") is None
    draw_predictions([], [], np.empty((0, 3), dtype=np.float32), LABELS, tmp_path / "none.png")
    assert_shows_something(tmp_path / "none.png", least_pixels=5_000)


def test_thumbnail_is_small_and_shows_the_whole_picture(tmp_path):
    Image.new("RGB", (600, 200), (255, 0, 0)).save(tmp_path / "wide.png")
    pixels = thumbnail(tmp_path / "wide.png")
    assert pixels.shape == (80, 240, 3)
    assert (pixels == (255, 0, 0)).all()


def test_caption_says_the_truth_where_the_answer_is_wrong():
    assert caption("bee", "bee", 0.987) == "✓ bee 0.99"
    assert caption("bee", "ant", 0.5) == "✗ ant 0.50\nis bee"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a$b$", r"a\$b\$"), ("tab\there", "tab here"), ("x" * 40, "xxxxxx…xxx"), (r"$\frac{", r"\$\frac{")],
)
def test_names_are_drawn_as_they_are(text, expected):
    assert style.shown(text, 10) == expected


def test_pareto_front_by_hand():
    slow_best, fast, beaten, even = (
        measurement("a-x", latency_ms=9.0, metric=0.99),
        measurement("b-x", latency_ms=3.0, metric=0.9),
        measurement("c-x", latency_ms=4.0, metric=0.9),
        measurement("d-x", latency_ms=9.0, metric=0.98),
    )
    assert pareto_front([slow_best, fast, beaten, even]) == (fast, slow_best)
    assert pareto_front([]) == ()


@pytest.mark.parametrize("count", [0, 1, 14])
def test_speed_chart(tmp_path, count):
    names = [f"target{index % 5}-p{index // 5}" for index in range(count)]
    items = [measurement(name, latency_ms=3 + index % 3 * 0.01) for index, name in enumerate(names)]
    draw_accuracy_latency(items, tmp_path / "chart.png")
    assert_shows_something(tmp_path / "chart.png")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(100, 700), st.floats(60, 340)), min_size=1, max_size=12))
def test_labels_keep_out_of_each_others_way(points):
    points = [np.asarray(point) for point in points]
    dots = [np.concatenate([point - 6, point + 6]) for point in points]
    taken, bounds = list(dots), np.array([0.0, 0.0, 900.0, 420.0])
    for point in points:
        box, corner = _free_place(point, np.array([90.0, 14.0]), taken, bounds, 1.5)
        np.testing.assert_allclose(box[:2], corner)
        assert not any(_overlap(box, other) for other in taken)
        taken.append(box)


def test_plots_json_lists_what_the_report_shows(run):
    names = [plot["name"] for plot in json.loads((run / "evaluation" / "plots.json").read_text())["plots"]]
    assert set(names) == {*DRAWN, "saliency"}


def test_the_same_records_give_the_same_bytes(tmp_path, run):
    folder = RunFolder(run).evaluation_dir
    draw_confusion(Evaluation.load(folder / "test.json"), tmp_path / "confusion.png")
    draw_class_balance(Manifest.load(RunFolder(run).manifest_file), tmp_path / "class_balance.png")
    for name in ("confusion.png", "class_balance.png"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()
