"""The report: answer first, every number from a record, nothing fetched, nothing taken for markup."""

import dataclasses
import html
import html.parser
import re
import shutil
from urllib.parse import unquote

import pytest

from tests.unit.report.conftest import LABELS, cell, measurement
from tfl.bench.cells import ExportSummary
from tfl.bench.records import Benchmark
from tfl.core.config import DataConfig, RunConfig, save_yaml
from tfl.core.errors import IntegrityError
from tfl.core.run_folder import RunFolder, RunRecord
from tfl.report.answer import headline, limits, next_steps, verdict
from tfl.report.facts import read_facts
from tfl.report.html import content_hash, write_report
from tfl.report.tables import benchmark_markdown, html_table, markdown_table
from tfl.tasks import wilson_interval

pytest.importorskip("jinja2")


class Page(html.parser.HTMLParser):
    """Collects tags with their attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def source(run):
    return write_report(run).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(source):
    return Page(source)


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "photos-1")


def test_answer_comes_first_and_is_right(run, page):
    sentences = headline(read_facts(run))
    assert sentences[0] == "27 of 30 new pictures (90.0%) are recognised (95 % interval 74.4% to 96.5%)."
    assert sentences[1] == f"It most often takes '{LABELS[0]}' for '{LABELS[1]}' (once)."
    assert sentences[2] == (
        "The smallest model that keeps this is openvino-int8: 2.40 MB, 3.1 ms per picture on this machine"
        " (5.1 ms from file to answer)."
    )
    text = " ".join(page.text.split())
    assert text.index("27 of 30 new pictures") < text.index("FAILED") < text.index("Next steps")
    assert text.index("Next steps") < text.index("What it answers") < text.index("Scores per class")


def test_a_hundredth_of_a_millisecond_is_not_told_as_nothing(run):
    facts = read_facts(run)
    quick = dataclasses.replace(
        facts.benchmark, measurements=(measurement("openvino-int8", latency_ms=0.0123, size_bytes=2_400_000),)
    )
    (_, _, smallest) = headline(dataclasses.replace(facts, benchmark=quick))
    assert "0.012 ms per picture on this machine (2.0 ms from file to answer)" in smallest


def test_verdict_names_the_failure_and_its_reason(run):
    state, sentence = verdict(read_facts(run))
    assert state == "bad"
    assert sentence.startswith("1 of 3 exports FAILED: tflite-int8. Failed in verify: far <off> (log: logs/x).")
    assert "2 are verified. 1 more can't be made by their target" in sentence


def test_the_file_needs_no_network(source, page):
    addresses = [
        value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href", "srcset")
    ]
    assert addresses
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    assert not re.search(r"url\((?!#)|@import", source)
    assert {"link", "iframe", "object"}.isdisjoint(tag for tag, _ in page.tags)
    assert [attributes for tag, attributes in page.tags if tag == "script"] == [{}]
    (script,) = re.findall(r"<script>(.*?)</script>", source, re.DOTALL)
    assert f"script-src '{content_hash(script)}'" in html.unescape(source)
    assert len(source) < 10_000_000


def test_names_are_text_and_never_markup(source, page):
    assert source.count("<script") == 1
    assert "<img src=x" not in source
    assert "&lt;script&gt;alert(1)" in source
    assert "A <fast> CPU" in page.text
    assert "<b>/broken.png" in page.text
    assert "tfl run photos --out '<here>'" in page.text
    assert "done, 1.5 s, 2.5 processor s, peak memory 300 MB, 0.04 kJ" in page.text
    assert "cpu: <slow> -> <fast>" in page.text


def test_pictures_have_words_and_tables_have_captions(page):
    images, charts = page.all("img"), page.all("svg")
    # Two grids of twelve tiles.
    assert len(images) == 24
    # Three of the six are drawn for a phone, too.
    assert len(charts) == 9
    assert all(image["alt"].startswith("The picture: ") for image in images)
    assert {chart["aria-labelledby"] for chart in charts} == {described["id"] for described in page.all("desc")}
    assert len(page.all("caption")) == len(page.all("table")) == 7
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.all("th"))
    assert len(page.all("h1")) == 1
    assert page.all("html") == [{"lang": "en"}]


def test_links_inside_the_page_lead_somewhere(page):
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert {attributes["href"][1:] for attributes in page.all("a")} <= ids


def test_every_cell_of_the_table_is_there_with_its_reason(page):
    text = " ".join(page.text.split())
    for words in ("no <int8> kernels", "far <off>", "-40.00 points", "Accuracy against latency", "8.40", "2.40"):
        assert words in text, words


def test_what_was_not_drawn_says_why(page):
    assert re.search(r"Not drawn: .*model\.keras", page.text)


def test_how_it_was_made(page):
    for words in ("seed: 17", "e" * 64, "embedded:sketchnet", "unknown", "float32: no faster type here", "numpy 2.0"):
        assert words in page.text, words


def test_limits_are_said(run):
    lines = limits(read_facts(run))
    assert any("one of its 3 classes" in line for line in lines)
    assert any("licence of the backbone is not known" in line for line in lines)
    assert any("'val' is what was scored" in line for line in lines)


def test_markdown_says_the_same_and_its_pictures_exist(run, source):
    assert source
    text = (run / "report.md").read_text(encoding="utf-8")
    assert "27 of 30 new pictures" in text
    assert "<script" not in text
    assert r"a$b\|c" in text
    links = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert len(links) == 8
    assert all((run / unquote(link)).is_file() for link in links)


@pytest.mark.parametrize("name", ["evaluation", "bundle", "exports.json", "benchmark.json", "check.json", "training"])
def test_a_stage_that_did_not_run_is_said(copy, name):
    path = copy / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    text = " ".join(Page(write_report(copy).read_text(encoding="utf-8")).text.split())
    expected = {
        "evaluation": "This run has no evaluation yet",
        "bundle": "27 of 30 new pictures",
        "exports.json": "Nothing was exported yet.",
        "benchmark.json": "Nothing was measured yet.",
        "check.json": "The data were not checked in this run.",
        "training": "27 of 30 new pictures",
    }
    assert expected[name] in text


def test_a_folder_with_nothing_still_gives_a_report(tmp_path):
    text = Page(write_report(tmp_path / "empty").read_text(encoding="utf-8")).text
    assert "no evaluation yet" in text
    assert "The run holds no record of it." in text


def test_a_damaged_record_is_named(copy):
    (copy / "benchmark.json").write_text("{")
    with pytest.raises(IntegrityError, match=r"benchmark\.json"):
        write_report(copy)


def test_a_stopped_run_says_so_and_how_to_go_on(copy):
    record = RunRecord.load(RunFolder(copy).record_file)
    dataclasses.replace(record, status="stopped").save(RunFolder(copy).record_file)
    RunFolder(copy).exports_file.unlink()
    assert "This run was stopped" in Page(write_report(copy).read_text(encoding="utf-8")).text
    assert any("--resume" in step.command for step in next_steps(read_facts(copy)))


def read_as(copy, *, accuracy_high=0.9, **data):
    """Let the run's config name its data, and its evaluation the end of its interval."""
    config = RunFolder(copy).config_file
    save_yaml(dataclasses.replace(RunConfig(), data=DataConfig(**data)), config)
    facts = read_facts(copy)
    return dataclasses.replace(facts, evaluation=dataclasses.replace(facts.evaluation, accuracy_high=accuracy_high))


