"""`tfl quantize` on a finished run: the proof on disk, the answer as JSON, exit codes, and what is not done twice."""

import json
import shutil

import pytest

from tests.e2e.conftest import assert_user_error, call, call_json

TARGETS = ("onnx", "openvino", "tflite")


@pytest.fixture(scope="module")
def quantized(finished_run, tmp_path_factory):
    """A copy of the finished run with every ladder climbed, and the document that told so."""
    run = tmp_path_factory.mktemp("quantized") / "run"
    shutil.copytree(finished_run[0], run)
    return run, call_json("quantize", run, "--max-drop", "0.05", "--calibration-size", "30")


@pytest.mark.slow
def test_every_target_with_a_quantizer_gets_a_verified_artefact(quantized):
    run, document = quantized
    assert [ladder["target"] for ladder in document["ladders"]] == list(TARGETS)
    assert document["holds"] is True
    for ladder in document["ladders"]:
        on_disk = json.loads((run / "quantize" / f"{ladder['target']}.json").read_text())
        assert on_disk == ladder
        chosen = ladder["climb"]["tries"][-1]
        assert chosen["rung"] == ladder["climb"]["chosen"]
        assert chosen["status"] == "holds"
        assert chosen["speed"]["low"] <= chosen["speed"]["ratio"] <= chosen["speed"]["high"]
        assert ladder["cell"]["verification"]["passed"] is True
        artifact = json.loads((run / ladder["cell"]["artifact_dir"] / "artifact.json").read_text())
        assert artifact["size_bytes"] == chosen["size_bytes"] == ladder["cell"]["size_bytes"]
        assert ladder["statement"]["outcome"] in ("within", "too few samples to say")


@pytest.mark.slow
def test_the_samples_that_calibrate_choose_and_test_are_different_ones(quantized):
    run, document = quantized
    manifest = json.loads((run / "manifest.json").read_text())
    counts = {"train": 0, "validation": 0, "test": 0}
    for example in manifest["examples"]:
        counts[example["split"]] += 1
    for ladder in document["ladders"]:
        use = ladder["samples"]
        assert use["calibration"]["sample_count"] <= use["more_calibration"]["sample_count"] <= counts["train"] // 2
        assert use["train_samples"] <= counts["train"] - use["more_calibration"]["sample_count"]
        assert use["validation_samples"] <= counts["validation"]
        assert ladder["test"]["sample_count"] == counts["test"]


@pytest.mark.slow
def test_the_same_question_is_not_climbed_again_and_an_altered_artefact_is(quantized):
    run, document = quantized
    options = ("quantize", run, "--max-drop", "0.05", "--calibration-size", "30", "--target", "onnx")
    again = call_json(*options)
    assert again["ladders"] == [ladder for ladder in document["ladders"] if ladder["target"] == "onnx"]
    model = run / again["ladders"][0]["cell"]["artifact_dir"] / "model.onnx"
    model.write_bytes(model.read_bytes() + b"x")
    climbed = call_json(*options)["ladders"][0]
    assert climbed["seconds"] != again["ladders"][0]["seconds"]
    assert climbed["cell"]["verification"]["passed"] is True


@pytest.mark.slow
def test_the_report_tells_the_ladders_and_the_statement(quantized):
    run, document = quantized
    assert call("report", run).returncode == 0
    page, text = (run / "report.html").read_text(), (run / "report.md").read_text()
    for ladder in document["ladders"]:
        title = f"{ladder['target']}: every rung that was tried, on the samples that choose"
        assert title in page
        assert f"Quantized for {ladder['target'].replace('_', chr(92) + '_')}" in text
        assert "McNemar p" in page


@pytest.mark.slow
def test_a_network_that_is_trained_on_for_int8_gives_an_artefact_and_stays_as_it_was(finished_run, tmp_path):
    pytest.importorskip("tensorflow_model_optimization")
    run = tmp_path / "run"
    shutil.copytree(finished_run[0], run)
    before = (run / "bundle" / "bundle.json").read_bytes()
    options = ("--target", "tflite", "--approach", "qat", "--qat-epochs", "1", "--max-drop", "0.3")
    (ladder,) = call_json("quantize", run, *options)["ladders"]
    assert [tried["rung"] for tried in ladder["climb"]["tries"]] == ["int8-qat"]
    assert ladder["cell"]["verification"]["passed"] is True
    assert len(ladder["training"]["epochs"]) == 1
    assert (run / "bundle" / "bundle.json").read_bytes() == before
    assert call("verify", run / ladder["cell"]["artifact_dir"]).returncode == 0
    assert call("report", run).returncode == 0
    assert "Trained on with quantization simulated: 1 of 1 epochs" in (run / "report.html").read_text()


@pytest.mark.slow
def test_mistakes_are_told_before_anything_starts(quantized):
    run, _ = quantized
    assert_user_error(call("quantize", run, "--target", "saved_model"), "saved_model", "integer kernels", "tflite")
    assert_user_error(call("quantize", run, "--target", "openvin"), "openvin", "Did you mean 'openvino'")
    assert_user_error(
        call("quantize", run, "--target", "onnx", "--approach", "qat"), "no fake quantization", "openvino, tflite"
    )
    assert_user_error(
        call("quantize", run, "--approach", "qat", "--calibration-method", "minmax"), "calibration_method", "qat"
    )
    assert_user_error(
        call("quantize", run, "--target", "onnx", "--calibration-method", "guess"), "guess", "minmax", "entropy"
    )
    assert_user_error(call("quantize", run / "bundle" / "artifacts" / "onnx-fp32", "--max-drop", "2"), "--max-drop")
