"""ONNX Runtime's quantization, calibrated once and written with any layers put back to float."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bundle import Recipe
from tfl.data.contract import Inputs
from tfl.targets._base import Exported, ExportRequest
from tfl.targets._quantizer import Quantizer, candidates, relative_error, upstream

_PAIR = frozenset({"QuantizeLinear", "DequantizeLinear"})
#: Histograms are made of all inner values of this many samples at a time; of all at once they would take gigabytes.
_HISTOGRAM_SAMPLES = 16
#: Ends the names of weights that are put back beside the quantized ones.
_KEPT = "_float"
#: Activations that ONNX Runtime computes within the layer before them.
_CLAMPS = frozenset({"Relu", "Clip"})
#: Method -> ONNX Runtime's own.
_METHODS = {"minmax": "MinMax", "percentile": "Percentile", "entropy": "Entropy"}


class OnnxQuantizer(Quantizer):
    """Puts a layer back to float by reading round its pairs of quantizing and dequantizing nodes.

    Args:
        model: The float model.
        request: With calibration samples.
        save: Writes a finished model into a folder.
    """

    methods = tuple(_METHODS)

    def __init__(self, model: Any, request: ExportRequest, *, save: Callable[[Any, Path], Exported]) -> None:
        self._prepared = prepare(model)
        self._input_name = request.input_name
        self._samples = list(request.calibration_inputs())
        self._save = save
        self._quantized: dict[tuple[str, int], Any] = {}
        # Which nodes are quantized is decided by the graph alone, so one sample and any method tell.
        base = self._base(self.methods[0], 1)
        pairs = {node.output[0]: node for node in base.graph.node if node.op_type in _PAIR}
        nodes = [node for node in base.graph.node if node.op_type not in _PAIR]
        writers = {name: node.name for node in nodes for name in node.output}
        self._before = {
            node.name: [writers[source] for name in node.input if (source := _before_pair(name, pairs)) in writers]
            for node in nodes
        }
        quantized = [node for node in nodes if any(name in pairs for name in node.input)]
        self._weighted = {
            node.name
            for node in quantized
            if any(name in pairs and pairs[name].input[0] not in pairs for name in node.input)
        }
        self.layers = tuple(candidates([node.name for node in quantized], self._before, self._weighted))

    def write(self, recipe: Recipe, out_dir: Path, *, sample_count: int) -> Exported:
        """See `Quantizer.write`."""
        return self._save(self._with_float_layers(recipe, sample_count), out_dir)

    def layer_errors(self, recipe: Recipe, inputs: Inputs, *, sample_count: int) -> Mapping[str, float]:
        """See `Quantizer.layer_errors`."""
        model = self._with_float_layers(recipe, sample_count)
        floats, quantized = self._inner_values(self._prepared, inputs), self._inner_values(model, inputs)
        return {
            name: relative_error(floats[name], quantized[name])
            for name in self.layers
            if name in floats and name in quantized
        }

    def _base(self, method: str, sample_count: int) -> Any:
        key = (method, sample_count)
        if key not in self._quantized:
            # A clamp that the next layer's range would do as well must stay, since that range may go.
            self._quantized[key] = quantize(
                self._prepared,
                self._samples[:sample_count],
                input_name=self._input_name,
                method=method,
                options={"QDQKeepRemovableActivations": True},
            )
        return self._quantized[key]

    def _with_float_layers(self, recipe: Recipe, sample_count: int) -> Any:
        self.check(recipe)
        model = copy.deepcopy(self._base(recipe.calibration, sample_count))
        pairs = {node.output[0]: node for node in model.graph.node if node.op_type in _PAIR}
        floats = {item.name: item for item in self._prepared.graph.initializer}
        kept = set(recipe.float_layers) | upstream(recipe.float_layers, self._before, self._weighted)
        # The range after a clamp is the one that counts; a second one before it would cost time and precision.
        kept |= {node.name for node in model.graph.node if node.op_type in _CLAMPS}
        added: set[str] = set()
        for node in model.graph.node:
            for index, name in enumerate(node.input if node.name in kept else ()):
                source, is_weight = _float_source(name, pairs, floats)
                if is_weight and source not in added:
                    # The dequantized bias has the name of the float one.
                    weight = model.graph.initializer.add()
                    weight.CopyFrom(floats[source])
                    weight.name = f"{source}{_KEPT}"
                    added.add(source)
                node.input[index] = f"{source}{_KEPT}" if is_weight else source
        _free_outputs(model, kept, pairs)
        return without_unread(model)

    def _inner_values(self, model: Any, inputs: Inputs) -> dict[str, Any]:
        import onnx
        import onnxruntime

        model = copy.deepcopy(model)
        by_output = {node.output[0]: node.name for node in model.graph.node if node.name in self.layers}
        known = {item.name for item in model.graph.output}
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in by_output if name not in known)
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        answers = [
            session.run(list(by_output), {self._input_name: inputs[index : index + 1]}) for index in range(len(inputs))
        ]
        return {
            name: np.concatenate([answer[count] for answer in answers]) for count, name in enumerate(by_output.values())
        }


def _before_pair(name: str, pairs: Mapping[str, Any]) -> str:
    """Return the value that a pair of quantizing and dequantizing nodes stands for, or the name itself."""
    while name in pairs:
        name = str(pairs[name].input[0])
    return name


def _float_source(name: str, pairs: Mapping[str, Any], floats: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the name of the float value that a dequantized one stands for, and whether it is a weight."""
    node = pairs.get(name)
    if node is None or node.op_type != "DequantizeLinear":
        return name, False
    before = pairs.get(node.input[0])
    if before is not None and before.op_type == "QuantizeLinear":
        return str(before.input[0]), False
    found = node.input[0].removesuffix("_quantized")
    return (found, True) if found in floats else (name, False)


