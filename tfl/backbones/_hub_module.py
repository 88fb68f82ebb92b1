"""A TF2 SavedModel, looked at before it runs: its variables, and one function from a batch to features."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfl.backbones._hub_calls import PICTURES, Feeding, pictures_entry, strings_entry, tokens_entry
from tfl.core.errors import IntegrityError, UnsupportedError
from tfl.core.extras import require
from tfl.core.saved_models import SAVED_MODEL_FILE, load_saved_model, operations_of, read_saved_model

#: TensorFlow's protocol buffers end at 2 GB.
_MAX_GRAPH_BYTES = 2_000_000_000
#: Kernels of a graph that reach beyond it: no image network needs them, and a forged one could.
_FORBIDDEN_OPS = frozenset(
    {"PyFunc", "PyFuncStateless", "EagerPyFunc", "ReadFile", "WriteFile", "MatchingFiles", "PrintV2", "Print"}
    | {"FixedLengthRecordReaderV2", "TextLineReaderV2", "TFRecordReaderV2", "WholeFileReaderV2", "LegacyCall"}
    | {"TextLineDataset", "TFRecordDataset", "FixedLengthRecordDatasetV2", "SaveDatasetV2", "LoadDataset"}
    | {"RpcCall", "RpcClient", "RpcServer", "RpcServerStart", "SymbolicGradient", "DebugIdentityV2"}
)
#: The largest image networks of TF Hub take 3.7 GB.
MAX_VARIABLE_BYTES = 16_000_000_000
_DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8, "int64": 8, "int32": 4, "bool": 1, "uint8": 1}


@dataclass(frozen=True)
class VariableSpec:
    """One variable of a module."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    trainable: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a Keras config."""
        return {"name": self.name, "shape": list(self.shape), "dtype": self.dtype, "trainable": self.trainable}

    @classmethod
    def from_dict(cls, data: Any) -> VariableSpec:
        """Read a config's plain values.

        Raises:
            IntegrityError: They are not what `to_dict` writes.
        """
        fits = (
            isinstance(data, Mapping)
            and isinstance(data.get("name"), str)
            and isinstance(data.get("shape"), (list, tuple))
            and all(type(size) is int and size >= 0 for size in data["shape"])
            and data.get("dtype") in _DTYPE_BYTES
            and isinstance(data.get("trainable"), bool)
        )
        if not fits:
            raise IntegrityError(f"The model file's config describes no variable: {str(data)[:200]}.")
        return cls(data["name"], tuple(data["shape"]), data["dtype"], data["trainable"])

    @property
    def size_bytes(self) -> int:
        """Memory that the variable takes."""
        return math.prod(self.shape) * _DTYPE_BYTES[self.dtype]


@dataclass(frozen=True)
class OpenModule:
    """A loaded SavedModel: its variables, and a function from a batch to float32 features.

    Attributes:
        specs: Of the variables, in their order.
        variables: TensorFlow's.
        run: From a batch to features.
        static_size: What the sides of its input behind the batch are fixed to, each None where free.
        resources: TensorFlow's tables and files that `run` needs beside the variables; only of texts.
    """

    specs: tuple[VariableSpec, ...]
    variables: tuple[Any, ...]
    run: Callable[[Any], Any]
    static_size: tuple[int | None, ...]
    resources: tuple[Any, ...]


