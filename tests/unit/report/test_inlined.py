"""SVG inside of a page: of known elements alone, in the page's colours, with ids of its own."""

import dataclasses
import re
import shutil
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.unit.bench.test_choice import pick
from tests.unit.report.conftest import HISTORY, LABELS, measurement
from tests.unit.report.test_measured import add_result
from tests.unit.report.test_plots import rate_test, scored
from tests.unit.report.test_sections import add_folds, add_search
from tfl.bench.choice import Bounds
from tfl.report.chart_svg import named
from tfl.report.charts import draw_curves, draw_rate_tests
from tfl.report.choice_chart import draw_choice
from tfl.report.confusion_chart import draw_confusion
from tfl.report.html import write_report
from tfl.report.inlined import inlined, inlined_shapes
from tfl.report.speed_chart import draw_accuracy_latency
from tfl.tasks import Evaluation

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 100 50">'


@pytest.fixture(scope="module")
def charts(run, tmp_path_factory):
    """A run with every chart that a report may have."""
    folder = shutil.copytree(run, tmp_path_factory.mktemp("all") / "photos-1")
    add_folds(folder)
    add_search(folder, folder.parent / "study")
    add_result(folder)
    draw_rate_tests({"head": rate_test(), "fine_tune_1": rate_test()}, folder / "rates.png")
    draw_choice(pick(Bounds(max_latency_ms=5.0)), folder / "choice.png", form="chart")
    write_report(folder)
    return folder


def files(folder):
    return sorted(folder.rglob("*.svg"))


def hover_texts(file):
    root = ElementTree.fromstring(file.read_text())
    return [item.text for item in root.iter("{http://www.w3.org/2000/svg}title")]


def test_every_chart_has_its_twin_and_no_photo_has_one(charts):
    names = {file.stem for file in files(charts) if ".narrow" not in file.name}
    assert names == {
        *("benchmark", "choice", "class_balance", "class_scores", "confusion", "curves", "folds", "history"),
        *("importance", "latencies", "rates", "recommendation", "reliability", "servers"),
    }
    narrow = {file.name.removesuffix(".narrow.svg") for file in files(charts) if ".narrow" in file.name}
    assert narrow == {
        *("benchmark", "choice", "confusion", "curves", "folds", "history", "latencies", "rates", "recommendation"),
        "servers",
    }
    assert all((file.parent / f"{file.name.partition('.')[0]}.png").is_file() for file in files(charts))


def test_a_drawing_for_a_phone_fits_it_and_tells_the_same(charts):
    for file in charts.rglob("*.narrow.svg"):
        wide, narrow = file.with_name(file.name.replace(".narrow", "")), file
        boxes = [float(ElementTree.fromstring(item.read_text()).get("viewBox").split()[2]) for item in (wide, narrow)]
        assert boxes[1] < min(boxes[0], 320), file.name
        assert hover_texts(wide) == hover_texts(narrow), file.name


def test_a_page_has_both_drawings_and_its_style_shows_one(charts):
    wide, narrow = charts / "benchmark.svg", charts / "benchmark.narrow.svg"
    both = inlined_shapes(wide, narrow, name="c")
    assert re.findall(r'<svg [^>]*class="([^"]+)"', both.markup) == ["chart roomy wide", "chart narrow"]
    assert both.least_px < 320
    one = inlined_shapes(wide, charts / "none.narrow.svg", name="c")
    assert one.markup == inlined(wide, name="c")
    assert one.least_px > 500
    assert inlined_shapes(charts / "none.svg", narrow, name="c").markup == ""


def test_a_drawing_for_a_phone_does_not_outlive_its_chart(tmp_path):
    labels = [f"a class of a long name, {index}" for index in range(16)]
    for classes, is_there in ((8, True), (16, False)):
        draw_confusion(scored(classes, 60, labels[:classes])[0], tmp_path / "confusion.png")
        assert (tmp_path / "confusion.narrow.svg").exists() == is_there


def test_no_colour_is_left_that_a_theme_can_not_change(charts):
    for file in files(charts):
        markup = inlined(file, name="chart-1")
        assert re.findall(r'(?:fill|stroke)="#[^"]*"', markup) == [], file.name
        assert "var(--chart-text)" in markup
        assert 'class="paper"' not in markup


def test_every_chart_is_described_and_every_mark_says_something(charts):
    for file in files(charts):
        markup = inlined(file, name="c")
        described = re.search(r'<desc id="c-about">([^<]+)</desc>', markup)
        assert described, file.name
        assert re.search(r"\d", described[1]), file.name
        texts = hover_texts(file)
        assert len(texts) >= 2, file.name
        assert all(re.search(r"\d", text) for text in texts), file.name


