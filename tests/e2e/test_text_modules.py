"""Text modules of TF Hub from a table of reviews to artefacts: a transformer in any format, strings in TensorFlow's."""

import json

import pytest

from tests.e2e.conftest import assert_user_error, call, call_json
from tests.presence import skip_without
from tests.texts import sentence, sentences, write_table

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    return write_table(tmp_path_factory.mktemp("texts") / "reviews.csv", sentences(30), header=("review", "topic"))


def cells_of(run):
    return {(cell["target"], cell["status"]) for cell in json.loads((run / "exports.json").read_text())["cells"]}


def test_an_encoder_is_exported_to_where_there_is_no_tensorflow(reviews, tmp_path):
    skip_without("tensorflow_text", "tokenizers", "openvino", "ai_edge_litert")
    from tests.tiny_hub import save_encoder, save_preprocessor

    modules = save_encoder(tmp_path / "encoder"), save_preprocessor(tmp_path / "preprocessor")
    name = f"tfhub:{modules[0]}@preprocess={modules[1]}@mean"
    run = tmp_path / "run"
    options = ("--target", "openvino,tflite", "--precision", "fp32", "--fine-tune", "1", "--seconds", "0.1")
    done = call("run", reviews, "--backbone", name, *options, "--out", run)
    assert done.returncode == 0, done.stderr
    assert cells_of(run) == {("openvino", "ok"), ("tflite", "ok")}
    artifact = run / "bundle" / "artifacts" / "tflite-fp32"
    assert (artifact / "tokenizer.json").is_file()
    text = sentence("payment", 1000)
    (expected,), (answer,) = (call_json("predict", place, text)["predictions"] for place in (run, artifact))
    assert answer["probability"] == pytest.approx(expected["probability"], abs=1e-4)


def test_a_module_of_strings_is_made_for_tensorflow_alone(reviews, tmp_path):
    skip_without("tensorflow_text")
    from tests.tiny_hub import save_strings

    folder = save_strings(tmp_path / "strings", text_operations=True)
    run = tmp_path / "run"
    done = call("run", reviews, "--backbone", f"tfhub:{folder}", "--fine-tune", "1", "--seconds", "0.1", "--out", run)
    assert done.returncode == 0, done.stderr
    assert {target for target, status in cells_of(run) if status == "ok"} == {"saved_model"}
    assert not [target for target, status in cells_of(run) if status == "failed"]
    assert "only TensorFlow has" in done.stdout
    assert "tfl export" not in done.stdout
    artifact = run / "bundle" / "artifacts" / "saved_model-fp32"
    text = sentence("payment", 1000)
    document = call_json("predict", artifact, text, "--explain")
    assert "".join(piece["text"] for piece in document["explanations"][0]["pieces"]) == text
    (expected,) = call_json("predict", run, text)["predictions"]
    assert document["predictions"][0]["probability"] == pytest.approx(expected["probability"], abs=1e-5)
    assert call("verify", artifact).returncode == 0
    assert_user_error(call("export", run, "--target", "tflite", "--precision", "fp32"), "only TensorFlow has")
    assert_user_error(call("quantize", run, "--target", "tflite"), "can't be quantized for tflite")
