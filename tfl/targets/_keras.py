"""The float model itself: how a bundle's Keras file is loaded, and how it answers like any artefact."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from tfl.bundle import Bundle
from tfl.bundle.records import MODEL_FILE
from tfl.core.errors import JobError, NotFoundError
from tfl.core.extras import require
from tfl.core.registry import Registry
from tfl.data.contract import Floats, Inputs
from tfl.targets._base import Runtime

logger = logging.getLogger(__name__)


def custom_objects(source: str) -> dict[str, Any]:
    """Return the Keras classes that models on a backbone source need; none when the source is not installed."""
    sources: Registry[Any] = Registry("tfl.backbones", "SOURCE", "backbone source")
    try:
        return dict(sources.get(source).custom_objects())
    except NotFoundError:
        logger.info("Backbone source '%s' is not installed; the model is loaded without its custom layers.", source)
        return {}


def load_keras_model(bundle_dir: Path, bundle: Bundle) -> Any:
    """Load `model.keras` of a bundle whose digests have been checked, under float32 and in safe mode.

    Raises:
        MissingExtraError: Keras is not installed.
        JobError: Keras can't read the file.
    """
    keras = require("keras", purpose="opening a bundle")
    path = bundle_dir / MODEL_FILE
    try:
        return keras.models.load_model(
            path, custom_objects=custom_objects(bundle.backbone.source), compile=False, safe_mode=True
        )
    except (OSError, ValueError, TypeError) as error:
        raise JobError(
            f"{path} can't be loaded by Keras {keras.__version__}: {error}",
            hint=f"It was made with Keras {bundle.versions.get('keras', '(unknown version)')}.",
        ) from error


class KerasRuntime(Runtime):
    """Runs the float model of a bundle.

    Args:
        model: A `keras.Model`.
    """

    def __init__(self, model: Any) -> None:
        # XLA on a processor made MobileNetV2 15 times slower; jit_compile is off unless compile() turns it on.
        model.compile(jit_compile=False)
        self._model = model

    def predict(self, batch: Inputs) -> Floats:
        """See `Runtime.predict`."""
        return np.asarray(self._model.predict_on_batch(batch), dtype=np.float32)

    def close(self) -> None:
        """See `Runtime.close`."""
        self._model = None
