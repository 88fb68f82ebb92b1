"""A Keras 3 network as a tf_keras one, layer by layer, for tools that only know tf_keras.

TensorFlow Model Optimization changes `tf.keras` for the whole process, so all of this runs in a child process of
its own; see `tfl.compress.worker`. Nested models become one flat graph, since the tools take no others.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tfl.core.errors import UnsupportedError
from tfl.core.extras import require
from tfl.data.contract import Floats

#: Largest difference of any output: both sides run the same float32 kernels, apart from rare splits into two layers.
REPLAY_TOLERANCE = 1e-5
#: What a child process needs so that `tensorflow_model_optimization` finds tf_keras, and Keras finds TensorFlow.
ENVIRONMENT = {"TF_USE_LEGACY_KERAS": "1", "KERAS_BACKEND": "tensorflow"}

_DROPPED = ("_initializer", "_regularizer", "_constraint")
_DROPPED_KEYS = frozenset({"name", "trainable", "dtype", "registered_name", "build_config", "quantization_config"})
_RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}}
#: Activations that stay in their layer; quantization-aware training knows no others there.
_FUSED = frozenset({"linear", "relu", "softmax"})
_PLAIN_ACTIVATIONS = frozenset(
    {"linear", "relu", "relu6", "softmax", "sigmoid", "tanh", "elu", "selu", "gelu", "softplus", "softsign"}
)
#: Dimensions of a batch of feature maps.
_PICTURES = 4
_HARD = {"hard_sigmoid": False, "hard_silu": True, "hard_swish": True}


@dataclass(frozen=True)
class Origin:
    """Where a tf_keras layer's weights came from.

    Attributes:
        layer: Of Keras 3.
        places: Which of its weights, in the order of the tf_keras layer's.
    """

    layer: Any
    places: tuple[int, ...]


@dataclass
class Replayed:
    """A tf_keras model beside the Keras 3 model that it was made from.

    Attributes:
        model: `tf_keras.Model`, flat.
        origin: Name of each tf_keras layer with weights -> where they came from.
    """

    model: Any
    origin: dict[str, Origin] = field(default_factory=dict)

    def copy_back(self, weights: Mapping[str, Sequence[Any]]) -> None:
        """Write weights into the Keras 3 layers.

        Args:
            weights: Name of each layer in `origin` -> its weights, in the layer's own order.

        Raises:
            UnsupportedError: A layer is missing, or its weights have other shapes.
        """
        for name, origin in self.origin.items():
            targets = [origin.layer.weights[place] for place in origin.places]
            values = weights.get(name, ())
            if [int(np.size(value)) for value in values] != [math.prod(target.shape) for target in targets]:
                raise UnsupportedError(f"The weights of layer '{name}' can't go back into '{origin.layer.name}'.")
            for target, value in zip(targets, values, strict=True):
                target.assign(np.reshape(value, target.shape))


def replay(model: Any) -> Replayed:
    """Build a Functional Keras 3 model anew in tf_keras, with the same weights.

    Args:
        model: `keras.Model`, Functional or Sequential, float32, channels last.

    Raises:
        UnsupportedError: Names every layer that can't be replayed, its class and why.
        MissingExtraError: tf_keras is not installed.
    """
    tf_keras = require("tf_keras", purpose="compressing a model by training")
    graph = _graph_of(model)
    if graph is None:
        raise UnsupportedError(
            f"'{model.name}' ({type(model).__name__}) is no Functional model, so it can't be replayed in tf_keras."
        )
    walk = _Walk(tf_keras)
    inputs = [
        tf_keras.Input(tuple(tensor.shape[1:]), dtype=tensor.dtype, name=_name_of(tensor)) for tensor in graph.inputs
    ]
    walk.names |= {_name_of(tensor) for tensor in graph.inputs}
    walk.check(graph)
    outputs = walk.run(graph, inputs, prefix="")
    made = tf_keras.Model(inputs[0] if len(inputs) == 1 else inputs, outputs, name=model.name)
    for name, origin in walk.origin.items():
        layer = made.get_layer(name)
        values = [np.asarray(origin.layer.weights[place]) for place in origin.places]
        layer.set_weights(
            [np.reshape(value, weight.shape) for value, weight in zip(values, layer.weights, strict=True)]
        )
    return Replayed(made, walk.origin)


def replay_difference(source: Any, replayed: Any, batch: Floats) -> float:
    """Return the largest difference of any output, relative to the largest output where that is above 1.

    Args:
        source: Keras 3 model.
        replayed: tf_keras model.
        batch: `(batch, ...)` float32.
    """
    before = [np.asarray(part, dtype=np.float64) for part in _parts(source(batch, training=False))]
    after = [np.asarray(part, dtype=np.float64) for part in _parts(replayed(batch, training=False))]
    scale = max(1.0, *(float(np.abs(part).max()) for part in before))
    return max(float(np.abs(one - two).max()) for one, two in zip(before, after, strict=True)) / scale


def require_same(source: Any, replayed: Any, batch: Floats) -> float:
    """Check that both models answer the same within `REPLAY_TOLERANCE`; return the difference.

    Raises:
        UnsupportedError: They don't.
    """
    difference = replay_difference(source, replayed, batch)
    if not difference <= REPLAY_TOLERANCE:
        raise UnsupportedError(
            f"'{source.name}' replayed in tf_keras answers otherwise: the largest difference is {difference:.3g}, the"
            f" limit is {REPLAY_TOLERANCE:g}. Nothing is made of it."
        )
    return difference


def _parts(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _name_of(tensor: Any) -> str:
    return str(tensor._keras_history.operation.name)


def _graph_of(operation: Any) -> Any:
    """Return the Functional graph of a model, or None for a plain layer or a subclassed model."""
    inner = getattr(operation, "_functional", None) or operation
    return inner if hasattr(inner, "_run_through_graph") and hasattr(inner, "operations") else None


class _Walk:
    """One replay: what was made so far."""

    def __init__(self, tf_keras: Any) -> None:
        self.keras = tf_keras
        self.origin: dict[str, Origin] = {}
        self.names: set[str] = set()
        self._made: dict[int, Callable[..., Any]] = {}

    def check(self, graph: Any) -> None:
        """Raise with all layers that can't be replayed."""
        problems = self._problems(graph)
        if problems:
            raise UnsupportedError(
                "The model can't be replayed in tf_keras:\n" + "\n".join(problems),
                hint="Quantize it after training instead: tfl export RUN --precision int8",
            )

    def run(self, graph: Any, inputs: Any, *, prefix: str) -> Any:
        return graph._run_through_graph(inputs, operation_fn=lambda operation: self._call_of(operation, prefix))

    def _problems(self, graph: Any) -> list[str]:
        found = []
        for operation in graph.operations:
            inner = _graph_of(operation)
            if inner is not None:
                found += self._problems(inner)
            elif reason := self._reason_against(operation):
                found.append(f"  {operation.name} ({type(operation).__name__}): {reason}")
        return found

    def _reason_against(self, operation: Any) -> str:
        kind = type(operation).__name__
        if not _is_layer(operation):
            return "" if kind in _ARITHMETIC else "an operation that is no layer"
        if kind == "InputLayer":
            return ""
        if kind == "LayerScale" and len(operation.weights) == 1 and len(operation.input.shape) == _PICTURES:
            return ""
        if _is_scaled_sum(operation):
            return ""
        if getattr(self.keras.layers, kind, None) is None or not _is_keras_own(operation):
            return "tf_keras has no such layer"
        config = operation.get_config()
        if config.get("data_format", "channels_last") != "channels_last":
            return "channels come first; only channels last are replayed"
        activation = _activation_of(config)
        if activation is not None and activation not in _PLAIN_ACTIVATIONS | _HARD.keys() | {"silu", "swish"}:
            return f"tf_keras has no activation '{activation}' that is known to be the same"
        _, left = _translated(kind, config, getattr(self.keras.layers, kind))
        return f"tf_keras does not know its settings {', '.join(left)}" if left else ""

    def _call_of(self, operation: Any, prefix: str) -> Callable[..., Any]:
        if id(operation) not in self._made:
            self._made[id(operation)] = self._make(operation, prefix)
        return self._made[id(operation)]

    def _make(self, operation: Any, prefix: str) -> Callable[..., Any]:
        inner = _graph_of(operation)
        if inner is not None:
            return lambda inputs, **_: self.run(inner, inputs, prefix=f"{operation.name}_")
        if not _is_layer(operation):
            return self._arithmetic(operation, prefix)
        name = self._free_name(operation.name, prefix)
        kind, config = type(operation).__name__, operation.get_config()
        activation = _activation_of(config)
        if kind == "LayerScale":
            return self._layer_scale(operation, name)
        if _is_scaled_sum(operation):
            return self._scaled_sum(operation, name)
        if kind == "Activation" and activation in _HARD:
            return self._hard(name, with_input=_HARD[activation])
        made, _ = _translated(kind, config, getattr(self.keras.layers, kind))
        if kind == "Normalization":
            # As constants, which outlive the copies that wrappers make; adapted ones are computed only once.
            made |= {name: np.asarray(getattr(operation, name)).ravel().tolist() for name in ("mean", "variance")}
        split = kind != "Activation" and activation is not None and activation not in _FUSED
        if kind == "Activation" and activation == "relu6":
            return self._activation(name, activation, is_free=True)
        if activation is not None:
            made["activation"] = "linear" if split else _tf_keras_name(activation)
        layer = self._separable(operation, name, made) if kind == "SeparableConv2D" else None
        if layer is None:
            layer = getattr(self.keras.layers, kind)(**made, name=name)
            if kind == "BatchNormalization":
                # Keras 3 has no fused kernel, whose other rounding a badly conditioned network blows up without limit.
                layer.fused = False
            if operation.weights and kind != "Normalization":
                self.origin[name] = Origin(operation, tuple(range(len(operation.weights))))
        if not split or activation is None:
            return lambda *args, **kwargs: layer(*args, **_given(kwargs))
        after = self._activation(f"{name}_activation", activation)
        return lambda *args, **kwargs: after(layer(*args, **_given(kwargs)))

    def _layer_scale(self, operation: Any, name: str) -> Callable[..., Any]:
        """ConvNeXt's factor per channel, as a depthwise convolution of one pixel."""
        layer = self.keras.layers.DepthwiseConv2D(1, use_bias=False, name=name)
        self.origin[name] = Origin(operation, (0,))
        return lambda value, **_: layer(value)

    def _scaled_sum(self, operation: Any, name: str) -> Callable[..., Any]:
        """InceptionResNetV2's sum of a tensor and a share of another."""
        scale = self.keras.layers.Rescaling(float(operation.scale), name=self._free_name(f"{name}_scale", ""))
        add = self.keras.layers.Add(name=name)
        return lambda pair, **_: add([pair[0], scale(pair[1])])

    def _separable(self, operation: Any, name: str, config: Mapping[str, Any]) -> Callable[..., Any]:
        """A separable convolution as its two halves, which can be pruned and quantized each by its own rule."""
        shared = ("data_format",)
        first_keys = ("kernel_size", "strides", "padding", "dilation_rate", "depth_multiplier", *shared)
        second_keys = ("filters", "use_bias", "activation", *shared)
        first_name = self._free_name(f"{name}_depthwise", "")
        first = self.keras.layers.DepthwiseConv2D(
            **{key: config[key] for key in first_keys if key in config}, use_bias=False, name=first_name
        )
        second = self.keras.layers.Conv2D(
            **{key: config[key] for key in second_keys if key in config}, kernel_size=1, name=name
        )
        self.origin[first_name] = Origin(operation, (0,))
        self.origin[name] = Origin(operation, tuple(range(1, len(operation.weights))))
        return lambda value, **_: second(first(value))

    def _activation(self, name: str, activation: str, *, is_free: bool = False) -> Callable[..., Any]:
        if activation in _HARD:
            return self._hard(name, with_input=_HARD[activation])
        chosen = name if is_free else self._free_name(name, "")
        if activation == "relu6":
            layer = self.keras.layers.ReLU(6.0, name=chosen)
        else:
            layer = self.keras.layers.Activation(_tf_keras_name(activation), name=chosen)
        return lambda value, **_: layer(value)

    def _hard(self, name: str, *, with_input: bool) -> Callable[..., Any]:
        """Keras 3's hard sigmoid, `relu6(x + 3) / 6`, as layers; tf_keras's own is another function."""
        layers = self.keras.layers
        shift = layers.Rescaling(1.0, offset=3.0, name=self._free_name(f"{name}_shift", ""))
        relu = layers.ReLU(6.0, name=self._free_name(f"{name}_relu", ""))
        scale = layers.Rescaling(1.0 / 6.0, name=self._free_name(f"{name}_scale", ""))
        multiply = layers.Multiply(name=self._free_name(f"{name}_multiply", "")) if with_input else None

        def call(value: Any, **_: Any) -> Any:
            gate = scale(relu(shift(value)))
            return gate if multiply is None else multiply([value, gate])

        return call

    def _arithmetic(self, operation: Any, prefix: str) -> Callable[..., Any]:
        name, kind = self._free_name(operation.name, prefix), type(operation).__name__

        def call(first: Any, second: Any) -> Any:
            layers = self.keras.layers
            if not isinstance(first, (int, float)) and not isinstance(second, (int, float)):
                return getattr(layers, _ARITHMETIC[kind])(name=name)([first, second])
            value, number = (second, first) if isinstance(first, (int, float)) else (first, second)
            return layers.Rescaling(**_as_rescaling(kind, number, swapped=value is second), name=name)(value)

        return call

    def _free_name(self, name: str, prefix: str) -> str:
        wanted, number = name if name not in self.names else f"{prefix}{name}", 1
        chosen = wanted
        while chosen in self.names:
            number += 1
            chosen = f"{wanted}_{number}"
        self.names.add(chosen)
        return chosen


