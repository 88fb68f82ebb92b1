"""A Keras 3 layer around a TF2 SavedModel: it trains, freezes, saves, reloads and exports.

The module's own graph runs with `training=False`, so its BatchNorm never moves, and always in float32.
A saved `.keras` file holds the SavedModel itself, so it loads on a machine that never saw the module.
"""

from __future__ import annotations

import functools
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfl.backbones import _cache
from tfl.core.errors import IntegrityError, UnsupportedError
from tfl.core.extras import require

SAVED_MODEL_FILE = "saved_model.pb"
_ASSET_FOLDER = "saved_model"
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
_MAX_VARIABLE_BYTES = 16_000_000_000
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
    """A loaded SavedModel: its variables, and a function from float32 images to float32 features."""

    specs: tuple[VariableSpec, ...]
    variables: tuple[Any, ...]
    run: Callable[[Any], Any]
    static_size: tuple[int | None, int | None]


def open_module(folder: Path) -> OpenModule:
    """Load the SavedModel of an image network.

    Args:
        folder: Holds `saved_model.pb` and `variables/`.

    Raises:
        UnsupportedError: It is not a TF2 SavedModel of one image input and one output, or its graph reaches
            beyond itself (files, Python, network).
        IntegrityError: TensorFlow can't read it.
        MissingExtraError: TensorFlow or tensorflow-hub is not installed.
    """
    tf = require("tensorflow", purpose="loading a TF Hub module")
    hub = require("tensorflow_hub", purpose="loading a TF Hub module")
    check_graph(tf, folder)
    try:
        loaded = hub.load(str(folder))
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise IntegrityError(f"{folder} can't be read as a SavedModel: {error}") from error
    run, function = _entry(tf, loaded, folder)
    variables = _variables(loaded, function)
    trainable = {id(variable) for variable in getattr(loaded, "trainable_variables", ())}
    specs = tuple(
        VariableSpec(
            name=variable.name.split(":")[0].replace("/", "_") or f"variable_{index}",
            shape=tuple(variable.shape),
            dtype=variable.dtype.name,
            trainable=(id(variable) in trainable if trainable else bool(variable.trainable))
            and variable.dtype.is_floating,
        )
        for index, variable in enumerate(variables)
    )
    unknown = sorted({spec.dtype for spec in specs} - set(_DTYPE_BYTES))
    if unknown:
        raise UnsupportedError(f"{folder}: variables of type {', '.join(unknown)} are not supported.")
    return OpenModule(specs, variables, run, _static_size(function))


def check_graph(tf: Any, folder: Path) -> None:
    """Look at every operation before any of them can run."""
    path = folder / SAVED_MODEL_FILE
    if not path.is_file():
        raise UnsupportedError(
            f"{folder} holds no {SAVED_MODEL_FILE}, so it is not a TF2 SavedModel.",
            hint="TF1 hub modules (tfhub_module.pb) and TFLite or TF.js variants can't be trained; choose a TF2 one.",
        )
    if path.stat().st_size > _MAX_GRAPH_BYTES:
        raise IntegrityError(f"{path} is larger than a graph can be ({_MAX_GRAPH_BYTES:,} bytes).")
    protocol = require("tensorflow.core.protobuf.saved_model_pb2", purpose="reading a SavedModel")
    message = require("google.protobuf.message", purpose="reading a SavedModel")
    saved = protocol.SavedModel()
    try:
        saved.ParseFromString(path.read_bytes())
    except message.DecodeError as error:
        raise IntegrityError(f"{path} is not a SavedModel: {error}") from error
    used: set[str] = set()
    for meta in saved.meta_graphs:
        used.update(node.op for node in meta.graph_def.node)
        used.update(node.op for function in meta.graph_def.library.function for node in function.node_def)
    forbidden = sorted(used & _FORBIDDEN_OPS)
    if forbidden:
        raise UnsupportedError(
            f"{path} uses operations that reach beyond the model: {', '.join(forbidden)}. It is not loaded.",
            hint="A feature vector module of images needs none of them. Ask where the file came from.",
        )


def _entry(tf: Any, loaded: Any, folder: Path) -> tuple[Callable[[Any], Any], Any]:
    """Find the module's call or its serving signature; return it as images -> features, and the function itself."""
    call: Any = getattr(loaded, "__call__", None)  # noqa: B004 - the restored function itself is wanted
    concrete = [*getattr(call, "concrete_functions", ())] if call is not None else []
    if concrete:
        takes_training = any(_takes_training(function) for function in concrete)
        arguments = {"training": False} if takes_training else {}
        return (lambda images: _single(call(images, **arguments), folder)), _inference_function(concrete)
    signatures = getattr(loaded, "signatures", {})
    if "serving_default" not in signatures:
        raise UnsupportedError(
            f"{folder} can neither be called nor has it a signature 'serving_default'.",
            hint="Choose a TF2 feature vector module: see tfl models list --source tfhub",
        )
    serving = signatures["serving_default"]
    names = list(serving.structured_input_signature[1])
    if len(names) != 1:
        raise UnsupportedError(f"{folder} takes {len(names)} inputs ({', '.join(names)}); one image is supported.")
    return (lambda images: _single(serving(**{names[0]: images}), folder)), serving


