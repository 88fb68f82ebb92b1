"""What was measured on this machine: written by benchmarks, and shown as long as it holds."""

import dataclasses
import json
import multiprocessing

import pytest

import tfl
from tests.unit.bench.results import draw_result
from tests.unit.report.conftest import ENVIRONMENT, measurement
from tfl.bench import measured_here
from tfl.bench.measured_here import (
    index_file,
    read_measured_here,
    remember_backbone,
    remember_benchmark,
    remember_scenarios,
)
from tfl.bench.records import Benchmark
from tfl.bundle import Artifact
from tfl.bundle.records import ARTIFACT_FILE, BackboneRecord, Signature
from tfl.core.environment import read_machine
from tfl.data.preprocess import ImagePreprocessing

SPEC = "keras_applications:MobileNetV2"


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TFL_CACHE", str(tmp_path / "cache"))


def write_artifact(root, name, *, size=224):
    target, _, precision = name.partition("-")
    folder = root / "bundle" / "artifacts" / name
    Artifact(
        task="image_classification",
        target=target,
        precision=precision,
        labels=("a", "b"),
        preprocessing=ImagePreprocessing(height=size, width=size),
        signature=Signature(inputs=(), outputs=()),
        model_files=("model",),
        size_bytes=3_000_000,
        bundle_fingerprint="",
        # As it was asked for, with the default weights by name; lists leave them out.
        backbone=BackboneRecord(
            spec=f"{SPEC}@imagenet", source="keras_applications", digest="", licence="", weights_origin=""
        ),
        calibration=None,
        created="",
        versions={},
        files={},
    ).save(folder / ARTIFACT_FILE)
    return folder


def benchmark(root, *, size=224, **latencies_ms):
    """Write and remember a run's plain table, as a benchmark does."""
    names = {name.replace("_", "-"): value for name, value in latencies_ms.items()}
    folders = [write_artifact(root, name, size=size) for name in names]
    measurements = tuple(measurement(name, latency_ms=value) for name, value in names.items())
    table = Benchmark(environment=ENVIRONMENT, measurements=measurements, failures={}, noise_floor=None)
    table.save(root / "benchmark.json")
    remember_benchmark(table, folders, root / "benchmark.json")


def test_a_benchmark_is_remembered_for_its_backbone(tmp_path):
    assert read_measured_here() == {}
    benchmark(tmp_path / "run", openvino_int8=3.0, onnx_fp32=8.0)
    found = {item.artifact: item for item in read_measured_here()[SPEC]}
    item = found["openvino-int8"]
    assert (item.target, item.precision, item.latency_ms_p50, item.size_bytes) == ("openvino", "int8", 3.0, 3_000_000)
    assert (item.input, item.record) == ("224 x 224 x 3", str(tmp_path / "run" / "benchmark.json"))
    entry = tfl.model_info(SPEC)
    assert entry.fastest == item
    assert len(entry.measured) == 2
    assert [row.spec for row in tfl.list_models(max_latency_ms=3.5)] == [SPEC]
    assert tfl.list_models(sort="latency")[0].spec == SPEC
    assert len(tfl.list_models(max_latency_ms=2.9)) == 0


def test_a_smaller_input_is_told_but_is_not_the_backbones_latency(tmp_path):
    benchmark(tmp_path / "small", openvino_int8=0.5, size=96)
    entry = tfl.model_info(SPEC)
    assert (len(entry.measured), entry.fastest) == (1, None)
    assert len(tfl.list_models(max_latency_ms=1)) == 0
    benchmark(tmp_path / "own", openvino_int8=3.0)
    assert tfl.model_info(SPEC).fastest.latency_ms_p50 == 3.0


def test_a_newer_table_of_the_same_run_takes_the_place_of_the_old(tmp_path):
    benchmark(tmp_path / "run", openvino_int8=3.0, onnx_fp32=8.0)
    benchmark(tmp_path / "other", openvino_int8=5.0)
    benchmark(tmp_path / "run", openvino_int8=4.0)
    assert sorted(item.latency_ms_p50 for item in read_measured_here()[SPEC]) == [4.0, 5.0]


