"""A SavedModel that takes strings and does more to them than averaging words: left as it is, in TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tfl.backbones._hub_calls import Feeding
from tfl.backbones._hub_layer import wrap
from tfl.backbones._hub_module import first_line, open_module
from tfl.backbones._hub_text import PROOF_TEXTS
from tfl.core.errors import UnsupportedError
from tfl.core.extras import require
from tfl.data.contracts.strings import Strings

_FEEDING = Feeding(kind="strings")
#: A text alone is computed in another order than in a batch.
_BATCH_MOVES = 1e-4


@dataclass(frozen=True)
class StringModule:
    """A module of strings, as it is.

    Attributes:
        model: `texts (batch,) string` -> `(batch, features)`, in the active policy's compute dtype.
        contract: From a text to `texts`.
    """

    model: Any
    contract: Strings


def load_string_module(folder: Path) -> StringModule:
    """Put a module of strings behind an input of strings.

    Raises:
        UnsupportedError: It is a preprocessor, or does not answer each text with a vector of its own.
        IntegrityError: It can't be read.
        MissingExtraError: TensorFlow, Keras, or TensorFlow Text which it asks for, is not installed.
    """
    keras = require("keras", purpose="loading a TF Hub module")
    tf = require("tensorflow", purpose="loading a TF Hub module")
    module = open_module(folder, _FEEDING)
    contract = Strings()
    texts = contract.load_batch(PROOF_TEXTS)
    try:
        vectors = module.run(tf.constant(texts))
        alone = module.run(tf.constant(texts[2:3]))
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise UnsupportedError(f"{folder} does not take every text: {first_line(error)}") from error
    if vectors.shape.rank != 2 or vectors.shape[0] != len(texts) or not vectors.dtype.is_floating:
        raise UnsupportedError(
            f"{folder} answers {len(texts)} texts with {vectors.dtype.name} of shape {tuple(vectors.shape)}, not with "
            "one vector for each.",
            hint="A preprocessor stands behind its encoder: tfhub:ENCODER@preprocess=PREPROCESSOR.",
        )
    moved = float(np.abs(np.asarray(alone)[0] - np.asarray(vectors)[2]).max())
    if not moved <= _BATCH_MOVES * max(1.0, float(np.abs(vectors).max())):
        raise UnsupportedError(
            f"{folder} answers a text otherwise in a batch than alone, by {moved:.2g}.",
            hint="The answer would depend on the other texts of a batch. Choose another module.",
        )
    given = keras.Input((), dtype="string", name="texts")
    layer = wrap(module, folder, feature_shape=vectors.shape[1:], name="hub_texts", feeding=_FEEDING)
    return StringModule(keras.Model(given, layer(given), name="hub_texts"), contract)
