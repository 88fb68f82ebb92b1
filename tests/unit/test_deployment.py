"""From a trained model to an artefact in use, as a notebook calls it."""

import dataclasses
import shutil
import subprocess
import sys

import pytest

import tfl
from tests.unit.bench.results import on_machine
from tests.unit.report.conftest import run as run
from tests.unit.report.test_measured import add_result
from tfl.bench.choice import Bounds
from tfl.bench.merging import merge_results
from tfl.bench.scenario_comparison import ResultComparison
from tfl.bench.scenario_files import save_result
from tfl.benchmarking import Measured, compare_with_baseline, read_baseline, read_measured, recommend_artifact
from tfl.core.errors import ConfigError, IntegrityError, NotFoundError, UserError
from tfl.core.run_folder import RunRecord

pytest.importorskip("matplotlib")


@pytest.fixture
def measured_run(run, tmp_path):
    copy = shutil.copytree(run, tmp_path / "photos-1")
    add_result(copy)
    return copy


def test_public_names_are_few_and_load_nothing_heavy():
    assert len(tfl.__all__) <= 25
    program = (
        "import sys, tfl\n"
        "for name in tfl.__all__: getattr(tfl, name)\n"
        "print([name for name in ('tensorflow', 'keras', 'matplotlib', 'openvino') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_recommendation_names_the_folder_shows_itself_and_is_drawn(measured_run):
    chosen = tfl.recommend_artifact(measured_run, max_latency_ms=20, min_accuracy=0.5)
    assert chosen.artifact_dir.parent == measured_run / "bundle" / "artifacts"
    assert chosen.artifact_dir.name in chosen.choice.picked
    page = chosen._repr_html_()
    assert "at most latency 20.00 ms and at least a metric of 0.5" in page
    assert "tflite-&lt;b&gt;" in page
    shown = chosen.show()
    assert shown._repr_png_().startswith(b"\x89PNG")
    assert "3 measured artefacts tflite-" in shown.description


def test_where_none_keeps_the_bounds_there_is_nothing_to_open(measured_run):
    chosen = tfl.recommend_artifact(measured_run, max_latency_ms=0.5)
    assert "None of 3 keeps all bounds" in chosen._repr_html_()
    with pytest.raises(NotFoundError, match="The closest is"):
        chosen.open()


def test_a_benchmark_shows_cells_verdicts_and_both_pictures(measured_run):
    measured = read_measured(measured_run / "benchmarks" / "1")
    page = measured._repr_html_()
    assert "no difference" in page
    assert "slower" in page
    assert "openvino-int8 single_stream" in page
    assert measured.show_latencies()._repr_png_() != measured.show_servers()._repr_png_()


def test_a_benchmark_without_a_scenario_says_so(measured_run):
    measured = read_measured(measured_run / "benchmarks" / "1")
    alone = measured.result.cells[-1]
    rest = measured.result.cells[:-1]
    without = type(measured.result).from_dict({**measured.result.to_dict(), "cells": [cell.to_dict() for cell in rest]})
    with pytest.raises(UserError, match="no server scenario"):
        Measured(without, measured.series, measured.path).show_servers()
    only = type(measured.result).from_dict({**measured.result.to_dict(), "cells": [alone.to_dict()]})
    with pytest.raises(UserError, match="no latency to draw"):
        Measured(only, measured.series, measured.path).show_latencies()


def _evaluated(folder):
    record = RunRecord.load(folder / "run.json")
    stages = {**record.stages, "evaluate": record.stages["train"]}
    dataclasses.replace(record, stages=stages).save(folder / "run.json")


def test_mistakes_are_told_before_anything_is_done(measured_run, tmp_path):
    with pytest.raises(ConfigError, match="must be a list"):
        tfl.benchmark(measured_run, "offline")
    with pytest.raises(NotFoundError, match="does not exist"):
        tfl.recommend_artifact(tmp_path / "none")
    with pytest.raises(ConfigError, match="max_latency_ms: must be above 0"):
        tfl.recommend_artifact(measured_run, max_latency_ms=-1)
    with pytest.raises(ConfigError, match="sparcity"):
        tfl.compress_model(measured_run, "prune", sparcity=0.5)
    with pytest.raises(ConfigError, match="alpha: must be in"):
        tfl.distill_model(measured_run, "embedded:sketchnet", alpha=2.0)
    with pytest.raises(NotFoundError, match="no ladder of 'openvino'"):
        tfl.show_flipped(measured_run, "openvino")
    with pytest.raises(UserError, match="is not done yet: evaluate"):
        tfl.compress_model(measured_run, "prune")
    _evaluated(measured_run)
    with pytest.raises(NotFoundError, match="Unknown embedded backbone 'nothing'"):
        tfl.distill_model(measured_run, "embedded:nothing")
    with pytest.raises(UserError, match="is a folder"):
        recommend_artifact(measured_run, Bounds(), chart=tmp_path)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["photos-1"]


def test_a_baseline_is_looked_at_before_anything_is_measured(measured_run, tmp_path):
    with pytest.raises(NotFoundError, match="no baseline"):
        read_baseline(tmp_path / "none.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"other\.json is no result of tfl benchmark"):
        read_baseline(tmp_path / "other.json")
    measured = read_measured(measured_run / "benchmarks" / "1")
    pinned = tmp_path / "pinned.json"
    save_result(on_machine(measured.result, "Another processor"), measured.series, pinned)
    with pytest.raises(UserError, match="different machines"):
        read_baseline(pinned)
    pinned.with_suffix(".npz").unlink()
    with pytest.raises(IntegrityError, match="timings"):
        read_baseline(pinned)


def test_a_comparison_is_kept_beside_the_result(measured_run):
    measured = read_measured(measured_run / "benchmarks" / "1")
    comparison = compare_with_baseline(measured, measured)
    assert {cell.ratio.verdict for cell in comparison.cells} == {"no difference"}
    kept = ResultComparison.load(measured.path.with_name("result-against-baseline.json"))
    assert kept == comparison
    assert "openvino-int8 single_stream" in kept._repr_html_()


def test_the_same_result_twice_is_no_second_machine(measured_run):
    result = read_measured(measured_run / "benchmarks" / "1").result
    with pytest.raises(UserError, match="more than once"):
        merge_results([result, result])
