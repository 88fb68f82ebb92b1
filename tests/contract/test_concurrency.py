"""Lanes answer as `predict` does, and every target says which kernels ran, or that it does not know."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.tiny import CONTRACT, draw_pixels
from tfl.bundle import Artifact
from tfl.bundle.records import ARTIFACT_FILE
from tfl.core.errors import UnsupportedError
from tfl.data.preprocess import normalize
from tfl.targets import TARGETS, Kernels, open_artifact, open_target

pytestmark = pytest.mark.slow
ARTIFACTS = ("onnx-int8", "openvino-fp32", "openvino-int8", "saved_model-fp32", "tflite-dynamic", "tflite-int8")


@pytest.mark.parametrize("name", ARTIFACTS)
def test_lanes_beside_each_other_answer_as_one_does(name, tiny_artifacts):
    inputs = normalize(draw_pixels(24, seed=9)[0], CONTRACT)
    _, alone = open_artifact(tiny_artifacts[name])
    expected = np.concatenate([alone.predict(inputs[index : index + 2]) for index in range(0, 24, 2)])
    alone.close()
    _, runtime = open_artifact(tiny_artifacts[name], mode="throughput", lanes=3)
    lanes = runtime.lanes()
    assert len(lanes) == 3
    with runtime, ThreadPoolExecutor(3) as pool:

        def answer(lane):
            parts = [lanes[lane](inputs[index : index + 2]) for index in range(0, 24, 2)]
            return np.concatenate(parts)

        for answers in pool.map(answer, range(3)):
            assert answers.shape == expected.shape
            # Other threads may add up in another order; integers may round to the next level.
            assert np.abs(answers - expected).max() < (1e-5 if "fp32" in name else 0.02)


@pytest.mark.parametrize("name", ARTIFACTS)
def test_the_kernels_that_ran_are_told(name, tiny_artifacts):
    folder = tiny_artifacts[name]
    artifact = Artifact.load(folder / ARTIFACT_FILE)
    inputs = normalize(draw_pixels(1, seed=3)[0], CONTRACT)
    told = TARGETS.get(artifact.target).kernels(folder, artifact, inputs, threads=1)
    assert Kernels.from_dict(told.to_dict()) == told
    convolutions = sum(kernel.count for kernel in told.kernels if "conv" in kernel.operation.lower())
    assert convolutions >= 3
    if artifact.precision == "int8":
        assert told.integer_count >= 3
    if artifact.precision == "fp32":
        assert told.integer_count == 0
    if artifact.target in ("onnx", "openvino"):
        assert told.kernels[0].time_ms >= 0
        assert (told.integer_time_share > 0) == (artifact.precision == "int8")


@pytest.mark.parametrize("lanes", [0, 1])
@pytest.mark.parametrize("name", ARTIFACTS)
def test_pictures_that_may_not_be_written_to_are_answered_all_the_same(name, lanes, tiny_artifacts):
    inputs = normalize(draw_pixels(4, seed=9)[0], CONTRACT)
    locked = inputs.copy()
    locked.flags.writeable = False
    _, runtime = open_artifact(tiny_artifacts[name], mode="throughput" if lanes else "latency", lanes=lanes)
    with runtime:
        answer = runtime.lanes()[0] if lanes else runtime.predict
        assert np.array_equal(answer(locked), answer(inputs))


def test_a_target_without_lanes_says_so(tiny_artifacts):
    folder = tiny_artifacts["onnx-int8"]
    artifact = Artifact.load(folder / ARTIFACT_FILE)
    target = type(TARGETS.get("onnx"))()
    target.has_lanes = False
    with pytest.raises(UnsupportedError, match="one caller at a time"):
        open_target(target, folder, artifact, threads=0, mode="throughput", lanes=2)
