"""A transformer encoder of TF Hub, as a network from identifiers of tokens to one vector."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tfl.backbones._hub_calls import Answer, Feeding
from tfl.backbones._hub_layer import wrap
from tfl.backbones._hub_module import OpenModule, first_line, open_module
from tfl.backbones._hub_text import is_text_module
from tfl.backbones._hub_wordpiece import (
    Reference,
    equal_contract,
    of_preprocessor,
    of_vocabulary,
    vocabulary_file,
)
from tfl.core.errors import IntegrityError, UnsupportedError
from tfl.core.extras import require
from tfl.core.saved_models import SAVED_MODEL_FILE
from tfl.data.contracts.tokens import TokenizedText

#: Under this key a checkpoint has what an encoder says of its letters.
_LOWER = "do_lower_case/.ATTRIBUTES/VARIABLE_VALUE"
#: Where no table of positions says more.
_USUAL_LONGEST = 512
#: A padded token's score is lowered by 10,000, so that its weight is exactly 0 in float32; adding zeros in another
#: order moves an answer by 4e-7 at most.
_PADDING_MOVES = 1e-5


@dataclass(frozen=True)
class EncoderModule:
    """An encoder, understood.

    Attributes:
        model: `ids (batch, tokens) int32` -> `(batch, features)`, in the active policy's compute dtype.
        contract: From a text to `ids`.
        compared_with: What the contract's tokens were found equal to.
    """

    model: Any
    contract: TokenizedText
    compared_with: str


def is_encoder(folder: Path) -> bool:
    """Say whether a SavedModel is a transformer that takes tokens, without a framework."""
    path = folder / SAVED_MODEL_FILE
    return path.is_file() and b"input_word_ids" in path.read_bytes() and not is_text_module(folder)


def load_encoder(folder: Path, *, preprocessor: Path | None, answer: Answer) -> EncoderModule:
    """Load an encoder and build the tokenizer that belongs to it.

    Args:
        folder: The encoder.
        preprocessor: A module from texts to what it takes; None for the vocabulary that the encoder brings.
        answer: What a text's vector is.

    Raises:
        UnsupportedError: Its inputs, its tokenizer or what it does with padding is not what a contract can say.
        IntegrityError: A file is missing or broken, or vocabulary and weights are of two models.
        MissingExtraError: TensorFlow, Keras, TensorFlow Text or tokenizers is not installed.
    """
    keras = require("keras", purpose="loading a TF Hub module")
    reference = of_preprocessor(preprocessor) if preprocessor is not None else _own_vocabulary(folder)
    # Padding is known before the network is; the tokenizer is compared before it is of use.
    contract = equal_contract(reference)
    feeding = Feeding(kind="tokens", answer=answer, pad_id=contract.pad_id)
    module = open_module(folder, feeding)
    contract = _fitted(module, contract, folder)
    # One text that fills the widest batch; the highest identifier is in it.
    vectors = _asked(module, _drawn(contract, (1, contract.longest)), folder)
    _check_padding(module, contract, folder)
    ids = keras.Input((None,), dtype="int32", name="ids")
    layer = wrap(module, folder, feature_shape=vectors.shape[1:], name="hub_encoder", feeding=feeding)
    return EncoderModule(keras.Model(ids, layer(ids), name="hub_encoder"), contract, reference.name)


def _own_vocabulary(folder: Path) -> Reference:
    tf = require("tensorflow", purpose="loading a TF Hub module")
    path = vocabulary_file(folder)
    try:
        checkpoint = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
        said = checkpoint.has_tensor(_LOWER) and checkpoint.get_tensor(_LOWER)
    except (ValueError, tf.errors.OpError) as error:
        raise IntegrityError(f"{folder / 'variables'} can't be read: {error}") from error
    if said is False:
        raise UnsupportedError(
            f"{folder} brings a vocabulary and does not say whether letters are folded (do_lower_case).",
            hint="Name its preprocessor: tfhub:ENCODER@preprocess=FOLDER_OR_HANDLE.",
        )
    return of_vocabulary(path.read_bytes(), path, lower=bool(said))


def _fitted(module: OpenModule, contract: TokenizedText, folder: Path) -> TokenizedText:
    """Return the contract with what the network takes at most."""
    largest = max((spec.shape[0] for spec in module.specs if len(spec.shape) > 1), default=0)
    if largest < contract.vocabulary_size:
        # A processor would say so when it is asked; a GPU answers with zeros.
        raise IntegrityError(
            f"{folder} does not take tokens up to {contract.vocabulary_size - 1}: no table has over {largest:,} rows.",
            hint="Its vocabulary or preprocessor may be that of another model.",
        )
    (width,) = module.static_size
    if width is not None:
        return replace(contract, length=width, longest=width, bucket=width)
    rows = [spec.shape[-2] for spec in module.specs if "position" in spec.name and len(spec.shape) in (2, 3)]
    longest = min(rows, default=_USUAL_LONGEST)
    if longest < 2:
        raise UnsupportedError(f"{folder} has places for {longest} tokens of a text; two are needed at least.")
    return replace(contract, length=min(contract.length, longest), longest=longest)


def _drawn(contract: TokenizedText, shape: tuple[int, int]) -> Any:
    """Draw tokens, none of them padding, the highest first."""
    highest = contract.vocabulary_size - 1
    ids = np.random.default_rng(0).integers(0, highest + 1, shape, dtype=np.int32)
    ids[0, 0] = highest
    ids[ids == contract.pad_id] = highest if contract.pad_id != highest else 0
    return ids


def _asked(module: OpenModule, ids: Any, folder: Path) -> Any:
    import tensorflow as tf

    try:
        vectors = module.run(tf.constant(ids))
    except tf.errors.InvalidArgumentError as error:
        raise IntegrityError(
            f"{folder} does not take tokens up to {int(ids.max())} in texts of {ids.shape[1]}: {first_line(error)}",
            hint="Its vocabulary or preprocessor may be that of another model.",
        ) from error
    if vectors.shape.rank != 2 or not vectors.dtype.is_floating:
        raise UnsupportedError(
            f"{folder} answers with {vectors.dtype.name} of shape {tuple(vectors.shape)}, no vectors."
        )
    return np.asarray(vectors, np.float32)


def _check_padding(module: OpenModule, contract: TokenizedText, folder: Path) -> None:
    """Refuse an encoder whose answer to a text depends on what it is batched with."""
    if module.static_size[0] is not None:
        return
    ids = _drawn(contract, (8, min(6, contract.longest - 1)))
    behind = min(4 * contract.bucket, contract.longest) - ids.shape[1]
    alone = _asked(module, ids, folder)
    padded = _asked(module, np.pad(ids, ((0, 0), (0, behind)), constant_values=contract.pad_id), folder)
    moved = float(np.abs(padded - alone).max())
    if not moved <= _PADDING_MOVES * max(1.0, float(np.abs(alone).max())):
        raise UnsupportedError(
            f"{folder} answers a text otherwise when padding follows it: {behind} tokens of it move it by {moved:.2g}.",
            hint="The answer would depend on the other texts of a batch. Choose another encoder.",
        )