def open_module(folder: Path, feeding: Feeding = PICTURES) -> OpenModule:
    """Load a SavedModel.

    Args:
        folder: Holds `saved_model.pb` and `variables/`.
        feeding: How it is fed.

    Raises:
        UnsupportedError: It is not a TF2 SavedModel that is fed so and gives one output, or its graph reaches
            beyond itself (files, Python, network).
        IntegrityError: TensorFlow can't read it.
        MissingExtraError: TensorFlow, or TensorFlow Text which it asks for, is not installed.
    """
    tf = require("tensorflow", purpose="loading a TF Hub module")
    operations = check_graph(folder)
    loaded = load_saved_model(folder, operations=operations, purpose="loading a TF Hub module")
    if feeding.kind == "pictures":
        run, function, size = pictures_entry(loaded, folder)
        variables, learning = _variables(loaded, function), _said_to_learn(loaded)
    else:
        entry = tokens_entry if feeding.kind == "tokens" else strings_entry
        run, function, size = entry(tf, loaded, folder, feeding)
        variables = tuple(function.variables)
        learning = _found_to_learn(tf, run, variables) if feeding.kind == "strings" else None
    specs = tuple(
        VariableSpec(
            name=variable.name.split(":")[0].replace("/", "_") or f"variable_{index}",
            shape=tuple(variable.shape),
            dtype=variable.dtype.name,
            trainable=(bool(variable.trainable) if learning is None else id(variable) in learning)
            and variable.dtype.is_floating,
        )
        for index, variable in enumerate(variables)
    )
    unknown = sorted({spec.dtype for spec in specs} - set(_DTYPE_BYTES))
    if unknown:
        raise UnsupportedError(f"{folder}: variables of type {', '.join(unknown)} are not supported.")
    return OpenModule(specs, variables, run, size, _resources(tf, loaded) if feeding.kind == "strings" else ())


def first_line(error: Exception) -> str:
    """Return what a message of TensorFlow's begins with; what follows are signatures and traces."""
    return str(error).strip().partition("\n")[0][:300]


def _resources(tf: Any, loaded: Any) -> tuple[Any, ...]:
    kinds = (tf.saved_model.experimental.TrackableResource, tf.saved_model.Asset)
    return tuple(item for item in tf.train.TrackableView(loaded).descendants() if isinstance(item, kinds))


def _said_to_learn(loaded: Any) -> frozenset[int] | None:
    return frozenset(id(variable) for variable in getattr(loaded, "trainable_variables", ())) or None


def _found_to_learn(tf: Any, run: Callable[[Any], Any], variables: tuple[Any, ...]) -> frozenset[int]:
    """Return the variables that a gradient of the answer to a text reaches."""
    floating = [variable for variable in variables if variable.dtype.is_floating and variable.trainable]
    try:
        with tf.GradientTape() as tape:
            tape.watch(floating)
            total = tf.reduce_sum(run(tf.constant(["a text"])))
        gradients = tape.gradient(total, floating)
    except LookupError:
        # An operation on the way has no gradient, so nothing before it can learn.
        return frozenset()
    return frozenset(id(item) for item, gradient in zip(floating, gradients, strict=True) if gradient is not None)


def check_graph(folder: Path) -> frozenset[str]:
    """Look at every operation before any of them can run; return their names.

    Raises:
        UnsupportedError: There is no SavedModel, or it reaches beyond itself.
        IntegrityError: It can't be read.
        MissingExtraError: TensorFlow is not installed.
    """
    path = folder / SAVED_MODEL_FILE
    if not path.is_file():
        raise UnsupportedError(
            f"{folder} holds no {SAVED_MODEL_FILE}, so it is not a TF2 SavedModel.",
            hint="TF1 hub modules (tfhub_module.pb) and TFLite or TF.js variants can't be trained; choose a TF2 one.",
        )
    if path.stat().st_size > _MAX_GRAPH_BYTES:
        raise IntegrityError(f"{path} is larger than a graph can be ({_MAX_GRAPH_BYTES:,} bytes).")
    operations = operations_of(read_saved_model(folder))
    forbidden = sorted(operations & _FORBIDDEN_OPS)
    if forbidden:
        raise UnsupportedError(
            f"{path} uses operations that reach beyond the model: {', '.join(forbidden)}. It is not loaded.",
            hint="A feature vector module needs none of them. Ask where the file came from.",
        )
    return operations


def _variables(loaded: Any, function: Any) -> tuple[Any, ...]:
    """The module's own list of variables, then those that its function uses beside them."""
    found = {id(variable): variable for variable in getattr(loaded, "variables", ())}
    found.update({id(variable): variable for variable in function.variables if id(variable) not in found})
    return tuple(found.values())
