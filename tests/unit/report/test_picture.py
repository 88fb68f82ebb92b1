"""A picture in a notebook: seen as an image, and told in words to those who can't see it."""

import base64
import dataclasses
import html
import re

import numpy as np
import pytest
from PIL import Image

from tests.unit.bench.test_choice import pick
from tests.unit.report.conftest import measurement
from tfl.bench.choice import Bounds
from tfl.core.run_folder import RunFolder
from tfl.report.choice_chart import choice_summary
from tfl.report.picture import Picture
from tfl.report.picture_grids import draw_predictions, draw_top_losses
from tfl.report.speed_chart import draw_accuracy_latency
from tfl.tasks import Evaluation

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

LABELS = ("<b>ant</b>", 'a "bee"')


def alt_of(picture):
    return html.unescape(re.search(r'alt="([^"]*)"', picture._repr_html_())[1])


def test_a_chart_tells_its_figures(run):
    picture = Picture(RunFolder(run).evaluation_dir / "confusion.png")
    counts = np.asarray(Evaluation.load(RunFolder(run).evaluation_dir / "test.json").confusion)
    assert alt_of(picture).startswith(f"{np.trace(counts)} of {counts.sum()} answers are right; most often ")
    assert "<script>" not in picture._repr_html_()


def test_a_chart_drawn_anew_tells_its_new_figures(tmp_path):
    picture = Picture(tmp_path / "chart.png")
    for metric in (0.9, 0.8):
        item = dataclasses.replace(measurement("a-x", latency_ms=3.0), metric=metric)
        draw_accuracy_latency([item], picture.path)
        assert f"accuracy {metric:.4f}" in alt_of(picture)


def test_a_grid_tells_every_answer(tmp_path):
    files = [tmp_path / f"{index}.png" for index in range(2)]
    for file in files:
        Image.new("RGB", (30, 20), (200, 0, 0)).save(file)
    outputs = np.asarray([[0.9, 0.1], [0.75, 0.25]], dtype=np.float32)
    draw_predictions(files, [0, 1], outputs, LABELS, tmp_path / "grid.png")
    told = '2 pictures with answers, 1 of them right: ✓ <b>ant</b> 0.90; ✗ <b>ant</b> 0.75, is a "bee".'
    assert alt_of(Picture(tmp_path / "grid.png")) == told


def test_a_large_grid_is_counted_and_told_in_part(run, tmp_path):
    evaluation = Evaluation.load(RunFolder(run).evaluation_dir / "test.json")
    losses = (evaluation.top_losses * 20)[:40]
    draw_top_losses(dataclasses.replace(evaluation, top_losses=losses), tmp_path, tmp_path / "grid.png", count=40)
    words = alt_of(Picture(tmp_path / "grid.png"))
    assert words.startswith("40 pictures with answers")
    assert words.endswith("; and 28 more.")


def test_the_image_is_the_file(run):
    picture = Picture(RunFolder(run).evaluation_dir / "confusion.png")
    data = re.search(r'src="data:image/png;base64,([^"]+)"', picture._repr_html_())[1]
    assert base64.b64decode(data) == picture.path.read_bytes() == picture._repr_png_()


def test_own_words_come_first_and_a_bare_file_has_its_name(run, tmp_path):
    path = RunFolder(run).evaluation_dir / "confusion.png"
    assert alt_of(Picture(path, 'mine & "yours"')) == 'mine & "yours"'
    bare = tmp_path / "bare.png"
    bare.write_bytes(path.read_bytes())
    assert alt_of(Picture(bare)) == "The picture bare.png."
    bare.with_suffix(".svg").write_text("<svg>broken")
    assert alt_of(Picture(bare)) == "The picture bare.png."


def test_a_recommendation_tells_the_one_to_take_with_its_figures():
    choice = pick(Bounds())
    words = choice_summary(choice)
    found = next(item for item in choice.options if item.name == choice.picked)
    assert choice.picked in words
    assert f"latency {found.latency_ms:.2f} ms" in words
    assert choice_summary(pick(Bounds(max_latency_ms=1e-6))).endswith("none is picked.")
