"""Benchmarks under scenarios, through the command line, on every target's real artefacts."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tfl
from tests.conftest import draw_classes
from tests.e2e.conftest import assert_user_error, call, call_json
from tfl.bench.cells import ExportSummary
from tfl.bench.records import Failure
from tfl.bench.scenario_files import make_suite
from tfl.benchmarking import _verified
from tfl.core.config import DEFAULT_BACKBONE
from tfl.core.errors import UserError
from tfl.core.progress import Progress
from tfl.core.run_folder import RunFolder
from tfl.resizing import resized_artifacts

pytestmark = pytest.mark.slow
SHORT = ("--rounds", "2", "--seconds", "0.1", "--least-queries", "40")


@pytest.fixture(scope="session")
def own_run(finished_run, tmp_path_factory):
    """A copy of the finished run that may be written into."""
    return shutil.copytree(finished_run[0], tmp_path_factory.mktemp("measured") / "run")


@pytest.fixture(scope="session")
def measured(own_run):
    """Two scenarios over three targets, with a sweep."""
    names = ("onnx-int8", "openvino-int8", "tflite-fp32")
    chosen = [part for name in names for part in ("--artifact", name)]
    scenarios = ("--scenario", "single-stream,offline", "--sweep", "batch=1,4", "--sweep", "lanes=0,2")
    return call_json("benchmark", own_run, *scenarios, *chosen, *SHORT, "--least-queries", "400")


def test_every_cell_has_a_complete_record_and_all_its_timings(measured, own_run):
    assert measured["failures"] == {}
    assert len(measured["cells"]) == 3 * 1 + 3 * 2 * 2
    assert measured["path"] == str(own_run / "benchmarks" / "1" / "result.json")
    with np.load(own_run / "benchmarks" / "1" / "result.npz") as timings:
        arrays = {name: timings[name] for name in timings.files}
    for cell in measured["cells"]:
        facts = measured["artifacts"][cell["artifact"]]
        assert facts["accuracy"]["artifact_digest"] == facts["digest"]
        assert facts["accuracy"]["metric"] > 0.9
        assert len(cell["rounds"]) == 2
        assert cell["rate_per_s"] > 0
        assert cell["compared_ms"] > 0
        for item in cell["rounds"]:
            assert item["artifact_digest"] == facts["digest"]
            assert item["cold_load_ms"] > 0
            assert item["first_inference_ms"] > 0
            assert item["peak_rss_bytes"] > 1e7
            assert item["inputs"] >= 2
            assert item["conditions"]["affinity"]
            assert (item["joules_per_sample"] is None) == item["energy_note"].startswith("not") or item["energy_note"]
            raw = "latencies_ms" if cell["scenario"] == "single_stream" else "completions_s"
            assert len(arrays[f"{cell['name']}/{item['round']}/{raw}"]) == item["figures"]["queries"]


def test_latencies_come_with_intervals_and_the_stages_of_the_way(measured):
    for cell in measured["cells"]:
        if cell["scenario"] != "single_stream":
            continue
        for item in cell["percentiles"]:
            # A machine that is busy with other work ends a cell before it has the timings that p99 needs.
            if item["percent"] == 99 and item["timings"] < item["needed"]:
                assert item["value_ms"] is None
                continue
            assert item["low_ms"] <= item["value_ms"] <= item["high_ms"]
            assert item["timings"] >= item["needed"]
        stages = cell["rounds"][0]["stages"]
        parts = ("decode_ms", "preprocess_ms", "infer_ms", "postprocess_ms")
        assert all(stages[name] > 0 for name in (*parts, "end_to_end_ms"))


def test_single_stream_latencies_are_remembered_for_the_backbone(measured):
    cells = [cell for cell in measured["cells"] if cell["scenario"] == "single_stream"]
    p50 = {
        cell["artifact"]: item["value_ms"] for cell in cells for item in cell["percentiles"] if item["percent"] == 50
    }
    record = str(Path(measured["path"]).resolve())
    shown = call_json("models", "info", DEFAULT_BACKBONE)["measured"]
    assert len(p50) == 3
    assert {item["artifact"]: item["latency_ms_p50"] for item in shown if item["record"] == record} == p50


def test_the_noise_floor_and_the_kernels_are_on_record(measured):
    assert measured["noise"]["floor"] > 0
    assert measured["noise"]["cell"].endswith("single_stream")
    kernels = {name: facts["kernels"]["kernels"] for name, facts in measured["artifacts"].items()}
    for name in ("onnx-int8", "openvino-int8"):
        assert any(item["precision"] in ("u8", "i8", "uint8", "int8") for item in kernels[name]), name
    assert {item["precision"] for item in kernels["tflite-fp32"] if "CONV" in item["operation"]} == {"float32"}


def test_a_person_reads_intervals_the_floor_and_the_next_step(own_run, tmp_path):
    process = call(
        *("benchmark", own_run, "--scenario", "multi-stream,server", "--artifact", "openvino-int8"),
        *("--out", tmp_path / "r.json", *SHORT),
    )
    assert process.returncode == 0, process.stderr
    # One artefact under two scenarios.
    assert "2 cells and one again for the noise, 2 rounds: about " in process.stderr
    assert re.search(r" at least and at most \d+[ms]", process.stderr)
    for words in ("Noise floor", "n < 368", "arrivals per s", "p99 bound", "benchmark verify", "--model"):
        assert words in process.stdout, process.stdout
    server = json.loads((tmp_path / "r.json").read_text())["cells"][1]
    curve = server["rounds"][0]["figures"]["curve"]
    assert [point["rate_per_s"] for point in curve] == sorted(point["rate_per_s"] for point in curve)


def test_every_target_can_be_measured_with_lanes(own_run, tmp_path):
    names = ("onnx-fp32", "openvino-fp32", "saved_model-fp32", "tflite-int8")
    chosen = [part for name in names for part in ("--artifact", name)]
    options = ("--rounds", "1", "--seconds", "0.1", "--least-queries", "20", "--out", tmp_path / "r.json")
    document = call_json(
        "benchmark", own_run, "--scenario", "offline", "--sweep", "lanes=2", "--sweep", "batch=2", *chosen, *options
    )
    assert document["failures"] == {}
    assert {cell["artifact"] for cell in document["cells"]} == set(names)


def test_a_sweep_over_sizes_measures_smaller_inputs_and_their_accuracy(own_run, tmp_path):
    native = json.loads((own_run / "bundle" / "bundle.json").read_text())["preprocessing"]["height"]
    small = native // 2
    command = ("benchmark", own_run, "--scenario", "single-stream", "--sweep", f"size={small},{native}")
    chosen = ("--artifact", "onnx-int8", "--artifact", "openvino-fp32")
    document = call_json(*command, *chosen, *SHORT, "--out", tmp_path / "sizes.json")
    assert document["failures"] == {}
    names = {f"{name}{suffix}" for name in ("onnx-int8", "openvino-fp32") for suffix in ("", f"-{small}px")}
    assert {cell["artifact"] for cell in document["cells"]} == names
    accuracy = {name: facts["accuracy"]["metric"] for name, facts in document["artifacts"].items()}
    fewer = accuracy[f"openvino-fp32-{small}px"]
    bundle = json.loads((own_run / "sizes" / f"{small}px" / "bundle" / "bundle.json").read_text())
    assert fewer == pytest.approx(bundle["metrics"]["accuracy"])
    assert bundle["preprocessing"]["height"] == small
    assert bundle["signature"]["inputs"][0]["shape"] == [-1, small, small, 3]
    # What is there is taken.
    made = {path: path.stat().st_mtime_ns for path in (own_run / "sizes").rglob("artifact.json")}
    assert len(made) == 2
    found, failures = resized_artifacts(
        RunFolder(own_run), [RunFolder(own_run).artifacts_dir / "onnx-int8"], [small], progress=Progress()
    )
    assert (found, failures) == ([own_run / "sizes" / f"{small}px" / f"onnx-int8-{small}px"], {})
    assert {path: path.stat().st_mtime_ns for path in (own_run / "sizes").rglob("artifact.json")} == made


def _scaled(path, out, factor):
    """A copy of a result whose timings are `factor` times as long."""
    shutil.copy(path, out)
    with np.load(path.with_suffix(".npz")) as timings:
        np.savez(out.with_suffix(".npz"), **{name: timings[name] * factor for name in timings.files})
    record = json.loads(out.read_text())
    record["samples_file"] = out.with_suffix(".npz").name
    out.write_text(json.dumps(record))
    return out


def test_a_regression_beyond_the_noise_fails_and_a_gain_does_not(own_run, tmp_path):
    command = ("benchmark", own_run, "--scenario", "single-stream", "--artifact", "tflite-int8", *SHORT)
    baseline = tmp_path / "baseline.json"
    assert_user_error(call(*command, "--baseline", baseline), "no baseline", "--pin")
    pinned = call_json(*command, "--baseline", baseline, "--pin", "--out", tmp_path / "1.json")
    assert json.loads(baseline.read_text())["cells"] == pinned["cells"]
    slow = _scaled(baseline, tmp_path / "slow.json", 1000.0)
    better = call_json(*command, "--baseline", slow, "--out", tmp_path / "2.json")
    assert [cell["ratio"]["verdict"] for cell in better["comparison"]["cells"]] == ["faster"]
    fast = _scaled(baseline, tmp_path / "fast.json", 0.001)
    worse = call_json(*command, "--baseline", fast, "--out", tmp_path / "3.json", code=1)
    assert [cell["ratio"]["verdict"] for cell in worse["comparison"]["cells"]] == ["slower"]


def test_verify_measures_again_and_says_whether_it_came_out(own_run, tmp_path):
    command = ("benchmark", own_run, "--scenario", "single-stream", "--artifact", "onnx-int8", *SHORT)
    path = tmp_path / "once.json"
    call_json(*command, "--out", path)
    assert_user_error(call("benchmark", "verify", path), "lies in no run", "--model")
    process = call("benchmark", "verify", path, "--model", own_run, "--json")
    document = json.loads(process.stdout)
    assert process.returncode == (0 if document["is_reproduced"] else 1)
    assert document["cells"][0]["same_artifact"]
    assert document["cells"][0]["metric_change"] == 0
    assert (tmp_path / "once-again.json").is_file()
    wrong = _scaled(path, tmp_path / "wrong.json", 50.0)
    refuted = call("benchmark", "verify", wrong, "--model", own_run)
    assert refuted.returncode == 1
    assert "did NOT come out" in refuted.stdout


def test_results_of_machines_stand_in_one_table(measured, own_run, tmp_path):
    path = own_run / "benchmarks" / "1"
    elsewhere = shutil.copytree(path, tmp_path / "elsewhere")
    record = json.loads((elsewhere / "result.json").read_text())
    record["environment"]["cpu"] = "Another processor"
    (elsewhere / "result.json").write_text(json.dumps(record))
    merged = call_json("benchmark", "merge", path, elsewhere, "--out", tmp_path / "merged.json")
    assert len(merged["machines"]) == 2
    assert len(merged["rows"]) == len(measured["cells"])
    assert all(len(row["rate_per_s"]) == 2 for row in merged["rows"])
    assert json.loads((tmp_path / "merged.json").read_text()) == merged
    assert "Another processor" in call("benchmark", "merge", path, elsewhere).stdout


def test_an_artefact_is_recommended_from_the_newest_result(measured, own_run, tmp_path):
    found = call_json("recommend", own_run, "--min-accuracy", "0.5", "--out", tmp_path / "choice.png")
    assert found["picked"]
    assert {item["artifact"] for item in found["options"]} == {"onnx-int8", "openvino-int8", "tflite-fp32"}
    with Image.open(tmp_path / "choice.png") as picture:
        assert picture.width > 600
    process = call("recommend", own_run, "--max-size-mb", "0.000001")
    assert process.returncode == 1
    assert "None of 3 keeps all bounds" in process.stdout
    assert "broken least" in process.stdout


def test_a_run_with_a_plain_table_alone_is_enough_for_a_recommendation(finished_run):
    found = call_json("recommend", finished_run[0], "--percentile", "50")
    assert len(found["options"]) == 7
    assert found["picked"]


def test_a_suite_file_is_a_whole_benchmark(own_run, tmp_path):
    suite = tmp_path / "tiny.yaml"
    suite.write_text(
        "scenarios: [multi-stream]\nartifacts: [onnx-fp32]\nsweep: {batch: [2], threads: [1]}\nrounds: 1\n"
    )
    document = call_json(
        *("benchmark", own_run, "--suite", suite, "--seconds", "0.1", "--least-queries", "20"),
        *("--out", tmp_path / "r.json"),
    )
    assert [cell["name"] for cell in document["cells"]] == ["onnx-fp32 multi_stream batch=2 threads=1"]
    assert document["suite"]["name"] == "tiny"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--scenario", "streaming"], ["streaming", "single_stream"]),
        (["--scenario", "server", "--sweep", "batch=4"], ["batch", "means nothing to server", "offline"]),
        (["--scenario", "server", "--sweep", "lanes"], ["--sweep", "batch=1,8,32"]),
        (["--scenario", "server", "--pin"], ["--pin", "--baseline"]),
        (["--scenario", "server", "--sweep", "size=2"], ["sweep.size", "[8, 4096]", "2"]),
        (["--sweep", "batch=1"], ["--sweep", "--scenario"]),
        (["--scenario", "offline", "--artifact", "onnx-int4"], ["onnx-int4", "onnx-int8"]),
    ],
)
def test_mistakes_are_told_before_anything_is_measured(finished_run, options, words):
    assert_user_error(call("benchmark", finished_run[0], *options), *words)


def test_what_failed_its_verification_is_measured_only_by_its_name(own_run):
    run = RunFolder(own_run)
    exports = ExportSummary.load(run.exports_file)
    bad = exports.cells[0]
    failure = Failure(stage="verify", error="VerificationError", message="too far")
    try:
        exports.merged([dataclasses.replace(bad, status="failed", failure=failure)]).save(run.exports_file)
        measured = [[path.name for path in verified_of(tfl.load(own_run), names)] for names in ((), (bad.name,))]
        assert measured[0] == [name for name in measured[1] if name != bad.name]
        assert bad.name in measured[1]
        cells = [dataclasses.replace(cell, status="failed", failure=failure) for cell in exports.cells]
        exports.merged(cells).save(run.exports_file)
        with pytest.raises(UserError, match="no verified artefact"):
            verified_of(tfl.load(own_run), ())
    finally:
        exports.save(run.exports_file)


def verified_of(model, names):
    return _verified(model, make_suite({"scenarios": ["offline"], "artifacts": list(names)}, where="a test"))


def test_a_file_that_is_no_baseline_is_told_before_anything_is_measured(own_run, tmp_path):
    before = sorted(own_run.rglob("*"))
    (tmp_path / "b.json").write_text("{}")
    process = call("benchmark", own_run, "--scenario", "single-stream", "--baseline", tmp_path / "b.json")
    assert_user_error(process, "b.json is no result of tfl benchmark", "Make one")
    assert sorted(own_run.rglob("*")) == before


def test_one_picture_over_and_over_is_refused(finished_run, tmp_path):
    place = draw_classes(tmp_path / "same", per_class=1)
    pictures = sorted(place.rglob("*.png"))
    for picture in pictures[1:]:
        shutil.copy(pictures[0], picture)
    process = call(
        *("benchmark", finished_run[0], "--data", place, "--split", "all", "--scenario", "single-stream"),
        *("--artifact", "tflite-fp32", *SHORT, "--out", tmp_path / "r.json"),
    )
    assert_user_error(process, "the same sample", "--data")
