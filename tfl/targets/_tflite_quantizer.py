"""AI Edge Quantizer on a TFLite model, calibrated once and written with any layers left in float."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bundle import Recipe
from tfl.core.extras import require
from tfl.data.contract import Inputs
from tfl.targets._base import Exported, ExportRequest
from tfl.targets._quantizer import Quantizer, candidates, relative_error, upstream

#: Operations that have weights.
_WEIGHTED = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D_TRANSPOSE", "FULLY_CONNECTED"})
#: Method -> the quantizer's way to join the extremes of several samples.
_UPDATES = {
    "minmax": "min_max_update",
    # Later samples weigh 5 %, so that a single extreme value is nearly forgotten.
    "moving-average": "moving_average_update",
}


@dataclass(frozen=True)
class _Operation:
    """One operation of the graph: its name, its kind, and the operations that its inputs come from."""

    name: str
    kind: str
    before: tuple[str, ...]
    is_quantizable: bool


class TfliteQuantizer(Quantizer):
    """Leaves a layer in float together with the layers that write its inputs, since integer kernels write integers.

    Args:
        model: The float model's bytes.
        request: With calibration samples.
        save: Writes a finished model into a folder.
    """

    methods = tuple(_UPDATES)

    def __init__(self, model: bytes, request: ExportRequest, *, save: Callable[[bytes, Path], Exported]) -> None:
        require("ai_edge_quantizer", purpose="quantizing a TFLite model by its accuracy")
        self._model = model
        self._samples = list(request.calibration_inputs())
        self._save = save
        self._ranges: dict[tuple[str, int], Any] = {}
        operations = _operations(model)
        self._before = {item.name: item.before for item in operations}
        self._weighted = {item.name for item in operations if item.kind in _WEIGHTED}
        quantized = [item.name for item in operations if item.is_quantizable]
        self.layers = tuple(candidates(quantized, self._before, self._weighted))

    def write(self, recipe: Recipe, out_dir: Path, *, sample_count: int) -> Exported:
        """See `Quantizer.write`."""
        return self._save(self._quantized(recipe, sample_count), out_dir)

    def layer_errors(self, recipe: Recipe, inputs: Inputs, *, sample_count: int) -> Mapping[str, float]:
        """See `Quantizer.layer_errors`."""
        floats = _inner_values(self._model, set(self.layers), inputs)
        quantized = _inner_values(self._quantized(recipe, sample_count), set(self.layers), inputs)
        return {
            name: relative_error(floats[name], quantized[name])
            for name in self.layers
            if name in floats and name in quantized and floats[name].shape == quantized[name].shape
        }

    def _quantized(self, recipe: Recipe, sample_count: int) -> bytes:
        from ai_edge_quantizer import quantizer

        self.check(recipe)
        tool = quantizer.Quantizer(self._model, _tool_recipe(self._left_in_float(recipe)))
        ranges = self._calibrated(recipe.calibration, sample_count)
        return bytes(tool.quantize(ranges, enable_progress_report=False).quantized_model)

    def _left_in_float(self, recipe: Recipe) -> list[str]:
        followers = upstream(recipe.float_layers, self._before, self._weighted)
        kept = followers.union(recipe.float_layers)
        return sorted(kept.union(*(self._before[name] for name in kept)))

    def _calibrated(self, method: str, sample_count: int) -> Any:
        key = (method, sample_count)
        if key not in self._ranges:
            from ai_edge_quantizer import calibrator, recipe_manager
            from ai_edge_quantizer.utils import qsv_utils, tfl_interpreter_utils

            manager = recipe_manager.RecipeManager()
            manager.load_quantization_recipe(_tool_recipe([]))
            tool = calibrator.Calibrator(self._model, qsv_update_func=getattr(qsv_utils, _UPDATES[method]))
            interpreter = tfl_interpreter_utils.create_tfl_interpreter(self._model)
            signature, details = next(iter(interpreter.get_signature_list().items()))
            samples = ({details["inputs"][0]: sample} for sample in self._samples[:sample_count])
            tool.calibrate({signature: list(samples)}, manager)
            self._ranges[key] = tool.get_model_qsvs()
        return self._ranges[key]


def _tool_recipe(left_in_float: list[str]) -> Any:
    """Return the quantizer's own recipe: 8-bit weights per channel, 8-bit activations, float inputs and outputs."""
    from ai_edge_quantizer import algorithm_manager, qtyping, recipe_manager

    manager = recipe_manager.RecipeManager()
    everything, nothing = qtyping.TFLOperationName.ALL_SUPPORTED, algorithm_manager.AlgorithmName.NO_QUANTIZE
    manager.add_static_config(".*", everything, activation_num_bits=8, weight_num_bits=8)
    for boundary in (qtyping.TFLOperationName.INPUT, qtyping.TFLOperationName.OUTPUT):
        manager.add_quantization_config(".*", boundary, algorithm_key=nothing)
    for name in left_in_float:
        manager.add_quantization_config(f"^{re.escape(name)};?$", everything, algorithm_key=nothing)
    return manager.get_quantization_recipe()


def _operations(model: bytes) -> list[_Operation]:
    from ai_edge_quantizer import algorithm_manager, qtyping, recipe_manager
    from ai_edge_quantizer.utils import tfl_flatbuffer_utils

    manager = recipe_manager.RecipeManager()
    manager.load_quantization_recipe(_tool_recipe([]))
    tree = tfl_flatbuffer_utils.read_model(model)
    graph = tree.subgraphs[0]
    names = [tensor.name.decode() for tensor in graph.tensors]
    made_by: dict[int, str] = {}
    found = []
    for operator in graph.operators:
        code = tree.operatorCodes[operator.opcodeIndex].builtinCode
        kind = str(tfl_flatbuffer_utils.TFL_OP_CODE_TO_NAME.get(code, qtyping.TFLOperationName.CUSTOM_OP).value)
        name = names[operator.outputs[0]]
        chosen, _ = manager.get_quantization_configs(qtyping.TFLOperationName(kind), name)
        before = tuple(made_by[index] for index in operator.inputs if index in made_by)
        found.append(_Operation(name, kind, before, chosen != algorithm_manager.AlgorithmName.NO_QUANTIZE))
        made_by |= dict.fromkeys(operator.outputs, name)
    return found


def _inner_values(model: bytes, names: set[str], inputs: Inputs) -> dict[str, Any]:
    """Return the values of the named tensors for all inputs, integers as the numbers that they stand for."""
    litert = require("ai_edge_litert.interpreter", purpose="looking into a TFLite model")
    interpreter = litert.Interpreter(
        model_content=model,
        experimental_preserve_all_tensors=True,
        # The default delegate computes several layers in one and shows nothing between them.
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    entry = interpreter.get_input_details()[0]["index"]
    # A text is as wide as it is; a free dimension stands as 1 in the file.
    interpreter.resize_tensor_input(entry, (1, *inputs.shape[1:]))
    interpreter.allocate_tensors()
    wanted = [item for item in interpreter.get_tensor_details() if item["name"] in names]
    parts: dict[str, list[Any]] = {item["name"]: [] for item in wanted}
    for index in range(len(inputs)):
        interpreter.set_tensor(entry, inputs[index : index + 1])
        interpreter.invoke()
        for item in wanted:
            parts[item["name"]].append(_number(interpreter.get_tensor(item["index"]), item))
    return {name: np.concatenate(part) for name, part in parts.items()}


def _number(values: Any, details: Mapping[str, Any]) -> Any:
    scale, zero_point = details["quantization"]
    if values.dtype == np.float32 or not scale:
        return np.array(values, dtype=np.float32)
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
