"""What runs the frozen part of a network: OpenVINO where it pays, else Keras."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfl.core.extras import is_installed, version_of
from tfl.core.files import cache_dir, sha256_text, write_bytes
from tfl.core.progress import Progress
from tfl.core.telemetry import send_no_telemetry
from tfl.data.contract import Contract, Floats, Inputs
from tfl.training.checkpoint import read_variables
from tfl.training.engine_worker import OpenVinoWorker, save_network
from tfl.training.network import takes_strings, takes_whole_numbers

if TYPE_CHECKING:
    import keras

#: Samples from which converting a network costs less than it saves. MobileNetV2 on 2 cores: 4 s to convert, then
#: 150 pictures a second; Keras takes 2 s to trace and then does 59. It is a count and no measurement, so that a run
#: repeats to the bit.
_PAYS_FROM = 200
#: A serialized graph holds less than 2 GiB (Protocol Buffers, "Proto Limits"); the nodes take some of it.
_LARGEST_GRAPH_BYTES = 1_900_000_000
#: Largest difference from Keras that is taken for rounding, as a share of the largest value.
_ROUNDING = 1e-3


@dataclass(frozen=True)
class Engine:
    """Something that runs a frozen network.

    Attributes:
        name: With the version, because what it computes is kept.
        run: `(batch, ...)` of the network's type -> `(batch, ...)` float32.
        takes_any_count: Whether few samples cost less than many; else batches are filled up.
    """

    name: str
    run: Callable[[Inputs], Floats]
    takes_any_count: bool = False


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


def open_engine(
    network: keras.Model,
    sample_count: int,
    *,
    policy: str,
    batch_size: int,
    sample: Inputs,
    key: tuple[str, ...],
    progress: Progress,
) -> Engine:
    """Choose by the number of samples, and convert the network where that is needed.

    Args:
        network: One input, one output; run as in inference.
        sample_count: How many samples will be run.
        policy: The Keras dtype policy.
        batch_size: Most samples of a batch.
        sample: `(1, ...)` real input: OpenVINO's answer to it must be that of Keras, else Keras is taken.
        key: What the network's values depend on; converted networks are kept under it.
        progress: Told where OpenVINO can't be used.
    """
    wanted = engine_name(sample_count, policy=policy)
    run = fixed_batches(network, batch_size)
    if not wanted.startswith("openvino"):
        return Engine(wanted, run)
    if takes_strings(network):
        return Engine(engine_name(0, policy=policy), run)
    file = cache_dir() / "engines" / f"{sha256_text(*key, wanted, str(network.input_shape[1:]))[:32]}.xml"
    # Its start and the reading of the graph take as long as what is done here meanwhile.
    worker = OpenVinoWorker()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as room:
            if file.is_file():
                worker.open(file)
            else:
                _convert(network, file, worker, Path(room))
            expected = np.asarray(network(sample, training=False), dtype=np.float32)
            answer = worker.run(sample)
    except Exception as error:  # noqa: BLE001 - converters raise what they like, and Keras can run what they can't
        worker.close()
        progress.result(f"OpenVINO can't run the frozen layers, Keras does ({type(error).__name__}: {error})"[:300])
        return Engine(engine_name(0, policy=policy), run)
    largest = float(np.abs(answer - expected).max())
    if not largest <= _ROUNDING * max(float(np.abs(expected).max()), 1e-6):
        worker.close()
        progress.result(f"OpenVINO's answer differs from that of Keras by {largest:.2g}, so Keras is taken")
        return Engine(engine_name(0, policy=policy), run)
    return Engine(wanted, worker.run, takes_any_count=True)


def without_padding(engine: Engine, contract: Contract) -> Engine:
    """Return the engine running samples behind whose end nothing is; what comes out is filled up with 0 again.

    Samples of one width go through together where the engine takes any number of them; else the whole batch is cut
    behind its longest.

    Args:
        engine: Of a network that takes any number of positions.
        contract: Knows what is padding.
    """

    def run(batch: Inputs) -> Floats:
        widths = contract.used_positions(batch)
        if widths is None:
            return engine.run(batch)
        if not engine.takes_any_count:
            widths = np.full(len(batch), widths.max())
        parts = {}
        for width in np.unique(widths):
            chosen = np.flatnonzero(widths == width)
            parts[int(width)] = chosen, engine.run(np.ascontiguousarray(batch[chosen, :width]))
        shape = next(iter(parts.values()))[1].shape[1:]
        keeps_positions = len(shape) == 2 and all(values.shape[1] == width for width, (_, values) in parts.items())
        result = np.zeros((len(batch), *((batch.shape[1], shape[1]) if keeps_positions else shape)), dtype=np.float32)
        for width, (chosen, values) in parts.items():
            result[chosen, : width if keeps_positions else None] = values
        return result

    return Engine(engine.name, run, engine.takes_any_count)


def takes_any_width(network: keras.Model) -> bool:
    """Say whether a network's samples are sequences of free length."""
    shape = network.input_shape
    return len(shape) in (2, 3) and shape[1] is None


def _gpus() -> list[Any]:
    import tensorflow as tf

    return list(tf.config.list_physical_devices("GPU"))


def fixed_batches(network: keras.Model, batch_size: int) -> Callable[[Inputs], Floats]:
    """Return what runs a network on up to `batch_size` samples, filled up: another size is another compiled graph."""

    def run(batch: Inputs) -> Floats:
        missing = batch_size - len(batch)
        if missing > 0:
            batch = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])
        return np.asarray(network.predict_on_batch(batch)[: len(batch) - max(missing, 0)], dtype=np.float32)

    return run


def _convert(network: keras.Model, file: Path, worker: OpenVinoWorker, room: Path) -> None:
    """Have a network converted to OpenVINO's format in float32 and opened, by way of a graph in `room`."""
    if 4 * network.count_params() > _LARGEST_GRAPH_BYTES:
        send_no_telemetry()
        import openvino as ov

        save_network(ov.convert_model(_traced(network)), file)
        worker.open(file)
    else:
        # Read from a file, a graph takes a tenth of the time: each node of one in memory is asked for by Python.
        source = room / "graph.pb"
        write_bytes(source, _frozen_graph(network).SerializeToString())
        worker.open(source, keep_as=file)


def _signature(network: keras.Model) -> list[Any]:
    """Describe the network's input, fed in float32 whatever the policy, and in whole numbers where it takes those."""
    import tensorflow as tf

    (fed,) = network.inputs
    return [tf.TensorSpec(fed.shape, fed.dtype if takes_whole_numbers(network) else tf.float32)]


def _traced(network: keras.Model) -> Any:
    import tensorflow as tf

    signature = _signature(network)
    return tf.function(lambda batch: network(batch, training=False), input_signature=signature).get_concrete_function()


def _frozen_graph(network: keras.Model) -> Any:
    """Return TensorFlow's description of the graph with the weights in it."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    learned = read_variables(network.trainable_variables)
    others = read_variables(network.non_trainable_variables)

    def answer(batch: Any) -> Any:
        # Constants from the start: putting them in place of variables afterwards takes longer than tracing.
        weights = [[tf.constant(value) for value in values] for values in (learned, others)]
        return network.stateless_call(*weights, batch, training=False)[0]

    graph = tf.function(answer, input_signature=_signature(network)).get_concrete_function().graph
    description = graph.as_graph_def()
    if graph.captures or description.library.function:
        # Layers from outside hold variables that Keras does not know, or functions within the graph.
        return convert_variables_to_constants_v2(_traced(network)).graph.as_graph_def()
    return description