#: Keras operations between two tensors, or a tensor and a number, and the layer of two tensors.
_ARITHMETIC = {"Add": "Add", "Subtract": "Subtract", "Multiply": "Multiply"}


def _as_rescaling(kind: str, number: float, *, swapped: bool) -> dict[str, float]:
    if kind == "Multiply":
        return {"scale": number, "offset": 0.0}
    if kind == "Add":
        return {"scale": 1.0, "offset": number}
    return {"scale": -1.0, "offset": number} if swapped else {"scale": 1.0, "offset": -number}


def _is_layer(operation: Any) -> bool:
    import keras

    return isinstance(operation, keras.Layer)


def _is_keras_own(layer: Any) -> bool:
    return type(layer).__module__.startswith("keras.src.layers.")


def _is_scaled_sum(layer: Any) -> bool:
    # A class of the application's own, which Keras does not export.
    return type(layer).__module__.endswith(".applications.inception_resnet_v2")


def _activation_of(config: Mapping[str, Any]) -> str | None:
    """Return the name of a layer's activation; None where it has none."""
    value = config.get("activation")
    if isinstance(value, Mapping):
        value = value.get("config")
        value = value.get("name", "unnamed") if isinstance(value, Mapping) else value
    return None if value is None else str(value)


def _tf_keras_name(activation: str) -> str:
    return "swish" if activation == "silu" else activation


def _translated(kind: str, config: Mapping[str, Any], layer_class: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the settings that tf_keras's layer takes, and those that mean something and that it does not know."""
    known = {
        name
        for parent in layer_class.__mro__
        for name in inspect.signature(parent.__init__).parameters
        if name != "self"
    }
    made, left = {}, []
    for key, value in config.items():
        if key in _DROPPED_KEYS or key.endswith(_DROPPED) or key in ("activation", "activity_regularizer"):
            continue
        name = _RENAMED.get(kind, {}).get(key, key)
        if name in known:
            made[name] = value
        elif value not in (None, False, "auto"):
            left.append(f"{key}={value!r}")
    return made, left


def _given(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if value is not None}
