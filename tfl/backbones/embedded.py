"""Backbones that travel inside the package: no download, no foreign licence."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tfl.backbones import _leafnet, _ngrams, _pairnet, _patchnet, _sketchnet
from tfl.backbones._base import Backbone, BackboneFacts, BackboneInfo, BackboneSource, parse_spec
from tfl.backbones._facts import known_facts
from tfl.backbones._variables import Floats16, put_weights
from tfl.core.errors import IntegrityError, UnsupportedError, unknown_name
from tfl.core.extras import require
from tfl.core.files import sha256_text
from tfl.data.preprocess import ImagePreprocessing

#: The networks for pictures and their files of weights; all were made for the same input.
_NETWORKS = {"sketchnet": _sketchnet, "patchnet": _patchnet, "leafnet": _leafnet, "pairnet": _pairnet}
_PICTURES = ImagePreprocessing(
    height=_sketchnet.NATIVE_SIZE,
    width=_sketchnet.NATIVE_SIZE,
    jpeg_draft=True,
    resize="crop",
    scale=1 / 127.5,
    mean=(1.0, 1.0, 1.0),
)
_DRAWN = "images drawn by the project's own script"


def _of_pictures(name: str, *, origin: str = _DRAWN, note: str) -> BackboneInfo:
    network: Any = _NETWORKS[name]
    return BackboneInfo(
        spec=f"embedded:{name}",
        task="image_classification",
        preprocessing=_PICTURES,
        min_size=network.MIN_SIZE,
        parameters=network.parameter_count(),
        feature_size=network.FEATURE_SIZE,
        licence="Apache-2.0",
        weights_origin=origin,
        available_offline=True,
        note=note,
    )


_SKETCHNET = _of_pictures(
    "sketchnet",
    note="Needs no network. Small and quick. Photos: embedded:patchnet is better, one trained on ImageNet far better.",
)
_PATCHNET = _of_pictures(
    "patchnet",
    origin=f"clusters of patches of {_DRAWN}",
    # The word for what tiles and fabrics have would be found by who looks for texts.
    note="Take it for photos and surfaces where no ImageNet weights are at hand: colours, edges, patterns, no objects.",
)
_LEAFNET = _of_pictures(
    "leafnet",
    note="Needs no network. The best for photos and surfaces without ImageNet; taught by contrast on drawn leaves.",
)
_PAIRNET = _of_pictures(
    "pairnet",
    note="Needs no network. patchnet and leafnet side by side: a good first answer to pictures of any kind.",
)
_NGRAMS = BackboneInfo(
    spec="embedded:ngrams",
    task="text_classification",
    preprocessing=_ngrams.CONTRACT,
    min_size=0,
    parameters=_ngrams.parameter_count(),
    feature_size=_ngrams.FEATURE_SIZE,
    licence="Apache-2.0",
    weights_origin="drawn at random: it learns from your texts alone",
    available_offline=True,
    note="Needs no network and knows no language: all of it has to learn (train.fine_tune_layers=0). Very quick.",
    is_pretrained=False,
)
_INFOS = {parse_spec(info.spec)[1]: info for info in (_PAIRNET, _SKETCHNET, _PATCHNET, _LEAFNET, _NGRAMS)}


class EmbeddedSource(BackboneSource):
    """The backbones whose weights are files of this package, or drawn from a fixed seed."""

    summary = "Carried inside tfl: works without a network. Pictures: trained on drawn ones; texts: learns from yours."

    def list(self) -> tuple[BackboneInfo, ...]:
        """Describe every embedded backbone, importing no framework."""
        return tuple(_INFOS.values())

    def info(self, name: str) -> BackboneInfo:
        """Describe one embedded backbone, importing no framework.

        Raises:
            NotFoundError: There is no embedded backbone of this name.
        """
        if name not in _INFOS:
            raise unknown_name("embedded backbone", name, _INFOS)
        return _INFOS[name]

    def facts(self, name: str) -> BackboneFacts:
        return known_facts(self.info(name).spec, name, licence_source="the licence of this package")

    def recipe(self, name: str) -> Mapping[str, Any]:
        """Return the settings that a backbone is best trained with, by dotted name.

        Raises:
            NotFoundError: There is no embedded backbone of this name.
        """
        return _ngrams.RECIPE if self.info(name) is _NGRAMS else {}

    def load(self, name: str, *, image_size: int | None = None) -> Backbone:
        """Load a backbone from the package alone.

        Args:
            name: `sketchnet`, `(batch, size, size, 3)` float32 in [-1, 1] -> `(batch, 256)`; `patchnet`, the same
                -> `(batch, 3200)`; `leafnet`, the same -> `(batch, 1440)`; `pairnet`, the same -> `(batch, 4640)`; or
                `ngrams`, `(batch, n-grams)` int32 -> `(batch, 128)`.
            image_size: Height and width in pixels, at least 32; None for 96 and for texts.

        Raises:
            NotFoundError: There is no embedded backbone of this name.
            UnsupportedError: The image size is under 32, or there is one and the backbone takes texts.
            IntegrityError: The file of weights is missing or is not the network's.
            MissingExtraError: Keras is not installed.
        """
        info = self.info(name)
        return _load_ngrams(info, image_size) if info is _NGRAMS else _load_pictures(info, name, image_size)


def _load_ngrams(info: BackboneInfo, image_size: int | None) -> Backbone:
    if image_size is not None:
        raise UnsupportedError(
            f"image_size: '{info.spec}' takes texts, which have none. Received: {image_size}.", hint="Leave it out."
        )
    require("keras", purpose="loading a backbone")
    digest = hashlib.sha256(_ngrams.first_weights().tobytes()).hexdigest()
    return Backbone(info=info, model=_ngrams.build(), digest=digest)


def _load_pictures(info: BackboneInfo, name: str, image_size: int | None) -> Backbone:
    network, file = _NETWORKS[name], _weights_file(name)
    parts = [_weights_file(part) for part in getattr(network, "PARTS", ())]
    size = image_size if image_size is not None else network.NATIVE_SIZE
    if size < info.min_size:
        raise UnsupportedError(
            f"image_size: '{info.spec}' takes {info.min_size} pixels or more. Received: {size}.",
            hint=f"Leave it out for {network.NATIVE_SIZE}, the size it was made for.",
        )
    require("keras", purpose="loading a backbone")
    read = [_read_weights(path) for path in (*parts, file)]
    weights = {key: value for found, _ in read for key, value in found.items()}
    model = network.build(image_size=size)
    try:
        put_weights(model, weights)
    except ValueError as error:
        raise _unfit(file, str(error)) from error
    contract = dataclasses.replace(_PICTURES, height=size, width=size)
    digests = [digest for _, digest in read]
    digest = digests[0] if len(digests) == 1 else sha256_text(*digests)
    return Backbone(info=dataclasses.replace(info, preprocessing=contract), model=model, digest=digest)


def _weights_file(name: str) -> Path:
    return Path(__file__).with_name(f"{name}.npz")


def _read_weights(path: Path) -> tuple[dict[str, Floats16], str]:
    """Read the file once: its arrays, and the SHA-256 of the very bytes they came from."""
    try:
        data = path.read_bytes()
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            weights = {key: arrays[key] for key in arrays.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise _unfit(path, str(error)) from error
    return weights, hashlib.sha256(data).hexdigest()


def _unfit(path: Path, reason: str) -> IntegrityError:
    return IntegrityError(
        f"{path}: the embedded weights can't be used: {reason}",
        hint="The installation is damaged. Install again: pip install --force-reinstall tfl",
    )


SOURCE = EmbeddedSource()
