"""NNCF's quantization of an OpenVINO model, calibrated once and written with any layers put back to float."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bundle import Recipe
from tfl.data.contract import Inputs
from tfl.targets._base import Exported, ExportRequest
from tfl.targets._quantizer import Quantizer, candidates, relative_error, upstream

_FAKE = "FakeQuantize"
#: Nodes between a quantizer and the layer that only hand values on.
_WEIGHT_PATH = frozenset({"Convert", "Reshape", "Transpose", "Multiply"})
#: Method -> NNCF's set of range estimators.
_RANGES = {
    # The others average each sample's extremes or fit a histogram, and clip the rest.
    "minmax": "MINMAX",
    "mean-minmax": "MEAN_MINMAX",
    "histogram": "HISTOGRAM",
}


class OpenVinoQuantizer(Quantizer):
    """Puts a layer back to float by passing its fake quantizers by, weights included, and undoing its bias correction.

    Args:
        model: The float `openvino.Model`.
        request: With calibration samples.
        save: Writes a finished model into a folder.
    """

    methods = tuple(_RANGES)

    def __init__(self, model: Any, request: ExportRequest, *, save: Callable[[Any, Path], Exported]) -> None:
        self._model = model
        self._samples = list(request.calibration_inputs())
        self._save = save
        self._quantized: dict[tuple[str, str, int], Any] = {}
        self._biases = {node.get_friendly_name(): _bias_of(node) for node in model.get_ordered_ops()}
        # Which nodes are quantized is decided by the graph alone, so one sample and any method tell.
        base = self._base(Recipe(calibration=self.methods[0]), 1)
        nodes = base.get_ordered_ops()
        self._before = {node.get_friendly_name(): _writers(node) for node in nodes}
        fakes = {node.get_friendly_name(): found for node in nodes if (found := _fakes_before(node))}
        self._weighted = {
            name
            for name, found in fakes.items()
            if any(_is_constant(fake.input_value(0).get_node()) for fake, _ in found)
        }
        self.layers = tuple(candidates(list(fakes), self._before, self._weighted))

    def write(self, recipe: Recipe, out_dir: Path, *, sample_count: int) -> Exported:
        """See `Quantizer.write`."""
        return self._save(self._finished(recipe, sample_count), out_dir)

    def layer_errors(self, recipe: Recipe, inputs: Inputs, *, sample_count: int) -> Mapping[str, float]:
        """See `Quantizer.layer_errors`."""
        names = [name for name in self.layers if name in self._biases]
        floats = _inner_values(self._model, names, inputs)
        quantized = _inner_values(self._with_float_layers(recipe, sample_count), names, inputs)
        return {name: relative_error(floats[name], quantized[name]) for name in names}

    def _finished(self, recipe: Recipe, sample_count: int) -> Any:
        from openvino._offline_transformations import compress_quantize_weights_transformation

        model = self._with_float_layers(recipe, sample_count)
        compress_quantize_weights_transformation(model)
        return model

    def _with_float_layers(self, recipe: Recipe, sample_count: int) -> Any:
        self.check(recipe)
        model = self._base(recipe, sample_count).clone()
        nodes = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
        for name in (*recipe.float_layers, *upstream(recipe.float_layers, self._before, self._weighted)):
            node = nodes[name]
            for fake, port in _fakes_before(node):
                port.replace_source_output(fake.input_value(0))
            _restore_bias(node, self._biases.get(name))
        return model

    def _base(self, recipe: Recipe, sample_count: int) -> Any:
        key = (recipe.calibration, recipe.bias_correction, sample_count)
        if key not in self._quantized:
            self._quantized[key] = quantize(
                self._model.clone(), self._samples[:sample_count], recipe=recipe, compress_weights=False
            )
        return self._quantized[key]


def quantize(model: Any, samples: list[Inputs], *, recipe: Recipe, compress_weights: bool) -> Any:
    """Quantize an `openvino.Model` with NNCF.

    Args:
        model: Altered.
        samples: A batch of one each, as the contract prepares it.
        recipe: Its method and bias correction; its layers are not looked at.
        compress_weights: Whether weights become integers at once, after which no layer can be put back.
    """
    import nncf
    from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters
    from nncf.quantization.range_estimator import RangeEstimatorParametersSet

    nncf.set_log_level(logging.WARNING)
    # Unsigned activations where all values are positive, signed elsewhere; weights signed, per channel.
    return nncf.quantize(
        model,
        nncf.Dataset(samples),
        preset=nncf.QuantizationPreset.MIXED,
        target_device=nncf.TargetDevice.CPU,
        subset_size=len(samples),
        # Without being told, it quantizes what attention can't bear: a transformer fell from 0.928 to 0.654.
        model_type=nncf.ModelType.TRANSFORMER if attends(model) else None,
        fast_bias_correction=recipe.bias_correction != "accurate",
        advanced_parameters=AdvancedQuantizationParameters(
            activations_range_estimator_params=getattr(RangeEstimatorParametersSet, _RANGES[recipe.calibration]),
            disable_bias_correction=recipe.bias_correction == "none",
            backend_params={} if compress_weights else {"compress_weights": False},
        ),
    )


def attends(model: Any) -> bool:
    """Say whether a model has attention: a softmax whose result is multiplied with other values that are computed."""
    for node in model.get_ordered_ops():
        if node.get_type_name() == "ScaledDotProductAttention":
            return True
        if node.get_type_name() == "Softmax":
            readers = [port.get_node() for port in node.output(0).get_target_inputs()]
            if any(reader.get_type_name() == "MatMul" and not _has_constant(reader) for reader in readers):
                return True
    return False


def _has_constant(node: Any) -> bool:
    return any(_is_constant(value.get_node()) for value in node.input_values())


def _fakes_before(node: Any) -> list[tuple[Any, Any]]:
    """Return the fake quantizers that a layer reads through, each with the input port that reads it."""
    if node.get_type_name() == _FAKE:
        return []
    found = []
    for port in node.inputs():
        before = port.get_source_output().get_node()
        while before.get_type_name() in _WEIGHT_PATH and _is_constant(before):
            port = before.input(0)
            before = port.get_source_output().get_node()
        if before.get_type_name() == _FAKE:
            found.append((before, port))
    return found


def _writers(node: Any) -> list[str]:
    """Return the names of the nodes that write a node's inputs, fake quantizers passed by and constants left out."""
    found = []
    for value in node.input_values():
        before = value.get_node()
        while before.get_type_name() == _FAKE:
            before = before.input_value(0).get_node()
        if before.get_type_name() != "Constant":
            found.append(before.get_friendly_name())
    return found