def _takes_training(function: Any) -> bool:
    _, keywords = function.structured_input_signature
    return "training" in keywords or "training" in getattr(function.function_type, "parameters", {})


def _inference_function(concrete: list[Any]) -> Any:
    """Prefer the variant traced with `training=False`."""
    for function in concrete:
        positional, keywords = function.structured_input_signature
        if keywords.get("training") is False or False in positional:
            return function
    return concrete[0]


def _single(result: Any, folder: Path) -> Any:
    if isinstance(result, Mapping):
        if "default" in result:
            return result["default"]
        result = list(result.values())
    if isinstance(result, (list, tuple)):
        if len(result) != 1:
            raise UnsupportedError(f"{folder} has {len(result)} outputs; one feature tensor is supported.")
        return result[0]
    return result


def _variables(loaded: Any, function: Any) -> tuple[Any, ...]:
    """The module's own list of variables, then those that its function uses beside them."""
    found = {id(variable): variable for variable in getattr(loaded, "variables", ())}
    found.update({id(variable): variable for variable in function.variables if id(variable) not in found})
    return tuple(found.values())


def _static_size(function: Any) -> tuple[int | None, int | None]:
    positional, keywords = function.structured_input_signature
    for spec in (*positional, *keywords.values()):
        shape = getattr(spec, "shape", None)
        if shape is not None and shape.rank == 4:
            return shape[1], shape[2]
    return None, None


@functools.cache
def hub_module_class() -> Any:
    """Return the layer's class, made and registered with Keras at the first call.

    Raises:
        MissingExtraError: Keras is not installed.
        UnsupportedError: Keras does not run on TensorFlow.
    """
    keras = require("keras", purpose="loading a TF Hub module")
    if keras.backend.backend() != "tensorflow":
        raise UnsupportedError(
            f"TF Hub modules are TensorFlow graphs; Keras runs on {keras.backend.backend()}.",
            hint="Set KERAS_BACKEND=tensorflow.",
        )

    class HubModule(keras.layers.Layer):  # type: ignore[misc, name-defined]
        """`(batch, height, width, 3)` -> the module's features; see the file's docstring.

        Args:
            variables: Descriptions of the module's variables, in its own order.
            feature_shape: Of the output, without the batch dimension.
            module_digest: SHA-256 over the SavedModel's files.
            **options: Of every Keras layer.
        """

        def __init__(self, *, variables: Any, feature_shape: Any, module_digest: str, **options: Any) -> None:
            super().__init__(autocast=False, **options)
            self.supports_jit = False
            self._content = _Content(tuple(map(VariableSpec.from_dict, variables)), _shape(feature_shape))
            self._module_digest = str(module_digest)
            for spec in self._content.specs:
                self.add_weight(
                    name=spec.name, shape=spec.shape, dtype=spec.dtype, trainable=spec.trainable, initializer="zeros"
                )
            self.built: bool = True

        def get_config(self) -> dict[str, Any]:
            return {
                **super().get_config(),
                "variables": [spec.to_dict() for spec in self._content.specs],
                "feature_shape": list(self._content.feature_shape),
                "module_digest": self._module_digest,
            }

        def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
            return (input_shape[0], *self._content.feature_shape)

        def compute_output_spec(self, inputs: Any, training: Any = None) -> Any:
            return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

        def call(self, inputs: Any) -> Any:
            features = self._content.run(keras.ops.cast(inputs, "float32"))
            features.set_shape(self.compute_output_shape(features.shape))
            return keras.ops.cast(features, self.compute_dtype)

        def save_assets(self, dir_path: str) -> None:
            self._content.save(Path(dir_path) / _ASSET_FOLDER, self._module_digest)

        def load_assets(self, dir_path: str) -> None:
            self._content.load(Path(dir_path) / _ASSET_FOLDER, self._module_digest, self._ordered_variables())

        def attach(self, module: OpenModule, folder: Path) -> None:
            """Run `module`, which was opened from `folder`, with its own values."""
            self._content.use(module, folder, self._ordered_variables())

        def _ordered_variables(self) -> list[Any]:
            """In the module's order; Keras lists those that can learn first."""
            learning, still = iter(self._trainable_variables), iter(self._non_trainable_variables)
            return [next(learning if spec.trainable else still) for spec in self._content.specs]

    HubModule.__qualname__ = "HubModule"
    return keras.saving.register_keras_serializable(package="tfl", name="HubModule")(HubModule)


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)) or not all(type(size) is int and size > 0 for size in value):
        raise IntegrityError(f"The model file's config describes no output: {str(value)[:200]}.")
    return tuple(value)


