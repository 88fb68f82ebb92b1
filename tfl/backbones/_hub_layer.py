"""A Keras 3 layer around a TF2 SavedModel: it trains, freezes, saves, reloads and exports.

The module's own graph runs with `training=False`, so its BatchNorm never moves, and always in float32.
A saved `.keras` file holds the SavedModel itself, so it loads on a machine that never saw the module.
"""

from __future__ import annotations

import dataclasses
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfl.backbones import _cache
from tfl.backbones._hub_calls import PICTURES, Feeding
from tfl.backbones._hub_module import MAX_VARIABLE_BYTES, OpenModule, VariableSpec, open_module
from tfl.core.errors import IntegrityError, UnsupportedError
from tfl.core.extras import require
from tfl.core.saved_models import SAVED_MODEL_FILE

_ASSET_FOLDER = "saved_model"


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
        """A batch of pictures, tokens or texts -> the module's features; see the file's docstring.

        Args:
            variables: Descriptions of the module's variables, in its own order.
            feature_shape: Of the output, without the batch dimension.
            module_digest: SHA-256 over the SavedModel's files.
            feeding: Of `Feeding`; pictures where it is absent.
            **options: Of every Keras layer.
        """

        def __init__(
            self, *, variables: Any, feature_shape: Any, module_digest: str, feeding: Any = None, **options: Any
        ) -> None:
            super().__init__(autocast=False, **options)
            self.supports_jit = False
            self._feeding = PICTURES if feeding is None else Feeding.from_dict(feeding)
            self._content = _Content(
                tuple(map(VariableSpec.from_dict, variables)), _shape(feature_shape), self._feeding
            )
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
                **({} if self._feeding == PICTURES else {"feeding": dataclasses.asdict(self._feeding)}),
            }

        def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
            return (input_shape[0], *self._content.feature_shape)

        def compute_output_spec(self, inputs: Any, training: Any = None) -> Any:
            return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

        def call(self, inputs: Any) -> Any:
            pictures = self._feeding.kind == "pictures"
            features = self._content.run(keras.ops.cast(inputs, "float32") if pictures else inputs)
            features.set_shape(self.compute_output_shape(features.shape))
            return keras.ops.cast(features, self.compute_dtype)

        def save_assets(self, dir_path: str) -> None:
            self._content.save(Path(dir_path) / _ASSET_FOLDER, self._module_digest)

        def load_assets(self, dir_path: str) -> None:
            self._content.load(Path(dir_path) / _ASSET_FOLDER, self._module_digest, self._ordered_variables())

        def attach(self, module: OpenModule, folder: Path) -> None:
            """Run `module`, which was opened from `folder`, with its own values."""
            self._content.use(module, folder, self._ordered_variables())

        @property
        def graph_resources(self) -> tuple[Any, ...]:
            """Tables and files that the graph needs beside its variables, for an export to take along."""
            return self._content.resources

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

    def __init__(
        self, specs: tuple[VariableSpec, ...], feature_shape: tuple[int, ...], feeding: Feeding = PICTURES
    ) -> None:
        self.specs = specs
        self.feeding = feeding
        self.feature_shape = feature_shape
        self._run: Callable[[Any], Any] | None = None
        self._folder: Path | None = None
        self.resources: tuple[Any, ...] = ()
        self._home: tempfile.TemporaryDirectory[str] | None = None
        total_bytes = sum(spec.size_bytes for spec in specs)
        if total_bytes > MAX_VARIABLE_BYTES:
            raise IntegrityError(f"The model file's config describes {total_bytes:,} bytes of variables.")

    def run(self, batch: Any) -> Any:
        if self._run is None:
            raise IntegrityError("The model file does not hold the SavedModel of its backbone.")
        return self._run(batch)

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
        module = open_module(place, self.feeding)
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
        self._run, self._folder, self.resources = module.run, folder, module.resources


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
    return wrap(module, folder, feature_shape=features.shape[1:], name=name)


def wrap(module: OpenModule, folder: Path, *, feature_shape: Any, name: str, feeding: Feeding = PICTURES) -> Any:
    """Make a layer from an opened module, with the module's own values.

    Args:
        module: Opened from `folder`.
        folder: The SavedModel.
        feature_shape: Of its answer, without the batch dimension.
        name: Of the layer.
        feeding: With which it was opened.
    """
    layer = hub_module_class()(
        variables=[spec.to_dict() for spec in module.specs],
        feature_shape=[int(size) for size in feature_shape],
        module_digest=_cache.digest_of(folder),
        feeding=None if feeding == PICTURES else dataclasses.asdict(feeding),
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