def _is_constant(node: Any) -> bool:
    """Say whether a node's value does not depend on the model's input."""
    kind = node.get_type_name()
    if kind == "Constant":
        return True
    return kind != "Parameter" and all(_is_constant(output.get_node()) for output in node.input_values())


def _bias_node(node: Any) -> Any:
    """Return the constant that is added to a layer's output, or None."""
    readers = [port.get_node() for output in node.outputs() for port in output.get_target_inputs()]
    if len(readers) != 1 or readers[0].get_type_name() != "Add":
        return None
    constants = [value.get_node() for value in readers[0].input_values()]
    found = [item for item in constants if item.get_type_name() == "Constant"]
    return found[0] if found else None


def _bias_of(node: Any) -> Any:
    found = _bias_node(node)
    return None if found is None else np.array(found.data)


def _restore_bias(node: Any, original: Any) -> None:
    from openvino import op

    found = _bias_node(node)
    if found is None:
        return
    # Where the float model adds nothing, the correction put its own addition in.
    value = np.zeros_like(found.data) if original is None else original.reshape(found.data.shape)
    constant = op.Constant(value)
    for port in found.output(0).get_target_inputs():
        port.replace_source_output(constant.output(0))


def _inner_values(model: Any, names: list[str], inputs: Inputs) -> dict[str, Any]:
    """Return the output of each named layer for all inputs."""
    import openvino

    model = model.clone()
    nodes = {node.get_friendly_name(): node for node in model.get_ordered_ops()}
    # The layer's own addition belongs to it, since that is where its bias is corrected.
    added = model.add_outputs([_end_of(nodes[name]).output(0) for name in names])
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    first = len(model.outputs) - len(added)
    parts: list[list[Any]] = [[] for _ in names]
    for index in range(len(inputs)):
        answer = compiled(inputs[index : index + 1])
        for count, part in enumerate(parts):
            part.append(np.array(answer[first + count]))
    return {name: np.concatenate(part) for name, part in zip(names, parts, strict=True)}


def _end_of(node: Any) -> Any:
    if _bias_node(node) is None:
        return node
    return next(iter(node.output(0).get_target_inputs())).get_node()