class _Content:
    """What a layer holds beside its variables; a plain object, so that TensorFlow exports no second copy of it."""

    def __init__(self, specs: tuple[VariableSpec, ...], feature_shape: tuple[int, ...]) -> None:
        self.specs = specs
        self.feature_shape = feature_shape
        self._run: Callable[[Any], Any] | None = None
        self._folder: Path | None = None
        self._home: tempfile.TemporaryDirectory[str] | None = None
        total_bytes = sum(spec.size_bytes for spec in specs)
        if total_bytes > _MAX_VARIABLE_BYTES:
            raise IntegrityError(f"The model file's config describes {total_bytes:,} bytes of variables.")

    def run(self, images: Any) -> Any:
        if self._run is None:
            raise IntegrityError("The model file does not hold the SavedModel of its backbone.")
        return self._run(images)

    def save(self, target: Path, digest: str) -> None:
        """Copy the SavedModel to `target`, and check that it is still the one that was loaded."""
        if self._folder is None:
            raise IntegrityError("The model file does not hold the SavedModel of its backbone.")
        if not (self._folder / SAVED_MODEL_FILE).is_file():
            raise IntegrityError(f"The module in {self._folder} is gone since it was loaded; the model can't be saved.")
        _cache.copy_folder(self._folder, target)
        if _cache.digest_of(target) != digest:
            raise IntegrityError(f"{self._folder} has changed since it was loaded; the model can't be saved.")

    def load(self, folder: Path, digest: str, variables: list[Any]) -> None:
        """Check, copy and open a SavedModel that came with a model file; the layer's values go into it."""
        if not (folder / SAVED_MODEL_FILE).is_file():
            raise IntegrityError("The model file does not hold the SavedModel of its backbone.")
        # The archive it was unpacked from vanishes after loading, and the layer may be saved again later.
        home = tempfile.TemporaryDirectory(prefix="tfl-module-")
        place = Path(home.name) / _ASSET_FOLDER
        _cache.copy_folder(folder, place)
        if _cache.digest_of(place) != digest:
            raise IntegrityError("The SavedModel inside the model file is not the one it was saved with (SHA-256).")
        module = open_module(place)
        described = [(spec.shape, spec.dtype, spec.trainable) for spec in self.specs]
        if [(spec.shape, spec.dtype, spec.trainable) for spec in module.specs] != described:
            raise IntegrityError("The SavedModel inside the model file has other variables than its config says.")
        for variable, own in zip(variables, module.variables, strict=True):
            own.assign(variable.value)
        self.use(module, place, variables)
        self._home = home

    def use(self, module: OpenModule, folder: Path, variables: list[Any]) -> None:
        """Let the Keras variables stand for the module's own."""
        for variable, own in zip(variables, module.variables, strict=True):
            variable._initialize(own)
        self._run, self._folder = module.run, folder


def make_layer(folder: Path, *, image_size: int, name: str) -> Any:
    """Make a layer from a SavedModel, with the module's own values.

    Args:
        folder: The SavedModel.
        image_size: Height and width in pixels that it will get.
        name: Of the layer.

    Raises:
        UnsupportedError: The module does not accept images of this size, or is no image network.
        IntegrityError: The SavedModel can't be read.
    """
    tf = require("tensorflow", purpose="loading a TF Hub module")
    module = open_module(folder)
    height, width = module.static_size
    if (height or image_size, width or image_size) != (image_size, image_size):
        raise UnsupportedError(
            f"image_size: the module takes {height} x {width} pixels only. Received: {image_size}.",
            hint=f"Leave image_size out, or set it to {height}." if height == width else "Choose another module.",
        )
    try:
        # One real picture: graphs from older exporters do not always know their own output's shape.
        features = module.run(tf.zeros((1, image_size, image_size, 3), tf.float32))
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise UnsupportedError(
            f"The module does not take pictures of {image_size} x {image_size} x 3 float32: {str(error)[:500]}",
            hint="Try the size that its page names with --set model.image_size=...",
        ) from error
    if features.shape.rank not in (2, 4) or not features.dtype.is_floating:
        raise UnsupportedError(
            f"The module's output is {features.dtype.name} of shape {tuple(features.shape)}; "
            "features are (batch, n) or (batch, rows, columns, n) floats."
        )
    layer = hub_module_class()(
        variables=[spec.to_dict() for spec in module.specs],
        feature_shape=[int(size) for size in features.shape[1:]],
        module_digest=_cache.digest_of(folder),
        name=name,
    )
    layer.attach(module, folder)
    return layer


def static_size(folder: Path) -> int | None:
    """Return the height and width in pixels that a module is fixed to, or None when it takes any.

    Raises:
        UnsupportedError: The module takes one size that is not square, or is no image network.
        IntegrityError: The SavedModel can't be read.
    """
    height, width = open_module(folder).static_size
    if height is not None and width is not None and height != width:
        raise UnsupportedError(f"{folder} takes pictures of {height} x {width} pixels; square ones are supported.")
    return height or width