def recommendations(facts):
    return [step for step in next_steps(facts) if step.command.startswith("tfl models recommend")]


def test_a_model_with_room_above_leads_to_a_comparison_of_backbones(copy):
    facts = read_as(copy, path="my reviews.csv", text_column="title,body", allow=("near_leakage",))
    [step] = recommendations(facts)
    assert step.command.endswith("'my reviews.csv' --text-column title,body --allow near_leakage")
    assert facts.bundle.backbone.spec in step.text
    assert recommendations(read_as(copy, path="my reviews.csv", accuracy_high=0.96)) == []
    assert recommendations(read_as(copy)) == []


def test_a_stopped_run_on_a_table_is_gone_on_with_from_the_table(copy):
    record = RunRecord.load(RunFolder(copy).record_file)
    dataclasses.replace(record, status="stopped").save(RunFolder(copy).record_file)
    RunFolder(copy).exports_file.unlink()
    steps = next_steps(read_as(copy, path="texts.tsv", label_column="kind"))
    assert steps[0].command == f"tfl run texts.tsv --label-column kind --out {copy} --resume"


def test_an_artefact_that_loses_much_is_not_recommended(copy):
    cells = (cell("openvino-fp32", size_bytes=8_000_000), cell("onnx-int8", size_bytes=1_000_000, metric=0.87))
    ExportSummary(cells=cells).save(RunFolder(copy).exports_file)
    facts = read_facts(copy)
    assert facts.smallest_good().name == "openvino-fp32"
    assert verdict(facts)[0] == "good"
    assert any("onnx-int8" in line and "loses 3.0 points" in line for line in limits(facts))


