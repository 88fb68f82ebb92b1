"""The main job through the command line, and what can be done with what it made."""

import json
import shutil
import subprocess
import sys

import pytest
import yaml
from PIL import Image

from tests.e2e.conftest import QUICK, assert_user_error, call, call_json

pytestmark = pytest.mark.slow
TARGETS = ("onnx", "openvino", "saved_model", "tflite")


def artifact(run, name):
    return run / "bundle" / "artifacts" / name


def test_every_stage_is_done_and_every_artefact_is_proven(finished_run):
    _run, document = finished_run
    assert document["record"]["status"] == "done"
    assert list(document["record"]["stages"]) == [
        "check",
        "split",
        "train",
        "evaluate",
        "export",
        "benchmark",
        "report",
    ]
    assert document["evaluation"]["accuracy"] > 0.9
    cells = {(cell["target"], cell["precision"]): cell for cell in document["exports"]["cells"]}
    assert set(cells) == {(target, precision) for target in TARGETS for precision in ("fp32", "int8")}
    assert cells["saved_model", "int8"]["status"] == "unsupported"
    assert cells["saved_model", "int8"]["reason"]
    made = [cell for cell in cells.values() if cell["status"] != "unsupported"]
    assert len(made) == 7
    for cell in made:
        assert cell["status"] == "ok", cell["failure"]
        proof = cell["verification"]
        assert proof["passed"]
        assert proof["held_out"]["sample_count"] == document["evaluation"]["sample_count"]
    assert all(cells[target, "fp32"]["verification"]["held_out"]["flipped"] == 0 for target in TARGETS)


def test_the_benchmark_has_figures_for_every_artefact(finished_run):
    run, document = finished_run
    measured = {item["artifact"]: item for item in document["benchmark"]["measurements"]}
    assert len(measured) == 7
    for item in measured.values():
        assert 0 < item["model_ms"]["p50"] <= item["model_ms"]["p90"] <= item["model_ms"]["p99"]
        assert item["end_to_end_ms"]["p50"] > 0
        assert item["throughput_per_s"] == max(item["throughput_by_batch"].values())
        assert item["size_bytes"] > 1000
        assert item["peak_rss_bytes"] > 1e7
        assert item["metric"] > 0.9
    assert (run / "benchmark.md").read_text().count("|") > 20
    with Image.open(run / "benchmark.png") as chart:
        assert chart.format == "PNG"


def test_the_report_stands_alone(finished_run):
    run, _ = finished_run
    text = (run / "report.html").read_text(encoding="utf-8")
    # Photos one by one, three grids of them; charts as shapes.
    kept = [json.loads(file.read_text())["tiles"] for file in (run / "evaluation").glob("*.tiles")]
    assert len(kept) == 3
    photos = sum(bool(tile["picture"]) + bool(tile["heated"]) for tiles in kept for tile in tiles)
    assert text.count('src="data:image/jpeg;base64,') == text.count('src="data:image/') == photos > 12
    # Two of the six are wider than a phone, and drawn for one, too.
    assert text.count("<svg ") - text.count('chart narrow"') == 6
    assert text.count('chart narrow"') == 2
    assert 'src="http' not in text
    assert "openvino" in text
    assert (run / "report.html").stat().st_size < 10e6


def test_the_config_and_the_manifest_are_saved(finished_run, colours):
    run, _document = finished_run
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["train"]["epochs"] == 6
    assert config["benchmark"]["batch_sizes"] == [1, 8]
    manifest = json.loads((run / "manifest.json").read_text())
    assert {item["split"] for item in manifest["examples"]} == {"train", "validation", "test"}
    assert all(len(item["sha256"]) == 64 for item in manifest["examples"])
    for name in ("history.csv", "history.jsonl", "summary.json"):
        assert (run / "training" / name).stat().st_size > 0
    assert list((run / "training" / "tensorboard").glob("events*"))
    assert not (run / "work").exists()


@pytest.mark.parametrize("name", ["bundle", *(f"{target}-fp32" for target in TARGETS), "openvino-int8"])
def test_evaluate_and_predict_work_the_same_on_everything(finished_run, colours, name):
    run, document = finished_run
    model = run / "bundle" if name == "bundle" else artifact(run, name)
    evaluation = call_json("evaluate", model, "--split", "test")
    assert evaluation["accuracy"] == pytest.approx(document["evaluation"]["accuracy"], abs=0.1)
    assert evaluation["sample_count"] == document["evaluation"]["sample_count"]
    answers = call_json("predict", model, colours / "red" / "red-01.png", colours / "blue" / "blue-01.png")
    assert [item["label"] for item in answers["predictions"]] == ["red", "blue"]


@pytest.mark.parametrize("name", ["openvino-int8", "tflite-fp32", "onnx-int8"])
def test_predicting_with_an_artefact_imports_no_tensorflow(finished_run, colours, name):
    run, _ = finished_run
    code = (
        "import sys, tfl; model = tfl.load(sys.argv[1]); answer = model.predict(sys.argv[2])[0]\n"
        "loaded = {'tensorflow', 'keras', 'sklearn', 'matplotlib'} & set(sys.modules)\n"
        "print(answer.label, sorted(loaded))"
    )
    picture = str(colours / "green" / "green-00.png")
    command = [sys.executable, "-c", code, str(artifact(run, name)), picture]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "green []\n"


