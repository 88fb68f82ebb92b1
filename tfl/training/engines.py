"""What runs the frozen part of a network: OpenVINO where it pays, else Keras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tfl.core.extras import is_installed, version_of
from tfl.data.preprocess import Floats

if TYPE_CHECKING:
    import keras

#: Samples from which converting a network costs less than it saves. MobileNetV2 on 2 cores: 4 s to convert, then
#: 150 pictures a second; Keras takes 2 s to trace and then does 59. It is a count and no measurement, so that a run
#: repeats to the bit.
_PAYS_FROM = 200
#: Largest difference from Keras that is taken for rounding, as a share of the largest value.
_ROUNDING = 1e-3


@dataclass(frozen=True)
class Engine:
    """Something that runs a frozen network.

    Attributes:
        name: With the version, because what it computes is kept.
        run: `(batch, ...)` float32 -> `(batch, ...)` float32.
    """

    name: str
    run: Callable[[Floats], Floats]


def engine_name(sample_count: int, *, policy: str) -> str:
    """Say which engine `open_engine` would take for so many samples, if it can run the network.

    Args:
        sample_count: How many samples will be run.
        policy: The Keras dtype policy; OpenVINO computes in float32 only.
    """
    import keras

    backend = keras.backend.backend()
    fits = policy == "float32" and backend == "tensorflow" and is_installed("openvino")
    if sample_count >= _PAYS_FROM and fits and not _gpus():
        return f"openvino {version_of('openvino')}"
    return f"keras {version_of('keras')} {backend} {version_of(backend)} {policy}"


def open_engine(network: keras.Model, sample_count: int, *, policy: str, batch_size: int, sample: Floats) -> Engine:
    """Choose by the number of samples, and convert the network where that is needed.

    Args:
        network: One input, one output; run as in inference.
        sample_count: How many samples will be run.
        policy: The Keras dtype policy.
        batch_size: Most samples of a batch.
        sample: `(1, ...)` float32 real input: OpenVINO's answer to it must be that of Keras, else Keras is taken.
    """
    wanted = engine_name(sample_count, policy=policy)
    if wanted.startswith("openvino"):
        run = _openvino(network, sample)
        if run is not None:
            return Engine(wanted, run)
    return Engine(engine_name(0, policy=policy), _keras(network, batch_size))


def _gpus() -> list[Any]:
    import tensorflow as tf

    return list(tf.config.list_physical_devices("GPU"))


def _keras(network: keras.Model, batch_size: int) -> Callable[[Floats], Floats]:
    def run(batch: Floats) -> Floats:
        # One fixed size, because another size is another compiled graph.
        missing = batch_size - len(batch)
        if missing > 0:
            batch = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), dtype=np.float32)])
        return np.asarray(network.predict_on_batch(batch)[: len(batch) - max(missing, 0)], dtype=np.float32)

    return run


def _openvino(network: keras.Model, sample: Floats) -> Callable[[Floats], Floats] | None:
    """Convert and compile a network, or return None where OpenVINO can't do it or answers otherwise than Keras."""
    import openvino as ov
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *sample.shape[1:]), tf.float32)]
    graph = tf.function(lambda batch: network(batch, training=False), input_signature=signature)
    options = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
    try:
        compiled = ov.Core().compile_model(ov.convert_model(graph.get_concrete_function()), "CPU", options)
        answer = np.asarray(compiled(sample)[0])
    except Exception:  # noqa: BLE001 - converters raise what they like, and Keras can run what they can't
        return None
    expected = np.asarray(network(sample, training=False), dtype=np.float32)
    if not np.allclose(answer, expected, rtol=0.0, atol=_ROUNDING * max(float(np.abs(expected).max()), 1e-6)):
        return None
    queue = ov.AsyncInferQueue(compiled)
    answers: dict[int, Floats] = {}

    def keep(request: Any, index: int) -> None:
        answers[index] = np.array(request.get_output_tensor(0).data[0], dtype=np.float32)

    queue.set_callback(keep)

    def run(batch: Floats) -> Floats:
        for index, item in enumerate(batch):
            queue.start_async({0: item[None]}, index)
        queue.wait_all()
        return np.stack([answers.pop(index) for index in range(len(batch))])

    return run
