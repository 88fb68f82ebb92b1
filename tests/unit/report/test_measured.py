"""The report's parts about measurements under load, the recommendation, compression and distillation."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.unit.bench.results import draw_result
from tests.unit.report.conftest import ENVIRONMENT, measurement
from tests.unit.report.test_report import Page
from tests.unit.report.test_sections import shown
from tfl.bench.choice import Bounds
from tfl.bench.records import Benchmark
from tfl.bench.scenario_comparison import compare_results
from tfl.bench.scenario_files import BASELINE, comparison_file, save_result
from tfl.bench.scenario_records import LoadPoint
from tfl.bench.statistics import percentile
from tfl.benchmarking import recommend_artifact
from tfl.compress.distill import Distillation, DistillSettings
from tfl.compress.paired import agresti_min
from tfl.compress.records import Compression, CompressSettings, EpochRow, LayerWeights, Paired, Size
from tfl.core.errors import ConfigError, IntegrityError
from tfl.core.run_folder import RunFolder
from tfl.report.html import write_report
from tfl.report.measured import measured_sections
from tfl.tasks import wilson_interval

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

LEVELS = {"openvino-fp32": 6.0, "openvino-int8": 3.0, "tflite-<b>": 3.0}


def add_result(folder, levels=LEVELS, *, number=1, **options):
    """Give a run a benchmark: single-stream of each artefact, and one server that keeps its bound up to 200 per s."""
    result, series = draw_result(levels, rounds=5, **options)
    server = _server(result.cells[0], series)
    full = dataclasses.replace(result, cells=(*result.cells, server))
    path = RunFolder(folder).benchmarks_dir / str(number) / "result.json"
    path.parent.mkdir(parents=True)
    return save_result(full, series, path), series, path


def _server(cell, series):
    points = tuple(
        LoadPoint(rate_per_s=rate, queries=400, is_kept=p99 <= 20, is_lost=p99 > 90, p50_ms=p99 / 3, p99_ms=p99)
        for rate, p99 in ((50.0, 8.0), (200.0, 19.0), (300.0, 40.0), (400.0, 95.0))
    )
    name = cell.name.replace("single_stream", "server lanes=2")
    rounds = tuple(
        dataclasses.replace(
            item,
            figures=dataclasses.replace(item.figures, curve=points, latency_bound_ms=20.0, rate_per_s=200.0, note="b"),
        )
        for item in cell.rounds
    )
    series |= {f"{name}/{item.round}/compared_ms": np.array([5.0]) for item in rounds}
    withheld = tuple(percentile([1.0] * 100, percent) for percent in (50, 90, 99))
    return dataclasses.replace(
        cell, name=name, scenario="server", lanes=2, rate_per_s=200.0, rounds=rounds, percentiles=withheld
    )


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run, tmp_path / "photos-1")


def test_a_plain_run_has_none_of_the_sections(run):
    page = Page(write_report(run).read_text(encoding="utf-8"))
    assert not {"#load", "#recommended", "#compressed", "#distilled"} & {link["href"] for link in page.all("a")}
    assert "--scenario single-stream,offline,server" in page.text


def test_every_figure_of_the_load_is_the_records(copy):
    result, _, _ = add_result(copy)
    text = shown(copy)
    for cell in result.cells[:3]:
        found = cell.percentile(99)
        assert f"{found.value_ms:.2f} [{found.low_ms:.2f}, {found.high_ms:.2f}]" in text
    assert "n < 368" in text
    assert "Noise floor 2.0%" in text
    assert "3 of 3" in text
    assert "tflite-<b> single_stream" in text
    assert "tflite-<b> 0.9500" in text
    assert "each in 3 fresh processes" in text
    assert "benchmarks/1/result.json" in text
    assert "--scenario single-stream,offline,server" not in text


def test_verdicts_stand_beside_the_floor_they_respect(copy):
    add_result(copy)
    text = shown(copy)
    assert re.search(r"single-stream openvino-fp32 \S+ [\d.]+ \[[\d.]+, [\d.]+\] 2.0% slower", text)
    assert re.search(r"single-stream \S+ \S+ [\d.]+ \[[\d.]+, [\d.]+\] 2.0% no difference", text)


def test_pictures_are_drawn_and_described(copy):
    add_result(copy)
    page = Page(write_report(copy).read_text(encoding="utf-8"))
    assert "openvino-fp32 server lanes=2: 200.0 per s" in page.text
    assert "Plot: Latency by cell" in {region.get("aria-label") for region in page.all("div")}
    assert (
        "Servers against their bound on the p99: openvino-fp32 server lanes=2 bears most, 200.0 per second."
        in page.text
    )
    for name in ("latencies.png", "servers.png"):
        with Image.open(copy / "benchmarks" / "1" / name) as picture:
            assert picture.width > 480
            assert np.asarray(picture.convert("L")).std() > 5
    markdown = (copy / "report.md").read_text(encoding="utf-8")
    assert "(benchmarks/1/servers.png)" in markdown
    assert "## Under load" in markdown


def test_the_newest_result_counts_and_a_damaged_one_is_an_error(copy):
    add_result(copy)
    add_result(copy, {"openvino-fp32": 60.0, "openvino-int8": 30.0}, number=2, floor=0.07)
    assert "Noise floor 7.0%" in shown(copy)
    (copy / "benchmarks" / "2" / "result.npz").write_bytes(b"no archive")
    with pytest.raises(IntegrityError, match="timings"):
        write_report(copy)


def test_a_comparison_with_a_baseline_is_shown(copy):
    old, old_series = draw_result(LEVELS, rounds=5)
    new, series, path = add_result(copy, {name: level * 2 for name, level in LEVELS.items()})
    compare_results(old, old_series, new, series).save(comparison_file(path, BASELINE))
    text = shown(copy)
    assert "now against baseline: a ratio under 1 is faster" in text
    assert text.count("2.0% slower") >= 3


def test_without_bounds_the_fastest_of_the_best_is_taken_and_with_bounds_what_keeps_them(copy):
    add_result(copy, metrics={"openvino-fp32": 0.95, "openvino-int8": 0.90, "tflite-<b>": 0.949})
    text = shown(copy)
    assert "Bounds: none" in text
    assert re.search(r"tflite-<b> single_stream: latency", text)
    recommend_artifact(copy, Bounds(max_latency_ms=1.0))
    text = shown(copy)
    assert "Bounds: at most latency 1.00 ms" in text
    assert "None of 3 keeps all bounds" in text
    with Image.open(copy / "recommendation.png") as picture:
        assert picture.width > 800


def test_the_recommendation_follows_what_is_measured_now(copy):
    add_result(copy)
    bounds = Bounds(max_latency_ms=4.0)
    assert recommend_artifact(copy, bounds).picked
    add_result(copy, {"openvino-fp32": 60.0, "openvino-int8": 30.0}, number=2)
    (_, section) = measured_sections(RunFolder(copy))
    assert "None of 2 keeps all bounds" in section.words[1]


def compression(source, **changes):
    settings = CompressSettings(method="prune+qat", epochs=2)
    pair = Paired(sample_count=200, both_right=180, only_before=4, only_after=2, p_value=0.6875)
    values = {
        "source": str(source),
        "source_fingerprint": "a" * 64,
        "settings": settings,
        "replay_difference": 1e-7,
        "epochs": (
            EpochRow(step="prune", epoch=1, loss=0.5, validation_loss=0.4, validation_accuracy=0.9, counts=False),
            EpochRow(step="qat", epoch=1, loss=0.4, validation_loss=0.3, validation_accuracy=0.95, counts=True),
        ),
        "kept_epochs": {"prune": 2, "qat": 1},
        "metric_name": "accuracy",
        "metric_before": 0.92,
        "metric_after": 0.91,
        "metric_simulated": 0.91,
        "paired": pair,
        "paired_simulated": pair,
        "size_before": Size(raw_bytes=4_000_000, gzip_bytes=3_600_000),
        "size_after": Size(raw_bytes=4_000_000, gzip_bytes=1_800_000),
        "layers": (
            LayerWeights(
                layer="<conv>",
                kind="Conv2D",
                weights=1000,
                sparsity=0.5,
                unique=400,
                unique_per_channel=9,
                compressed="pruned",
            ),
        ),
        "sparsity": 0.5,
        "quantizers": 33,
        "seconds": 12.0,
    }
    return Compression(**values | changes)


def test_a_compression_tells_accuracy_with_interval_size_and_every_kernel(copy):
    made = compression("/elsewhere/run")
    made.save(RunFolder(copy).compression_file)
    text = shown(copy)
    low, high = wilson_interval(182, 200)
    assert f"0.9100 {low:.4f} to {high:.4f} 4 lost, 2 won" in text
    least, most = agresti_min(4, 2, 200)
    assert f"a drop of +1.00 points, 95 % interval {least * 100:+.2f} to {most * 100:+.2f}" in text
    assert "after gzip 1.80 instead of 3.60 (50% less)" in text
    assert "<conv> Conv2D pruned 1,000 50.0% 400 9" in text
    assert "prune 1 0.5000 0.4000 0.9000 could not be kept" in text
    assert "only this run's exports were measured" in text
    assert made._repr_html_().count("<tr>") == 4


def test_speed_is_told_only_where_both_were_measured_on_one_machine(copy, run, tmp_path):
    before = tmp_path / "before"
    before.mkdir()
    table = Benchmark(
        environment=ENVIRONMENT,
        measurements=(measurement("openvino-int8", latency_ms=9.25, size_bytes=2_400_000),),
        failures={},
        noise_floor=0.05,
    )
    table.save(before / "benchmark.json")
    compression(before).save(RunFolder(copy).compression_file)
    text = shown(copy)
    assert "openvino-int8 2.40 2.40 9.25 3.10" in text
    assert "differed by up to 5.0%" in text
    elsewhere = dataclasses.replace(table, environment=dataclasses.replace(ENVIRONMENT, cpu="Another"))
    elsewhere.save(before / "benchmark.json")
    assert "measured on another processor" in shown(copy)
    (copy / "benchmark.json").unlink()
    assert "Speed: not measured" in shown(copy)


def distillation():
    return Distillation(
        teacher="/elsewhere/teacher",
        teacher_backbone="keras_applications:ResNet50",
        teacher_fingerprint="a" * 64,
        settings=DistillSettings(student="embedded:<small>"),
        metric_name="accuracy",
        teacher_metric=0.92,
        alone_metric=0.80,
        student_metric=0.91,
        paired=Paired(sample_count=200, both_right=180, only_before=4, only_after=2, p_value=0.6875),
        teacher_parameters=1_000_000,
        student_parameters=100_000,
        epochs=5,
        best_epoch=4,
    )


def test_a_student_is_set_beside_its_teacher(copy):
    distillation().save(RunFolder(copy).distillation_file)
    text = shown(copy)
    low, high = wilson_interval(184, 200)
    assert f"teacher keras_applications:ResNet50 0.9200 {low:.4f} to {high:.4f}" in text
    low, high = wilson_interval(160, 200)
    assert f"embedded:<small>, without it 0.8000 {low:.4f} to {high:.4f}" in text
    assert "It has 10% of the teacher's weights" in text
    assert "kept: epoch 4 of 5" in text
    assert "&lt;small&gt;" in distillation()._repr_html_()


def test_records_that_are_no_records_are_an_error(copy):
    RunFolder(copy).compression_file.write_text(json.dumps([]))
    with pytest.raises(ConfigError, match="Compression"):
        write_report(copy)
