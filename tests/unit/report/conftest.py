"""A run folder made of records and small drawn pictures: no training, no engine."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from tfl.bench.cells import ExportSummary
from tfl.bench.held_out import HeldOut
from tfl.bench.records import (
    Benchmark,
    Cell,
    Check,
    Differences,
    Failure,
    LatencyMs,
    Measurement,
    Verification,
)
from tfl.bundle import BackboneRecord, Bundle, Signature, Tensor
from tfl.bundle.records import BUNDLE_FILE
from tfl.core.config import RunConfig, save_yaml
from tfl.core.environment import Environment
from tfl.core.run_folder import Resumption, RunFolder, RunRecord, StageRecord
from tfl.data.check.findings import CheckReport, finding
from tfl.data.manifest import Example, Manifest
from tfl.data.preprocess import ImagePreprocessing
from tfl.report.plots import draw_accuracy_latency, plots_for_evaluation
from tfl.targets import Tolerance
from tfl.tasks import TASKS
from tfl.training.fit import TrainingSummary

#: Names that would break a page, a Markdown table or a plot if they were taken for markup.
LABELS = ("<script>alert(1)", "a$b|c_{d}$", "grün\tund lang, sehr lang, noch länger als das")
ENVIRONMENT = Environment(
    system="Linux",
    python="3.11",
    cpu="A <fast> CPU",
    cpu_count=2,
    cpu_quota=None,
    isa=("avx2",),
    governor="not readable (No such file)",
    memory_bytes=8_000_000_000,
    versions={"numpy": "2.0"},
)
HISTORY = [
    {"stage": stage, "epoch": epoch, "loss": 1 / epoch, "accuracy": 0.5, "val_loss": 1.1 / epoch, "val_accuracy": 0.6}
    for stage, epochs in (("head", 4), ("fine_tune", 2))
    for epoch in range(1, epochs + 1)
]


def measurement(name, *, latency_ms, metric=0.9, size_bytes=1_000_000):
    target, _, precision = name.partition("-")
    latency = LatencyMs(p50=latency_ms, p90=latency_ms * 1.1, p99=latency_ms * 1.3, timings=200)
    return Measurement(
        artifact=name,
        target=target,
        precision=precision,
        size_bytes=size_bytes,
        metric_name="accuracy",
        metric=metric,
        sample_count=30,
        model_ms=latency,
        end_to_end_ms=dataclasses.replace(latency, p50=latency_ms + 2),
        throughput_per_s=1000 / latency_ms,
        throughput_batch=8,
        throughput_by_batch={"1": 1.0, "8": 1000 / latency_ms},
        load_ms=12.0,
        first_inference_ms=4.0,
        peak_rss_bytes=90_000_000,
        threads=0,
    )


def cell(name, *, size_bytes, metric=0.9, passed=True):
    target, _, precision = name.partition("-")
    differences = Differences(sample_count=30, max_difference=1e-3, mean_difference=1e-4, agreement=1.0, flipped=0)
    tolerance = Tolerance(max_difference=0.1, mean_difference=0.1, agreement=0.9, metric_drop=0.05, reason="a test")
    proof = Verification(
        artifact=name,
        passed=passed,
        golden=differences,
        held_out=differences,
        metric_name="accuracy",
        metric=metric,
        float_metric=0.9,
        checks=(Check(name="golden max difference", value=1e-3 if passed else 0.5, limit=0.1, passed=passed),),
        tolerance=tolerance,
    )
    failure = None if passed else Failure(stage="verify", error="VerificationError", message="far <off>", log="logs/x")
    return Cell(
        target=target,
        precision=precision,
        status="ok" if passed else "failed",
        artifact_dir=f"bundle/artifacts/{name}",
        size_bytes=size_bytes,
        verification=proof,
        failure=failure,
    )


def draw_pictures(root, *, count):
    """Write pictures of three colours into hostile folder names and return the manifest."""
    generator = np.random.default_rng(0)
    examples = []
    for index in range(count):
        label = LABELS[index % 3]
        path = f"{label}/<img src=x> {index:03d}.png"
        (root / label).mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 120, (20 + index % 9, 24, 3))
        pixels[..., index % 3] += 120
        Image.fromarray(pixels.astype(np.uint8)).save(root / path)
        split = "test" if index % 2 else "train"
        examples.append(Example(path=path, label=label, split=split, sha256=f"{index:064x}"))
    return Manifest(
        root=str(root), reader="image_folder", labels=LABELS, examples=tuple(examples), split_names={"val": "test"}
    )


def answers(truth, *, wrong):
    """Probabilities `(samples, 3)`, the first `wrong` of them with another answer."""
    outputs = np.random.default_rng(1).dirichlet(np.ones(3), len(truth)) * 0.3
    for row, index in enumerate(truth):
        outputs[row, (index + 1) % 3 if row < wrong else index] += 0.7
    return outputs.astype(np.float32)


def bundle_record():
    tensor = Tensor(name="image", shape=(-1, 16, 16, 3), dtype="float32", meaning="normalized")
    return Bundle(
        task="image_classification",
        labels=LABELS,
        preprocessing=ImagePreprocessing(height=16, width=16),
        signature=Signature(inputs=(tensor,), outputs=(tensor,)),
        backbone=BackboneRecord(
            spec="embedded:sketchnet", source="embedded", digest="d" * 64, licence="unknown", weights_origin="drawings"
        ),
        metrics={"accuracy": 0.9},
        data_fingerprint="f" * 64,
        created="2026-01-01T00:00:00+00:00",
        versions={"keras": "3"},
        files={"model.keras": "e" * 64},
    )


def write_run(folder, data):
    """Write every record of a finished run, and its plots."""
    manifest = draw_pictures(data, count=60)
    run = RunFolder(folder)
    run.evaluation_dir.mkdir(parents=True)
    manifest.save(run.manifest_file)
    test = manifest.of_split("test")
    truth = tuple(manifest.label_indices(test))
    outputs = answers(truth, wrong=3)
    paths = tuple(example.path for example in test)
    HeldOut(data, paths, truth, outputs).save(run.predictions_file)
    scores = TASKS.get("image_classification").score(
        truth, outputs, labels=LABELS, paths=paths, split="test", model="bundle"
    )
    scores.save(run.evaluation_dir / "test.json")
    bundle_record().save(run.bundle_dir / BUNDLE_FILE)
    plots_for_evaluation(folder, scores, manifest=manifest, truth=truth, outputs=outputs, paths=paths, history=HISTORY)
    write_text_records(run)
    cells = (
        cell("openvino-fp32", size_bytes=8_000_000),
        cell("openvino-int8", size_bytes=2_400_000),
        cell("tflite-int8", size_bytes=2_000_000, metric=0.5, passed=False),
        Cell(target="saved_model", precision="int8", status="unsupported", reason="no <int8> kernels"),
    )
    ExportSummary(cells=cells).save(run.exports_file)
    measurements = (
        measurement("openvino-fp32", latency_ms=6.4, size_bytes=8_000_000),
        measurement("openvino-int8", latency_ms=3.1, size_bytes=2_400_000),
    )
    Benchmark(environment=ENVIRONMENT, measurements=measurements, failures={}, noise_floor=0.03).save(
        run.benchmark_file
    )
    draw_accuracy_latency(measurements, folder / "benchmark.png")
    return folder


def write_text_records(run):
    save_yaml(RunConfig(seed=17), run.config_file)
    found = finding("unreadable", "<b>/broken.png", "the file is empty (0 bytes)")
    CheckReport(
        verdict="1 error in 60 pictures",
        examples=60,
        errors=1,
        warnings=0,
        class_counts=dict.fromkeys(LABELS, 20),
        split_counts={},
        findings=(found,),
    ).save(run.check_file)
    RunRecord(
        name="photos-1",
        created="2026-01-01T00:00:00+00:00",
        command="tfl run photos --out '<here>'",
        tfl_version="0.1",
        status="done",
        stages={
            "train": StageRecord(
                status="done", seconds=1.5, cpu_seconds=2.5, peak_rss_bytes=300_000_000, energy_joules=40.0
            )
        },
        environment=ENVIRONMENT,
        resumptions=(
            Resumption(at="2026-01-02T00:00:00+00:00", command="tfl run", changes=("cpu: <slow> -> <fast>",)),
        ),
    ).save(run.record_file)
    run.training_dir.mkdir(exist_ok=True)
    (run.training_dir / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in HISTORY))
    TrainingSummary(
        policy="float32",
        policy_reason="no faster type here",
        epochs={"head": 4, "fine_tune": 2},
        best_epochs={"head": 4, "fine_tune": 1},
        best_validation_loss=0.3,
        trained_layers=3,
        parameters=12345,
        train_samples=30,
        validation_samples=6,
    ).save(run.training_dir / "summary.json")


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """A finished run; not to be changed."""
    pytest.importorskip("matplotlib")
    return write_run(tmp_path_factory.mktemp("runs") / "photos-1", tmp_path_factory.mktemp("data"))
