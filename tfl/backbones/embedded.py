"""Backbones that travel inside the package: trained on images drawn by the project, no download, no foreign licence."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

from tfl.backbones import _sketchnet
from tfl.backbones._base import Backbone, BackboneInfo, BackboneSource
from tfl.core.errors import IntegrityError, UnsupportedError, unknown_name
from tfl.core.extras import require
from tfl.data.preprocess import ImagePreprocessing

_WEIGHTS_FILE = Path(__file__).with_name("sketchnet.npz")
_SKETCHNET = BackboneInfo(
    spec="embedded:sketchnet",
    task="image_classification",
    preprocessing=ImagePreprocessing(
        height=_sketchnet.NATIVE_SIZE,
        width=_sketchnet.NATIVE_SIZE,
        jpeg_draft=True,
        resize="crop",
        scale=1 / 127.5,
        mean=(1.0, 1.0, 1.0),
    ),
    min_size=_sketchnet.MIN_SIZE,
    parameters=_sketchnet.parameter_count(),
    feature_size=_sketchnet.FEATURE_SIZE,
    licence="Apache-2.0",
    weights_origin="images drawn by the project's own script",
    available_offline=True,
    note="Needs no network. Small and quick; on photos a backbone trained on ImageNet is far more accurate.",
)


class EmbeddedSource(BackboneSource):
    """The backbones whose weights are files of this package."""

    summary = "Carried inside tfl: works without a network, trained on images that the project draws."

    def list(self) -> tuple[BackboneInfo, ...]:
        """Describe every embedded backbone, importing no framework."""
        return (_SKETCHNET,)

    def info(self, name: str) -> BackboneInfo:
        """Describe one embedded backbone, importing no framework.

        Raises:
            NotFoundError: There is no embedded backbone of this name.
        """
        if name != "sketchnet":
            raise unknown_name("embedded backbone", name, ["sketchnet"])
        return _SKETCHNET

    def load(self, name: str, *, image_size: int | None = None) -> Backbone:
        """Load `(batch, size, size, 3)` float32 in [-1, 1] -> `(batch, 256)`, from the package alone.

        Args:
            name: `sketchnet`.
            image_size: Height and width in pixels, at least 32; None for 96.

        Raises:
            NotFoundError: There is no embedded backbone of this name.
            UnsupportedError: The image size is under 32.
            IntegrityError: The file of weights is missing or is not the network's.
            MissingExtraError: Keras is not installed.
        """
        info = self.info(name)
        size = image_size if image_size is not None else _sketchnet.NATIVE_SIZE
        if size < info.min_size:
            raise UnsupportedError(
                f"image_size: '{info.spec}' takes {info.min_size} pixels or more. Received: {size}.",
                hint=f"Leave it out for {_sketchnet.NATIVE_SIZE}, the size it was trained for.",
            )
        require("keras", purpose="loading a backbone")
        weights, digest = _read_weights(_WEIGHTS_FILE)
        model = _sketchnet.build(image_size=size)
        try:
            _sketchnet.put_weights(model, weights)
        except ValueError as error:
            raise _unfit(_WEIGHTS_FILE, str(error)) from error
        contract = dataclasses.replace(info.preprocessing, height=size, width=size)
        return Backbone(info=dataclasses.replace(info, preprocessing=contract), model=model, digest=digest)


def _read_weights(path: Path) -> tuple[dict[str, _sketchnet.Floats16], str]:
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
