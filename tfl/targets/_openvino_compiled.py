"""Compiling a model of 8-bit weights for several streams, which OpenVINO sometimes gets wrong.

Of OpenVINO 2026.4, about one in 150 compiled models with integer weights and float arithmetic, for two streams on two
cores, answers other things than the others, on all streams and for as long as it lives; other precisions and single
streams never did. So what was compiled is held against the same model compiled for one stream, and compiled again
where it differs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tfl.core.errors import JobError
from tfl.data.contract import Inputs

_TRIES = 5
#: What one stream may add up otherwise than several; wrong answers differ by whole classes.
_TOLERANCE = 1e-3


def compile_surely(core: Any, model: Any, batch: Inputs, settings: dict[str, Any]) -> Any:
    """Compile a static model for several streams, until all of them answer a batch as one stream does.

    Raises:
        JobError: They never did.
    """
    single = {name: value for name, value in settings.items() if name != "NUM_STREAMS"}
    single |= {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
    (expected,) = _answers(core.compile_model(model, "CPU", single), batch)
    for _ in range(_TRIES):
        compiled = core.compile_model(model, "CPU", settings)
        if all(np.allclose(answer, expected, rtol=0.0, atol=_TOLERANCE) for answer in _answers(compiled, batch)):
            return compiled
    raise JobError(
        f"OpenVINO answers otherwise on several streams than on one, {_TRIES} times compiled.",
        hint="Use mode='latency', another precision, or another version of OpenVINO.",
    )


def _answers(compiled: Any, batch: Inputs) -> list[npt.NDArray[Any]]:
    """Let as many requests as there are streams answer at once."""
    from openvino import Tensor

    requests = [
        compiled.create_infer_request() for _ in range(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    ]
    for request in requests:
        request.set_input_tensor(Tensor(np.array(batch)))
        request.start_async()
    for request in requests:
        request.wait()
    return [np.array(request.get_output_tensor(0).data) for request in requests]