def test_ids_of_a_page_do_not_clash_and_all_references_are_there(charts):
    page = (charts / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg ") == 13 + 9
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    references = re.findall(r"url\(#([^)]+)\)", page) + re.findall(r'<use [^>]*href="#([^"]+)"', page)
    assert references
    assert set(references) <= set(ids)
    assert "<script>alert" not in page


def test_the_confusion_tells_each_cell(charts):
    evaluation = Evaluation.load(charts / "evaluation" / "test.json")
    texts = hover_texts(charts / "evaluation" / "confusion.svg")
    counts = np.asarray(evaluation.confusion)
    assert len(texts) == np.count_nonzero(counts)
    share = counts[0, 1] / counts[0].sum()
    told = f"{named(LABELS[0])} taken for {named(LABELS[1])}\n{counts[0, 1]} of its samples, {share:.1%}"
    assert texts[1] == told


def test_the_curves_tell_each_epoch_of_both_panels(tmp_path):
    draw_curves(HISTORY, tmp_path / "curves.png")
    texts = hover_texts(tmp_path / "curves.svg")
    assert len(texts) == 2 * len(HISTORY)
    assert texts[1] == "epoch 2, head\ntraining loss: 0.5000\nvalidation loss: 0.5500"
    assert texts[-1] == "epoch 6, fine-tuning\ntraining accuracy: 0.5000\nvalidation accuracy: 0.6000"
    broken = [{**HISTORY[0], "val_loss": None}, {**HISTORY[1], "val_loss": float("nan")}]
    draw_curves(broken, tmp_path / "curves.png")
    assert hover_texts(tmp_path / "curves.svg")[1].endswith("validation loss: none")


def test_rows_and_points_share_a_key(charts):
    page = (charts / "report.html").read_text(encoding="utf-8")
    for name in ("openvino-fp32", "openvino-int8"):
        assert f'<tr class="ok" data-key="{name}">' in page
        assert re.search(rf'<circle [^>]*data-key="{name}"', page)


def test_a_person_who_names_one_file_gets_one(tmp_path):
    draw_choice(pick(Bounds()), tmp_path / "choice.png")
    assert [path.name for path in tmp_path.iterdir()] == ["choice.png"]


def test_what_no_chart_consists_of_stays_out(tmp_path):
    file = tmp_path / "chart.svg"
    file.write_text(
        f'{HEAD}<script>alert(1)</script><foreignObject><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>'
        '<image href="http://example.com/a.png"/><a href="javascript:alert(1)"><text>in a link</text></a>'
        '<g onload="alert(1)" style="background: url(http://example.com/b)"><use xlink:href="http://example.com/c#d"/>'
        '<rect id="a" class="mark" fill="url(http://example.com/d)" clip-path="url(#b)"><title>kept &lt;b&gt;</title>'
        "</rect></g></svg>"
    )
    markup = inlined(file, name="chart-7")
    assert "example.com" not in markup
    assert not re.search(r"script|onload|foreignObject|background|image|in a link", markup)
    assert '<rect id="chart-7-a" class="mark" clip-path="url(#chart-7-b)"><title>kept &lt;b&gt;</title>' in markup


@pytest.mark.parametrize(
    "source",
    [
        "",
        "no XML",
        '<html xmlns="http://www.w3.org/1999/xhtml"/>',
        '<svg xmlns="http://www.w3.org/2000/svg"/>',
        HEAD.replace("100 50", "wide") + "</svg>",
        f'{HEAD}<text font-size="large">x</text></svg>',
        HEAD + "<g>" * 20_000 + "</g>" * 20_000 + "</svg>",
        '<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + HEAD + "<text>&a;</text></svg>",
    ],
)
def test_what_is_no_chart_gives_nothing(tmp_path, source):
    (tmp_path / "chart.svg").write_text(source)
    assert inlined(tmp_path / "chart.svg", name="c") == ""
    assert inlined(tmp_path / "none.svg", name="c") == ""


def test_a_run_without_the_twins_shows_its_pictures(run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "old")
    for file in files(folder):
        file.unlink()
    page = write_report(folder).read_text(encoding="utf-8")
    assert "<svg " not in page
    assert page.count("data:image/png") >= 6


def test_a_chart_of_many_points_stays_small(tmp_path):
    items = [
        dataclasses.replace(measurement(f"target-{index}", latency_ms=3 + index), metric=0.9 + index / 1000)
        for index in range(24)
    ]
    draw_accuracy_latency(items, tmp_path / "chart.png")
    assert (tmp_path / "chart.svg").stat().st_size < 80_000