@pytest.mark.parametrize(
    ("name", "told"),
    [("onnx-int8", ["onnx"]), ("onnx-fp16", []), ("saved_model-fp32", [])],
    ids=lambda value: str(value),
)
def test_where_int8_did_not_hold_the_ladder_is_the_next_step(copy, name, told):
    cells = (cell("openvino-fp32", size_bytes=1000), cell(name, size_bytes=1000, passed=False))
    ExportSummary(cells=cells).save(RunFolder(copy).exports_file)
    commands = [step.command for step in next_steps(read_facts(copy)) if step.command.startswith("tfl quantize")]
    assert commands == [f"tfl quantize {copy} --target {target}" for target in told]


def test_a_useless_model_is_called_useless(copy):
    path = RunFolder(copy).evaluation_dir / "test.json"
    scores = read_facts(copy).evaluation
    dataclasses.replace(scores, accuracy=0.4, accuracy_low=0.25, accuracy_high=0.57).save(path)
    sentences = headline(read_facts(copy))
    assert any("it would not work as it is" in sentence for sentence in sentences)
    assert not any("smallest model" in sentence for sentence in sentences)


def test_the_same_records_give_the_same_report(run, source):
    assert write_report(run).read_text(encoding="utf-8") == source


def test_tables_escape():
    assert "<td style='text-align:left'>&lt;b&gt;</td>" in html_table(["x"], [["<b>"]], caption="c & d")
    assert ">c &amp; d</caption>" in html_table(["x"], [], caption="c & d")
    assert "<thead>" not in html_table(["", ""], [[1, 2]])
    assert markdown_table(["x"], [["a|b\nc"]]) == "| x |\n|---|\n| a\\|b c |\n"


def test_benchmark_page(run):
    text = benchmark_markdown(Benchmark.load(run / "benchmark.json"))
    assert "| openvino-int8 | 2.40 | 0.9000 | 3.10 | 3.41 | 4.03 | 5.10 | 323 | 8 | 12.0 | 4.0 | 90 | auto |" in text
    assert "differs by up to 3.0%" in text
    assert "A &lt;fast&gt; CPU" in text or "A <fast> CPU" in text


def test_a_large_plot_is_embedded_smaller(tmp_path):
    import numpy as np
    from PIL import Image

    from tfl.report.html import embedded

    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    address = embedded(tmp_path / "noise.png")
    assert address.startswith("data:image/jpeg;base64,")
    assert len(address) < (tmp_path / "noise.png").stat().st_size


def test_the_interval_of_a_class_is_that_of_its_recall(run, page):
    low, high = wilson_interval(9, 10)
    assert re.search(rf"0\.900\s*{low:.3f} to {high:.3f}", page.text) or f"0.900{low:.3f} to {high:.3f}" in page.text
