"""Hugging Face folders that KerasHub has no reader for, put into its networks: DeBERTa v3 and ELECTRA."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfl.core.errors import IntegrityError, UnsupportedError
from tfl.core.extras import require

_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"


def read_deberta(hub: Any, folder: Path, config: Mapping[str, Any]) -> Any:
    """Build KerasHub's `DebertaV3Backbone` from a Hugging Face folder of type `deberta-v2`, in float32.

    Args:
        hub: The module keras_hub.
        folder: Holds `model.safetensors`, or its parts and their index.
        config: Its `config.json`.

    Raises:
        UnsupportedError: It is of another kind than KerasHub's network; says all that differs.
        IntegrityError: A weight is missing or of another size.
        MissingExtraError: safetensors is not installed.
    """
    _require_version_3(folder, config)
    network = hub.models.DebertaV3Backbone(
        vocabulary_size=_size(folder, config, "vocab_size"),
        max_sequence_length=_longest(config),
        bucket_size=_size(folder, config, "position_buckets"),
        **_common_sizes(folder, config),
    )
    tables = {
        "embeddings.word_embeddings.weight": network.token_embedding.embeddings,
        "encoder.rel_embeddings.weight": network.relative_embeddings.rel_embeddings,
    }
    layers = {"embeddings.LayerNorm": network.embeddings_layer_norm}
    layers["encoder.LayerNorm"] = network.relative_embeddings.layer_norm
    layers |= _layers_of_blocks(network, "query_proj", "key_proj", "value_proj")
    _fill(folder, _Tensors(folder, prefix="deberta."), tables, layers)
    return network


def read_electra(hub: Any, folder: Path, config: Mapping[str, Any]) -> Any:
    """Build KerasHub's `ElectraBackbone` from a Hugging Face folder of type `electra`, in float32.

    Args:
        hub: The module keras_hub.
        folder: Holds `model.safetensors`, or its parts and their index.
        config: Its `config.json`.

    Raises:
        IntegrityError: A weight is missing or of another size.
        MissingExtraError: safetensors is not installed.
    """
    hidden = _size(folder, config, "hidden_size")
    embedding = _size(folder, config, "embedding_size") if "embedding_size" in config else hidden
    network = hub.models.ElectraBackbone(
        vocab_size=_size(folder, config, "vocab_size"),
        embedding_dim=embedding,
        max_sequence_length=_size(folder, config, "max_position_embeddings"),
        num_segments=_size(folder, config, "type_vocab_size"),
        **_common_sizes(folder, config),
    )
    tables = {
        "embeddings.word_embeddings.weight": network.token_embedding.embeddings,
        "embeddings.position_embeddings.weight": network.position_embedding.position_embeddings,
        "embeddings.token_type_embeddings.weight": network.segment_embedding.embeddings,
    }
    layers = {"embeddings.LayerNorm": network.embeddings_layer_norm}
    if embedding != hidden:
        layers["embeddings_project"] = network.embeddings_projection
    layers |= _layers_of_blocks(network, "query", "key", "value")
    _fill(folder, _Tensors(folder, prefix="electra."), tables, layers)
    return network


#: `model_type` -> what reads it.
CONVERTERS = {"deberta-v2": read_deberta, "electra": read_electra}


def _size(folder: Path, config: Mapping[str, Any], name: str) -> int:
    said = config.get(name)
    if not isinstance(said, int) or said < 1:
        raise IntegrityError(f"{folder / 'config.json'}: {name} must be a whole number over 0. Received: {said!r}.")
    return said


def _common_sizes(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    hidden, heads = _size(folder, config, "hidden_size"), _size(folder, config, "num_attention_heads")
    if hidden % heads:
        raise IntegrityError(f"{folder / 'config.json'}: {heads} heads can't share a hidden_size of {hidden}.")
    return {
        "num_layers": _size(folder, config, "num_hidden_layers"),
        "num_heads": heads,
        "hidden_dim": hidden,
        "intermediate_dim": _size(folder, config, "intermediate_size"),
        "dropout": float(config.get("hidden_dropout_prob", 0.1)),
        "dtype": "float32",
    }


def _layers_of_blocks(network: Any, *inputs: str) -> dict[str, Any]:
    """Return KerasHub's layers by transformers' names; `inputs` are those of query, key and value."""
    found = {}
    for number, block in enumerate(network.transformer_layers):
        begin, attention = f"encoder.layer.{number}.", block._self_attention_layer
        for name, layer in zip(inputs, ("_query_dense", "_key_dense", "_value_dense"), strict=True):
            found[f"{begin}attention.self.{name}"] = getattr(attention, layer)
        found |= {
            f"{begin}attention.output.dense": attention._output_dense,
            f"{begin}attention.output.LayerNorm": block._self_attention_layer_norm,
            f"{begin}intermediate.dense": block._feedforward_intermediate_dense,
            f"{begin}output.dense": block._feedforward_output_dense,
            f"{begin}output.LayerNorm": block._feedforward_layer_norm,
        }
    return found


def _fill(folder: Path, tensors: _Tensors, tables: Mapping[str, Any], layers: Mapping[str, Any]) -> None:
    """Copy tensors into a network.

    Args:
        folder: For messages.
        tensors: Of the folder.
        tables: Variables by transformers' names, in the same layout there.
        layers: Dense layers and normalizations by transformers' names.
    """
    for name, variable in tables.items():
        _assign(folder, variable, name, tensors.read(name))
    for name, layer in layers.items():
        kernel, bias = (layer.gamma, layer.beta) if hasattr(layer, "gamma") else (layer.kernel, layer.bias)
        # transformers keeps a kernel as (out, in).
        _assign(folder, kernel, f"{name}.weight", tensors.read(f"{name}.weight").T)
        _assign(folder, bias, f"{name}.bias", tensors.read(f"{name}.bias"))


def _assign(folder: Path, variable: Any, name: str, value: Any) -> None:
    shape = tuple(variable.shape)
    # A kernel of KerasHub may have heads for an axis of their own, on either side.
    fits = value.ndim == 1 or value.shape[0] == shape[0] or value.shape[-1] == shape[-1]
    if not fits or value.size != math.prod(shape):
        raise IntegrityError(f"{folder}: '{name}' does not fit: {value.size} numbers, where {shape} are needed.")
    variable.assign(value.reshape(shape))


def _require_version_3(folder: Path, config: Mapping[str, Any]) -> None:
    """Check that the network is built as DeBERTa v3 is, whose type in a configuration is `deberta-v2`."""
    hidden, heads = config.get("hidden_size"), config.get("num_attention_heads")
    own_size = hidden // heads if isinstance(hidden, int) and isinstance(heads, int) and heads else None
    kinds, norms = (_words(config.get(name)) for name in ("pos_att_type", "norm_rel_ebd"))
    wanted = {
        "relative_attention": (config.get("relative_attention") is True, "true"),
        "position_biased_input": (config.get("position_biased_input", True) is False, "false"),
        "pos_att_type": (kinds == {"p2c", "c2p"}, "p2c|c2p"),
        "norm_rel_ebd": (norms == {"layer_norm"}, "layer_norm"),
        "share_att_key": (config.get("share_att_key") is True, "true"),
        "position_buckets": (_positive(config.get("position_buckets")), "over 0"),
        "conv_kernel_size": (not config.get("conv_kernel_size"), "absent or 0"),
        "type_vocab_size": (not config.get("type_vocab_size"), "absent or 0"),
        "embedding_size": (config.get("embedding_size", hidden) == hidden, f"absent or {hidden}"),
        "attention_head_size": (config.get("attention_head_size", own_size) == own_size, f"absent or {own_size}"),
    }
    wrong = [f"{name} is {config.get(name)!r}, not {allowed}" for name, (fits, allowed) in wanted.items() if not fits]
    if wrong:
        raise UnsupportedError(
            f"{folder}: only a DeBERTa built as version 3 is carried. Here {'; '.join(wrong)}.",
            hint="Choose a DeBERTa v3, or a BERT, DistilBERT, RoBERTa, XLM-RoBERTa, ALBERT or ELECTRA.",
        )


def _words(said: Any) -> set[str]:
    """Read `a|b` or a list of words."""
    parts = said.split("|") if isinstance(said, str) else said if isinstance(said, list) else []
    return {str(part).strip() for part in parts}


def _positive(said: Any) -> bool:
    return isinstance(said, int) and said > 0


def _longest(config: Mapping[str, Any]) -> int:
    said = config.get("max_relative_positions")
    if not _positive(said):
        said = config.get("max_position_embeddings", 512)
    return int(str(said))


class _Tensors:
    """The tensors of a folder by name, each read when asked for."""

    def __init__(self, folder: Path, *, prefix: str) -> None:
        # A model with a head on top has its encoder's weights under its own name.
        self._folder, self._prefix = folder, prefix
        self._files: dict[str, Any] = {}
        for path in _files(folder):
            self._add(path)

    def _add(self, path: Path) -> None:
        safetensors = require("safetensors", purpose="reading a Hugging Face model")
        try:
            opened = safetensors.safe_open(str(path), framework="np")
            self._files |= dict.fromkeys(opened.keys(), opened)
        except (OSError, safetensors.SafetensorError) as error:
            raise IntegrityError(f"{path} holds no tensors: {error}.") from error

    def read(self, name: str) -> Any:
        stored = name if name in self._files else self._prefix + name
        if stored not in self._files:
            raise IntegrityError(
                f"{self._folder} has no weight '{name}'.", hint="Configuration and weights are of two models."
            )
        try:
            return self._files[stored].get_tensor(stored)
        except (TypeError, AttributeError) as error:
            raise UnsupportedError(
                f"{self._folder}: '{name}' is of a type that NumPy has not: {error}.",
                hint="Save the weights as float32, float16 or bfloat16.",
            ) from error


def _files(folder: Path) -> list[Path]:
    if (folder / _WEIGHTS).is_file():
        return [folder / _WEIGHTS]
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        names = sorted(set(index["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{folder / _INDEX} does not say which files hold the weights: {error}.") from error
    if any(Path(name).name != name for name in names):
        raise IntegrityError(f"{folder / _INDEX} names files outside of the folder.")
    return [folder / name for name in names]