def test_an_artefact_travels_alone(finished_run, colours, tmp_path):
    run, _ = finished_run
    shutil.copytree(artifact(run, "openvino-int8"), tmp_path / "away")
    picture = colours / "red" / "red-02.png"
    assert call_json("predict", tmp_path / "away", picture)["predictions"][0]["label"] == "red"
    proof = call_json("verify", tmp_path / "away")[0]
    assert proof["passed"]
    assert proof["held_out"] is None
    assert proof["note"]
    evaluation = call_json("evaluate", tmp_path / "away", "--data", colours)
    assert evaluation["split"] == "all"
    assert evaluation["sample_count"] == 72
    result = call_json("benchmark", tmp_path / "away", "--data", colours, "--seconds", "0.1", "--batch-sizes", "1")
    assert result["measurements"][0]["sample_count"] == 72
    assert_user_error(call("evaluate", tmp_path / "away"), "lies in no run", "--data")


def test_verify_finds_an_altered_and_a_missing_file(finished_run, tmp_path):
    run, _ = finished_run
    folder = shutil.copytree(artifact(run, "openvino-fp32"), tmp_path / "altered")
    weights = next(folder.glob("**/*.bin"))
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 0xFF
    weights.write_bytes(bytes(data))
    for command in ("verify", "evaluate", "benchmark"):
        assert_user_error(call(command, folder), weights.name, "altered")
    weights.unlink()
    assert_user_error(call("verify", folder), weights.name, "missing")


def test_verify_fails_loudly_when_the_model_is_another(finished_run, tmp_path):
    """Weights that are consistent with their digests but wrong: only running the model can tell."""
    run, _ = finished_run
    folder = shutil.copytree(artifact(run, "onnx-fp32"), tmp_path / "swapped")
    record = json.loads((folder / "artifact.json").read_text())
    assert record["preprocessing"]["channels"] == "rgb"
    record["preprocessing"]["channels"] = "bgr"
    (folder / "artifact.json").write_text(json.dumps(record))
    process = call("verify", folder)
    assert process.returncode == 1
    assert "FAILED" in process.stdout
    assert not call_json("verify", folder, code=1)[0]["passed"]


def test_exporting_again_adds_cells(finished_run, tmp_path):
    run, _ = finished_run
    mine = shutil.copytree(run, tmp_path / "run")
    summary = call_json("export", mine, "--target", "tflite", "--precision", "int8-io,dynamic")
    assert {(cell["precision"], cell["status"]) for cell in summary["cells"]} == {("int8-io", "ok"), ("dynamic", "ok")}
    cells = json.loads((mine / "exports.json").read_text())["cells"]
    assert len(cells) == 10


def test_runs_list_show_and_compare(finished_run, tmp_path):
    run, _ = finished_run
    listed = call_json("runs", "list", run.parent)
    assert [item["name"] for item in listed] == ["run"]
    assert call_json("runs", "show", run)["record"]["status"] == "done"
    compared = call_json("runs", "compare", run, run)
    assert compared[0]["settings"] == {}
    assert compared[0]["results"]["accuracy"] > 0.9
    for command in (("list", run.parent), ("show", run), ("compare", run, run)):
        assert call("runs", *command).returncode == 0
    shown = call("runs", "show", run).stdout
    record = json.loads((run / "run.json").read_text())
    for words in (record["command"], record["by"], record["energy_note"], record["data_fingerprint"][:12], "Seed 0"):
        assert words in shown
    assert all(stage["cpu_seconds"] >= 0 for stage in record["stages"].values())
    assert record["stages"]["train"]["peak_rss_bytes"] > record["stages"]["check"]["peak_rss_bytes"]
    assert_user_error(call("runs", "show", run.parent / "rum"), "Did you mean 'run'?")


def test_an_output_that_exists_is_refused_resumed_or_replaced(finished_run, colours, tmp_path):
    run, _ = finished_run
    mine = shutil.copytree(run, tmp_path / "run")
    again = ["run", colours, "--out", mine, *QUICK, "--precision", "fp32,int8"]
    assert_user_error(call(*again), "exists already", "--resume", "--overwrite")
    process = call(*again, "--resume")
    assert process.returncode == 0
    assert process.stderr.count("done before, kept") == 7
    assert_user_error(call("run", "--out", mine, "--resume", "--epochs", "7"), "train.epochs: 6 -> 7")
    other = tmp_path / "other"
    other.mkdir()
    (other / "precious.txt").write_text("mine")
    assert_user_error(call(*again[:3], other, "--overwrite"), "not made by tfl")
    assert (other / "precious.txt").read_text() == "mine"


def test_a_picture_that_can_not_be_read_is_named_and_the_exit_code_says_so(tmp_path, finished_run, colours):
    run, _ = finished_run
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8nothing")
    document = call_json(
        "predict", run / "bundle" / "artifacts" / "openvino-fp32", bad, colours / "red" / "red-01.png", code=2
    )
    assert [item["label"] for item in document["predictions"]] == ["red"]
    assert "bad.jpg" in document["errors"][0]["error"]