def test_what_no_longer_holds_is_not_shown(tmp_path, monkeypatch):
    benchmark(tmp_path / "altered", openvino_int8=3.0)
    benchmark(tmp_path / "gone", openvino_int8=4.0)
    benchmark(tmp_path / "kept", openvino_int8=5.0)
    with (tmp_path / "altered" / "benchmark.json").open("a") as stream:
        stream.write("\n")
    (tmp_path / "gone" / "benchmark.json").unlink()
    assert [item.latency_ms_p50 for item in read_measured_here()[SPEC]] == [5.0]
    version_of = measured_here.version_of
    monkeypatch.setattr(measured_here, "version_of", lambda name: "0" if name == "openvino" else version_of(name))
    if version_of("openvino") is not None:
        assert read_measured_here() == {}


def test_another_machine_is_another_index(tmp_path, monkeypatch):
    benchmark(tmp_path / "run", openvino_int8=3.0)
    other = dataclasses.replace(read_machine(), cpu="Another processor")
    monkeypatch.setattr(measured_here, "read_machine", lambda: other)
    assert read_measured_here() == {}
    benchmark(tmp_path / "there", openvino_int8=9.0)
    assert [item.latency_ms_p50 for item in read_measured_here()[SPEC]] == [9.0]
    monkeypatch.undo()
    monkeypatch.setenv("TFL_CACHE", str(tmp_path / "cache"))
    assert [item.latency_ms_p50 for item in read_measured_here()[SPEC]] == [3.0]


def test_only_latencies_of_one_sample_are_taken_from_scenarios(tmp_path):
    result, _ = draw_result({"openvino-int8": 2.0, "onnx-fp32": 7.0})
    server = dataclasses.replace(result.cells[1], scenario="server")
    result = dataclasses.replace(result, cells=(result.cells[0], server))
    for name in ("openvino-int8", "onnx-fp32"):
        write_artifact(tmp_path, name)
    record = tmp_path / "benchmarks" / "1" / "result.json"
    result.save(record)
    remember_scenarios(result, tmp_path, record)
    [item] = read_measured_here()[SPEC]
    assert item.latency_ms_p50 == pytest.approx(2.0, rel=0.05)
    assert item.created == result.created


def test_a_backbone_alone_counts_for_its_latest_measurement():
    for latency_ms in (9.0, 6.0):
        remember_backbone(SPEC, input="64 x 64 x 3", target="numpy", latency_ms_p50=latency_ms, size_bytes=4)
    remember_backbone(SPEC, input="96 x 96 x 3", target="numpy", latency_ms_p50=12.0, size_bytes=4)
    assert [item.latency_ms_p50 for item in read_measured_here()[SPEC]] == [12.0, 6.0]
    assert "backbone alone" in read_measured_here()[SPEC][0].what


@pytest.mark.parametrize("content", ["not JSON", '{"machine": 1}', '{"schema": 9, "machine": {}, "entries": []}'])
def test_a_damaged_index_is_left_aside_and_written_anew(content, tmp_path, caplog):
    index_file().parent.mkdir(parents=True)
    index_file().write_text(content)
    assert read_measured_here() == {}
    assert "is left aside" in caplog.text
    benchmark(tmp_path / "run", openvino_int8=3.0)
    assert len(read_measured_here()[SPEC]) == 1


def test_a_benchmark_does_not_fail_of_its_index(tmp_path, caplog):
    (tmp_path / "cache").write_text("a file where the cache should be")
    benchmark(tmp_path / "run", openvino_int8=3.0)
    assert "is not remembered" in caplog.text
    assert read_measured_here() == {}


def test_the_index_does_not_grow_without_end(monkeypatch):
    monkeypatch.setattr(measured_here, "_MOST", 3)
    for size in range(5):
        remember_backbone(SPEC, input=str(size), target="numpy", latency_ms_p50=1.0 + size, size_bytes=4)
    assert [item.input for item in read_measured_here()[SPEC]] == ["4", "3", "2"]


def _remember_many(number):
    for size in range(5):
        remember_backbone(SPEC, input=f"{number}-{size}", target="numpy", latency_ms_p50=1.0, size_bytes=4)


def test_benchmarks_at_the_same_time_lose_nothing():
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_remember_many, args=(number,)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(read_measured_here()[SPEC]) == 10
    assert json.loads(index_file().read_text())["machine"]["cpu"] == read_machine().cpu