def _free_outputs(model: Any, kept: set[str], pairs: Mapping[str, Any]) -> None:
    """Let the model's outputs be unquantized where the layer that writes them stays in float."""
    writers = {name: node.name for node in model.graph.node for name in node.output}
    for item in model.graph.output:
        source, is_weight = _float_source(item.name, pairs, {})
        if not is_weight and source != item.name and writers.get(source) in kept:
            last = pairs[item.name]
            last.op_type, last.input[:] = "Identity", [source]
            del last.attribute[:]


def without_unread(model: Any) -> Any:
    """Take nodes and weights out of a model that nothing reads any more."""
    wanted = {item.name for item in model.graph.output}
    kept = []
    for node in reversed(model.graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(node.input)
    weights = [item for item in model.graph.initializer if item.name in wanted]
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(reversed(kept))
    model.graph.initializer.extend(weights)
    return model


def prepare(model: Any) -> Any:
    """Fold and infer shapes, as ONNX Runtime's quantizer wants it; every node has a name afterwards."""
    import onnx
    from onnxruntime.quantization.shape_inference import quant_pre_process

    with tempfile.TemporaryDirectory(prefix="tfl-onnx-") as scratch:
        source, result = (str(Path(scratch) / name) for name in ("fp32.onnx", "prepared.onnx"))
        onnx.save_model(model, source)
        quant_pre_process(source, result, skip_symbolic_shape=True)
        prepared = onnx.load_model(result)
    for index, node in enumerate(prepared.graph.node):
        node.name = node.name or f"{node.op_type}_{index}"
    return prepared


def quantize(
    prepared: Any, samples: list[Inputs], *, input_name: str, method: str, options: dict[str, Any] | None = None
) -> Any:
    """Quantize a prepared model: QDQ, uint8 activations, int8 weights per channel.

    Args:
        prepared: By `prepare`.
        samples: `(1, height, width, 3)` float32 each.
        input_name: Of the model's input.
        method: A key of the calibration methods.
        options: More options of ONNX Runtime's quantizer.
    """
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._samples: Iterator[Inputs] = iter(samples)

        def get_next(self) -> dict[str, Inputs] | None:
            sample = next(self._samples, None)
            return None if sample is None else {input_name: sample}

        def __len__(self) -> int:
            return len(samples)

        def set_range(self, start_index: int, end_index: int) -> None:
            self._samples = iter(samples[start_index:end_index])

    extra: dict[str, Any] = dict(options or {})
    if method != "minmax":
        # The quantizer wants parts of one size; and activations are unsigned, so a symmetric range would waste half.
        part = next(size for size in range(_HISTOGRAM_SAMPLES, 0, -1) if len(samples) % size == 0)
        extra |= {"CalibStridedMinMax": part, "CalibTensorRangeSymmetric": False}

    with tempfile.TemporaryDirectory(prefix="tfl-onnx-") as scratch:
        source, result = (str(Path(scratch) / name) for name in ("prepared.onnx", "int8.onnx"))
        onnx.save_model(prepared, source)
        quantize_static(
            source,
            result,
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=getattr(CalibrationMethod, _METHODS[method]),
            extra_options=extra,
        )
        return onnx.load_model(result)


def shrink_weights(model: Any) -> Any:
    """Store weights as 8-bit integers per output channel and widen them when the session starts.

    `Cast` and `Mul` of constants are folded at the start, so that the model runs as fast as in float32; a
    `DequantizeLinear` would be computed at every inference.
    """
    from onnx import TensorProto, helper, numpy_helper

    readers: dict[str, list[tuple[Any, int]]] = {}
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            readers.setdefault(name, []).append((node, place))
    nodes, scales = [], []
    for weight in model.graph.initializer:
        axis = _output_axis(readers.get(weight.name, []))
        if weight.data_type != TensorProto.FLOAT or axis is None:
            continue
        values = numpy_helper.to_array(weight)
        if values.ndim < 2:
            continue
        others = tuple(index for index in range(values.ndim) if index != axis)
        # Symmetric in [-127, 127], as int8 weights are.
        scale = (np.abs(values).max(axis=others, keepdims=True) / 127.0).astype(np.float32)
        scale[scale == 0.0] = 1.0
        name = weight.name
        integers = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
        weight.CopyFrom(numpy_helper.from_array(integers, f"{name}_int8"))
        scales.append(numpy_helper.from_array(scale, f"{name}_scale"))
        nodes += [
            helper.make_node("Cast", [f"{name}_int8"], [f"{name}_wide"], name=f"{name}_widen", to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_wide", f"{name}_scale"], [name], name=f"{name}_rescale"),
        ]
    nodes += list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(scales)
    return model


def quantize_products(model: Any, scratch: Path) -> Any:
    """Compute matrix products in int8, with weights per channel and ranges of activations taken at each inference.

    Tables of vectors are stored in int8 too. Convolutions stay in float32: with such ranges they are slower than that.

    Args:
        model: From `prepare`.
        scratch: For a file that is removed again.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    made = scratch / "dynamic.onnx"
    quantize_dynamic(
        model,
        str(made),
        op_types_to_quantize=["MatMul", "Gemm", "Gather"],
        per_channel=True,
        weight_type=QuantType.QInt8,
    )
    result = onnx.load_model(str(made))
    made.unlink()
    return result


def _output_axis(readers: list[tuple[Any, int]]) -> int | None:
    """Return the axis of a weight's output channels, or of a table's rows; None where it is no weight of a layer."""
    axes = set()
    for node, place in readers:
        if (
            place == 0
            and node.op_type == "Gather"
            and not any(item.name == "axis" and item.i for item in node.attribute)
        ):
            axes.add(0)
            continue
        if place != 1 or node.op_type not in ("Conv", "Gemm", "MatMul"):
            return None
        flipped = any(item.name == "transB" and item.i for item in node.attribute)
        axes.add(0 if node.op_type == "Conv" or flipped else 1)
    return axes.pop() if len(axes) == 1 else None
