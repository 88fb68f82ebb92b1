"""Training on JAX where TensorFlow can't be found, and the exports of what came out, made by TensorFlow."""

import os

import pytest

from tests.e2e.conftest import call, call_json

pytest.importorskip("jax")
pytest.importorskip("tensorflow")
pytestmark = pytest.mark.slow

#: Makes Python look as if TensorFlow were not installed, before anything else is imported.
HIDES_TENSORFLOW = """
import importlib.machinery

find_spec = importlib.machinery.PathFinder.find_spec


def without_tensorflow(name, path=None, target=None):
    return None if name.split(".")[0] in ("tensorflow", "tensorflow_hub", "tf_keras") else find_spec(name, path, target)


importlib.machinery.PathFinder.find_spec = without_tensorflow
"""
ARGUMENTS = ["--epochs", "3", "--fine-tune", "2", "--fine-tune-layers", "2", "--image-size", "48"]
ARGUMENTS += ["--augment", "standard", "--set", "train.augmented_views=1", "--set", "train.ema=0.9"]


@pytest.fixture(scope="module")
def trained(colours, tmp_path_factory):
    folder = tmp_path_factory.mktemp("jax")
    (folder / "sitecustomize.py").write_text(HIDES_TENSORFLOW)
    hidden = {"KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}
    document = call_json("train", colours, "--out", folder / "run", *ARGUMENTS, **hidden)
    return folder / "run", document, hidden


def test_it_learns_on_jax(trained):
    _, document, _ = trained
    assert document["evaluation"]["accuracy"] > 0.9
    assert document["training"]["epochs"]["fine_tune"] == 2
    assert document["training"]["xla"] == dict.fromkeys(["head", "fine_tune"], "on: JAX compiles every step")
    assert document["record"]["environment"]["variables"]["KERAS_BACKEND"] == "jax"


def test_it_trains_in_mixed_precision_on_jax(trained, colours, tmp_path):
    _, _, hidden = trained
    arguments = ["--train-precision", "mixed_bfloat16", "--epochs", "3", "--image-size", "48", "--augment", "none"]
    document = call_json("train", colours, "--out", tmp_path / "run", *arguments, **hidden)
    assert document["training"]["policy"] == "mixed_bfloat16"
    assert document["evaluation"]["accuracy"] > 0.9


def test_what_jax_trained_is_exported_by_tensorflow_with_parity(trained):
    run, _, _ = trained
    process = call("export", run, "--target", "openvino,onnx", "--precision", "fp32")
    assert process.returncode == 0, process.stderr
    document = call_json("runs", "show", run)
    cells = document["exports"]["cells"]
    assert {(cell["target"], cell["status"]) for cell in cells} == {
        ("openvino", "ok"),
        ("onnx", "ok"),
    }
