"""Backbones of `keras.applications`: `keras_applications:NAME[@weights]`.

`@imagenet` (the default) takes the published file from `KERAS_HOME/models`, `@none` starts from seeded
random weights, and `@PATH` takes a file of weights for the same network.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfl.backbones import _cache
from tfl.backbones._base import Backbone, BackboneFacts, BackboneInfo, BackboneSource
from tfl.backbones._keras_applications_facts import application_facts
from tfl.backbones._keras_applications_table import APPLICATIONS, Application
from tfl.core.errors import IntegrityError, NotFoundError, UnsupportedError, UserError, unknown_name
from tfl.core.extras import require

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_WEIGHT_SUFFIXES = (".h5", ".hdf5")
_RANDOM_SEED = 0
#: ImageNet's standard deviations, which EfficientNet divides by a second time; see `_finish_normalization`.
_IMAGENET_STD = (0.229, 0.224, 0.225)


class KerasApplicationsSource(BackboneSource):
    """Every model of `keras.applications`, with its own input contract as data."""

    summary = "The models of keras.applications, trained on ImageNet; weights from KERAS_HOME or downloaded once."

    def list(self) -> tuple[BackboneInfo, ...]:
        return tuple(self.info(name) for name in APPLICATIONS)

    def info(self, name: str) -> BackboneInfo:
        model, weights = _parse(name)
        application = APPLICATIONS[model]
        common = BackboneInfo(
            spec=f"keras_applications:{model}",
            task="image_classification",
            preprocessing=application.contract(),
            min_size=application.min_size,
            parameters=application.parameters,
            feature_size=application.feature_size,
            licence=application.licence,
            weights_origin="ImageNet-1k",
            available_offline=_published_file(application, application.size).is_file(),
            note=application.note,
        )
        if weights == "imagenet":
            return common
        if weights == "none":
            return dataclasses.replace(
                common,
                spec=f"keras_applications:{model}@none",
                licence="Apache-2.0",
                weights_origin=f"random, seed {_RANDOM_SEED}",
                available_offline=True,
                note="Not trained on anything: for comparison only.",
            )
        return dataclasses.replace(
            common,
            spec=f"keras_applications:{model}@{weights}",
            licence="unknown",
            weights_origin=f"the file {Path(weights).name}",
            available_offline=Path(weights).expanduser().is_file(),
        )

    def facts(self, name: str) -> BackboneFacts:
        model, weights = _parse(name)
        application = APPLICATIONS[model]
        address = application.url(application.size) if weights == "imagenet" else ""
        return application_facts(model, application.family, address=address)

    def load(self, name: str, *, image_size: int | None = None) -> Backbone:
        """Load `(batch, size, size, 3)` float32 -> `(batch, features)`, pooled, under the active dtype policy.

        Args:
            name: `NAME`, `NAME@imagenet`, `NAME@none` or `NAME@PATH` of a `.weights.h5` or `.h5` file.
            image_size: Height and width in pixels; None for the size it was trained at.

        Raises:
            NotFoundError: There is no such model, or no file at PATH.
            UnsupportedError: The image size is under the model's smallest.
            IntegrityError: The file of weights is altered, or is not for this model.
            JobError: The weights are not cached and can't be downloaded.
            MissingExtraError: Keras is not installed.
        """
        info = self.info(name)
        model_name, weights = _parse(name)
        application = APPLICATIONS[model_name]
        size = image_size if image_size is not None else application.size
        if size < application.min_size:
            raise UnsupportedError(
                f"image_size: '{info.spec}' takes {application.min_size} pixels or more. Received: {size}.",
                hint=f"Leave it out for {application.size}, the size it was trained at.",
            )
        keras = require("keras", purpose="loading a backbone")
        if weights == "none":
            with _seeded(_RANDOM_SEED):
                model = _build(keras, model_name, size)
            digest = _digest_of_variables(model)
        else:
            path = _weights_file(model_name, weights, size)
            digest = _cache.check(path)
            model = _build(keras, model_name, size)
            _put_weights(model, path, application)
        contract = application.contract(size)
        return Backbone(info=dataclasses.replace(info, preprocessing=contract), model=model, digest=digest)

    def custom_objects(self) -> dict[str, Any]:
        keras = require("keras", purpose="loading a model")
        # Keras does not register the layers that only its applications use, so its own loader can't find them.
        convnext = require("keras.src.applications.convnext", purpose="loading a model")
        inception = require("keras.src.applications.inception_resnet_v2", purpose="loading a model")
        found = {"CustomScaleLayer": inception.CustomScaleLayer}
        found.update({name: getattr(convnext, name) for name in ("LayerScale", "StochasticDepth")})
        return {name: layer for name, layer in found.items() if issubclass(layer, keras.layers.Layer)}

    def fetch(self, name: str) -> tuple[Path, ...]:
        model_name, weights = _parse(name)
        if weights != "imagenet":
            raise UnsupportedError(f"'{name}' needs no download.", hint=f"Only {model_name}@imagenet is published.")
        application = APPLICATIONS[model_name]
        target = _published_file(application, application.size)
        if not target.is_file():
            _download(model_name, application.size)
        elif not _cache.matches_checksum(target, application.checksum):
            raise _broken(target, application)
        _cache.remember(target, origin=application.url(application.size))
        return (target,)

    def import_file(self, name: str, file: Path) -> tuple[Path, ...]:
        model_name, weights = _parse(name)
        if weights != "imagenet":
            raise UserError(f"'{name}' needs no import: {file} was left alone.", hint="Name the file: NAME@PATH.")
        application = APPLICATIONS[model_name]
        target = _published_file(application, application.size)
        _check_hdf5(file)
        if application.checksum:
            if not _cache.matches_checksum(file, application.checksum):
                raise UserError(
                    f"{file} is not the published {target.name} (checksum).",
                    hint=f"Download it from {application.url(application.size)}",
                )
        else:
            keras = require("keras", purpose="checking a file of weights")
            _put_weights(_build(keras, model_name, application.size), file, application)
        _cache.copy_file(file, target)
        _cache.remember(target, origin=str(file))
        return (target,)


def _parse(name: str) -> tuple[str, str]:
    model, _, weights = name.partition("@")
    weights = weights or "imagenet"
    if model not in APPLICATIONS:
        raise unknown_name("model of keras.applications", model, APPLICATIONS)
    if weights not in ("imagenet", "none") and not weights.endswith(_WEIGHT_SUFFIXES):
        raise NotFoundError(
            f"Unknown weights '{weights}' of {model}.",
            hint=f"Allowed: {model}@imagenet, {model}@none, or {model}@PATH of a .weights.h5 or .h5 file.",
        )
    return model, weights


def _published_file(application: Application, size: int) -> Path:
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home).expanduser() / "models" / application.file_for(size)


def _weights_file(model_name: str, weights: str, size: int) -> Path:
    if weights == "imagenet":
        application = APPLICATIONS[model_name]
        path = _published_file(application, size)
        if not path.is_file():
            _download(model_name, size)
            _cache.remember(path, origin=application.url(size))
        elif not _cache.matches_checksum(path, application.checksum):
            raise _broken(path, application)
        return path
    path = Path(weights).expanduser()
    _check_hdf5(path)
    return path


def _download(model_name: str, size: int) -> None:
    application = APPLICATIONS[model_name]
    target, url = _published_file(application, size), application.url(size)
    advice = (
        f"Download {url} on a machine with a network and put it at {target}\n"
        f"or, for the native size: tfl models import keras_applications:{model_name} FILE"
    )
    _cache.download(url, target, checksum=application.checksum, advice=advice)


def _broken(path: Path, application: Application) -> IntegrityError:
    return IntegrityError(
        f"{path} is not the published file (checksum): it is incomplete or altered.",
        hint=f"Delete it and download it again from {application.url(application.size)}",
    )


def _check_hdf5(path: Path) -> None:
    try:
        with path.open("rb") as stream:
            magic = stream.read(len(_HDF5_MAGIC))
    except OSError as error:
        raise NotFoundError(f"The file of weights {path} can't be read: {error.strerror or error}.") from error
    if magic != _HDF5_MAGIC:
        raise UserError(f"{path} is not an HDF5 file of weights (starts with {magic!r}).")


def _build(keras: Any, model_name: str, size: int) -> Any:
    make = getattr(keras.applications, model_name)
    return make(weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3))


def _put_weights(model: Any, path: Path, application: Application) -> None:
    try:
        model.load_weights(path)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(
            f"{path} does not hold the weights of {model.name} without its top: {error}",
            hint=f"The published file is {application.url(application.size)}",
        ) from error
    if application.divides_by_std_twice:
        _finish_normalization(model)


def _finish_normalization(model: Any) -> None:
    """Make the first layers of EfficientNet do what the ImageNet weights expect.

    Keras divides by the square root of the standard deviation once more, in a layer that it adds only
    when it finds the file itself (`weights="imagenet"`). Widening the variance of the normalization by
    the standard deviation is the same function, and works wherever the file lies.
    """
    import keras

    layer = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    std = keras.ops.convert_to_tensor(_IMAGENET_STD, dtype="float32")
    layer.adapt_variance.assign(layer.adapt_variance * std)
    layer.finalize_state()


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw Keras's initializer seeds, which come from `random`, from a fixed seed; the state is put back."""
    state = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(state)


def _digest_of_variables(model: Any) -> str:
    digest = hashlib.sha256()
    for variable in model.weights:
        value = variable.numpy()
        digest.update(f"{value.shape}{value.dtype}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


SOURCE = KerasApplicationsSource()
