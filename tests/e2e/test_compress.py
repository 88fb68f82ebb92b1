"""Compression and distillation from the command line: a run in, an ordinary run out."""

import shutil

import numpy as np
import pytest

from tests.e2e.conftest import assert_user_error, call, call_json
from tests.presence import skip_without
from tfl.bundle import Artifact
from tfl.compress.records import Compression
from tfl.core.config import read_yaml, resolve_config, save_yaml
from tfl.core.run_folder import RunFolder, RunRecord

skip_without("tensorflow_model_optimization")
pytestmark = pytest.mark.slow

SMALL = ["--epochs", "6", "--image-size", "32", "--augment", "none"]
BRIEF = ["--epochs", "2", "--lr", "0.0005"]


@pytest.fixture(scope="module")
def run(colours, tmp_path_factory):
    """A trained run; not to be changed."""
    out = tmp_path_factory.mktemp("source") / "run"
    call_json("train", colours, "--out", out, *SMALL)
    return out


@pytest.fixture(scope="module")
def quantized(run, tmp_path_factory):
    """The run trained with quantization simulated: its folder and what the command said."""
    out = tmp_path_factory.mktemp("quantized") / "run"
    return out, call_json("compress", run, "--method", "qat", *BRIEF, "--out", out)


@pytest.fixture(scope="module")
def sparse(run, tmp_path_factory):
    """The run pruned and clustered: its folder and what the command said."""
    out = tmp_path_factory.mktemp("sparse") / "run"
    return out, call_json("compress", run, "--method", "prune+cluster", *BRIEF, "--clusters", "8", "--out", out)


def test_the_record_says_what_came_of_it(run, quantized):
    out, document = quantized
    made = Compression.load(RunFolder(out).compression_file)
    assert made.to_dict() == document["compression"]
    assert made.replay_difference <= 1e-5
    assert made.quantizers > 20
    assert made.quantizers > len(made.layers), "the input, and what comes out of every layer with a kernel"
    assert made.source == str(run.resolve())
    assert [row.epoch for row in made.epochs] == [1, 2]
    assert made.speed.startswith("not measured")
    assert RunRecord.load(out / "run.json").made_from == str(run.resolve())


def test_both_engines_do_what_the_simulation_does_in_integers(quantized):
    out, document = quantized
    assert {cell["target"]: cell["status"] for cell in document["cells"]} == {"openvino": "ok", "tflite": "ok"}
    for cell in document["cells"]:
        assert cell["precision"] == "int8-qat"
        assert cell["verification"]["float_metric"] == document["compression"]["metric_simulated"]
    assert _integer_share_of_tflite(out) > 0.9
    assert _integer_convolutions_of_openvino(out) > 0.9


def _integer_share_of_tflite(out):
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    folder = RunFolder(out).artifacts_dir / "tflite-int8-qat"
    interpreter = litert.Interpreter(model_path=str(folder / Artifact.open(folder).model_files[0]))
    kinds = [details["dtype"] for details in interpreter.get_tensor_details() if len(details["shape"]) > 0]
    return np.mean([kind in (np.int8, np.int32) for kind in kinds])


def _integer_convolutions_of_openvino(out):
    """Share of convolutions that the plug-in really runs in 8 bits."""
    openvino = pytest.importorskip("openvino")
    core = openvino.Core()
    model = core.read_model(RunFolder(out).artifacts_dir / "openvino-int8-qat" / "model.xml")
    assert any(operation.get_type_name() == "FakeQuantize" for operation in model.get_ops())
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    said = [operation.get_rt_info() for operation in compiled.get_runtime_model().get_ops()]
    kinds = [info["runtimePrecision"].astype(str) for info in said if "Conv" in info["layerType"].astype(str)]
    return np.mean([kind in ("u8", "i8", "U8", "I8") for kind in kinds])


def test_verifying_again_holds_it_against_the_simulation(quantized):
    assert call("verify", quantized[0]).returncode == 0


def test_a_run_that_fuses_its_preprocessing_has_it_in_the_quantized_network_too(run, quantized, tmp_path):
    source, out = shutil.copytree(run, tmp_path / "source"), shutil.copytree(quantized[0], tmp_path / "out")
    for folder in map(RunFolder, (source, out)):
        save_yaml(
            resolve_config(read_yaml(folder.config_file), {"export.fuse_preprocessing": "normalize"}),
            folder.config_file,
        )
    RunFolder(out).exports_file.unlink()
    document = call_json("compress", source, "--method", "qat", *BRIEF, "--out", out, "--resume")
    assert {(cell["target"], cell["fused"], cell["status"]) for cell in document["cells"]} == {
        ("openvino", "normalize", "ok"),
        ("tflite", "normalize", "ok"),
    }


def test_a_run_that_is_gone_on_with_must_be_asked_for_the_same(run, quantized):
    out, _ = quantized
    other = call("compress", run, "--method", "qat", "--epochs", "3", "--lr", "0.0005", "--out", out, "--resume")
    assert_user_error(other, "epochs: 2 -> 3")


def test_zeros_and_clusters_are_really_there_and_go_into_every_target(sparse):
    out, document = sparse
    made = document["compression"]
    assert made["sparsity"] == pytest.approx(0.5, abs=0.02)
    clustered = [item for item in made["layers"] if "clustered" in item["compressed"]]
    assert clustered
    assert all(item["unique"] <= 9 for item in clustered), "8 clusters, and zero where it is kept apart"
    assert made["size_after"]["gzip_bytes"] < 0.5 * made["size_before"]["gzip_bytes"]
    cells = call_json("export", out, "--precision", "fp32,int8")["cells"]
    assert {cell["status"] for cell in cells} <= {"ok", "unsupported"}
    assert call_json("evaluate", out)["accuracy"] == pytest.approx(made["metric_after"])


def test_what_was_not_trained_for_it_has_no_such_precision(run):
    process = call("export", run, "--target", "tflite,openvino", "--precision", "int8-qat")
    assert process.returncode == 1
    assert "quantization simulated" in process.stdout + process.stderr


def test_settings_out_of_range_are_a_users_mistake(run, tmp_path):
    process = call("compress", run, "--method", "prune", "--sparsity", "1.5", "--out", tmp_path / "x")
    assert_user_error(process, "sparsity: must be above 0 and below 1")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--student", "embedded:nothing"], ["nothing", "sketchnet"]),
        (["--student", "sketchnet"], ["sketchnet", "source:name"]),
        (["--student", "embedded:sketchnet", "--alpha", "2"], ["alpha", "in [0, 1]"]),
    ],
)
def test_a_mistake_about_the_student_leaves_nothing_behind(run, tmp_path, options, words):
    assert_user_error(call("distill", run, *options, "--out", tmp_path / "x"), *words)
    assert not (tmp_path / "x").exists()


def test_a_student_learns_from_a_run(run, tmp_path):
    out = tmp_path / "student"
    arguments = ["--student", "embedded:sketchnet", "--features", "0.1", "--epochs", "2"]
    made = call_json("distill", run, *arguments, "--out", out)["distillation"]
    assert made["teacher"] == str(run.resolve())
    assert made["epochs"] == 2
    assert 0.5 < made["student_metric"] <= 1.0
    assert call_json("evaluate", out)["accuracy"] == pytest.approx(made["student_metric"])
    cells = call_json("export", out, "--target", "tflite", "--precision", "fp32")["cells"]
    assert cells[0]["status"] == "ok"
    assert (out / "report.html").is_file()
