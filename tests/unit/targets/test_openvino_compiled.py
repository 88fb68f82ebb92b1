"""A model that was compiled wrongly for several streams is compiled again; the engine does so once in 150 times."""

import numpy as np
import pytest

from tfl.core.errors import JobError
from tfl.targets._openvino_compiled import compile_surely

openvino = pytest.importorskip("openvino")
SETTINGS = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": 2, "INFERENCE_PRECISION_HINT": "f32"}
BATCH = np.linspace(0.0, 1.0, 12, dtype=np.float32).reshape(3, 4)


def model_of(factor):
    ops = openvino.opset13
    taken = ops.parameter([3, 4], np.float32, name="x")
    return openvino.Model(
        [ops.matmul(taken, ops.constant(np.eye(4, dtype=np.float32) * factor), False, False)], [taken]
    )


class FaultyCore:
    """The real engine, which compiles another model in place of the first few for several streams."""

    def __init__(self, faults):
        self.core, self.faults, self.compiled = openvino.Core(), faults, []

    def compile_model(self, model, device, settings):
        self.compiled.append(settings["NUM_STREAMS"])
        if settings["NUM_STREAMS"] > 1 and self.compiled.count(2) <= self.faults:
            model = model_of(0.5)
        return self.core.compile_model(model, device, settings)


@pytest.mark.parametrize("faults", [0, 1, 3])
def test_it_is_compiled_until_it_answers_as_one_stream_does(faults):
    core = FaultyCore(faults)
    compiled = compile_surely(core, model_of(2.0), BATCH, SETTINGS)
    np.testing.assert_allclose(compiled({0: BATCH})[0], 2.0 * BATCH)
    assert core.compiled == [1] + [2] * (faults + 1)


def test_an_engine_that_is_always_wrong_is_told():
    with pytest.raises(JobError, match="otherwise on several streams than on one"):
        compile_surely(FaultyCore(100), model_of(2.0), BATCH, SETTINGS)
