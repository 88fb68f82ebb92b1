"""What quantization-aware training quantizes: all weights, and nothing between a layer and its rectifier."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.presence import skip_without
from tfl.compress.ranges import pixel_range, pixel_values
from tfl.compress.replay import ENVIRONMENT
from tfl.data.preprocess import ImagePreprocessing

ROOT = Path(__file__).resolve().parents[3]
CONTRACT = ImagePreprocessing(height=8, width=8, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))
KINDS = ("plain", "pruned", "clustered")


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What one process found for a network after no step, after pruning and after clustering."""
    skip_without("tensorflow_model_optimization")
    file = tmp_path_factory.mktemp("quantizers") / "said.json"
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.compress.quantizers_child", str(file)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(file.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_all_weights_are_quantized_with_a_rectifier_behind_them_or_not(said, kind):
    layers = said[kind]["layers"]
    for name in ("conv", "depthwise", "normed", "fused", "dense", "answer"):
        assert layers[name][0], name


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_between_a_layer_and_its_rectifier_nothing_is_quantized(said, kind):
    layers = said[kind]["layers"]
    for name in ("conv", "depthwise", "normed", "norm", "sum", "dense"):
        assert not any(layers[name][1:]), name
    for name in ("after_conv", "after_depthwise", "after_norm", "after_sum", "after_dense", "fused", "answer"):
        assert any(layers[name][1:]), name


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_ranges_are_settled_without_another_answer(said, kind):
    found = said[kind]
    assert found["settled"] == found["ranges"]
    # Neither the first batches, which are darker, nor the training move the range of the pixels.
    assert found["input"] == pytest.approx(pixel_range(pixel_values(CONTRACT)), rel=1e-6)
    assert found["moved"] < 1e-5
