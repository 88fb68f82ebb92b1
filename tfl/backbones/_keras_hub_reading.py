"""Weights of a KerasHub preset or a Hugging Face folder, read by KerasHub and put into tfl's encoder.

Only numbers are taken from a folder: its configuration is checked before a class is made from it, files of pickled
objects are refused, and what the encoder answers is compared with what KerasHub answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfl.backbones._encoder import EncoderPlan, Pooling, build_encoder
from tfl.backbones._keras_hub_converters import CONVERTERS
from tfl.core.errors import IntegrityError, UnsupportedError
from tfl.core.extras import require

if TYPE_CHECKING:
    import keras

CONFIG_FILE = "config.json"
HF_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
PRESET_WEIGHTS = ("model.weights.h5", "model.weights.json")

#: KerasHub's classes that are chains of its `TransformerEncoder` or of its `DisentangledAttentionEncoder`.
NETWORKS = (
    "BertBackbone",
    "DistilBertBackbone",
    "RobertaBackbone",
    "XLMRobertaBackbone",
    "ElectraBackbone",
    "AlbertBackbone",
    "DebertaV3Backbone",
)
#: `model_type` of the Hugging Face folders that are read, by KerasHub itself but for those of `CONVERTERS`.
HF_NETWORKS = ("bert", "distilbert", "roberta", "xlm-roberta", "albert", *CONVERTERS)
#: What Hugging Face calls an activation -> what `EncoderPlan` does.
_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
#: Both compute in float32, in another order; hidden states are normalized, so of size 1.
_TOLERANCE = 2e-4


def read_config(folder: Path) -> dict[str, Any]:
    """Read `config.json` of a folder.

    Raises:
        UnsupportedError: There is none, so the folder is neither a preset nor a Hugging Face model.
        IntegrityError: It is not a JSON object.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise UnsupportedError(
            f"{folder} holds no {CONFIG_FILE}, so it is neither a KerasHub preset nor a Hugging Face model.",
            hint="Give the folder that holds config.json, the weights and the tokenizer.",
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{path} can't be read as JSON: {error}") from error
    if not isinstance(config, dict):
        raise IntegrityError(f"{path} is not a JSON object.")
    return config


def is_hugging_face(config: Mapping[str, Any]) -> bool:
    """Say whether a configuration is one of the library transformers, not of Keras."""
    return "model_type" in config and "registered_name" not in config


def read_network(folder: Path, config: Mapping[str, Any]) -> Any:
    """Let KerasHub read the weights into its own network, in float32.

    Raises:
        UnsupportedError: The network is no encoder that tfl carries, or its weights are pickled.
        IntegrityError: A file is missing or does not fit.
        MissingExtraError: KerasHub is not installed.
    """
    hub = require("keras_hub", purpose="loading a backbone of KerasHub")
    if is_hugging_face(config):
        return _read_hugging_face(hub, folder, config)
    return _read_preset(hub, folder, config)


def _read_preset(hub: Any, folder: Path, config: Mapping[str, Any]) -> Any:
    name = str(config.get("registered_name", "")).split(">")[-1]
    if name not in NETWORKS:
        raise UnsupportedError(
            f"{folder} is of class '{name}', which is no encoder that tfl carries.",
            hint=f"It carries {', '.join(NETWORKS)}.",
        )
    inner = config.get("config")
    if not isinstance(inner, dict):
        raise IntegrityError(f"{folder / CONFIG_FILE} describes no network.")
    # Plain numbers only: a configuration could name any class that Keras can import.
    sizes = {key: value for key, value in inner.items() if isinstance(value, (int, float))}
    sizes.pop("trainable", None)
    weights = _first_file(folder, PRESET_WEIGHTS)
    try:
        network = getattr(hub.models, name)(**sizes, dtype="float32")
        network.load_weights(str(weights))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise IntegrityError(f"{weights} does not hold the weights that {CONFIG_FILE} describes: {error}") from error
    return network


def _read_hugging_face(hub: Any, folder: Path, config: Mapping[str, Any]) -> Any:
    kind = str(config["model_type"])
    if kind not in HF_NETWORKS:
        raise UnsupportedError(
            f"{folder} is a model of type '{kind}', which is no encoder that tfl carries.",
            hint=f"It carries {', '.join(HF_NETWORKS)}.",
        )
    if config.get("position_embedding_type", "absolute") != "absolute" or config.get("is_decoder"):
        raise UnsupportedError(f"{folder}: only encoders with absolute positions are carried.")
    activation, epsilon = hf_details(folder, config)
    _first_file(folder, HF_WEIGHTS)
    safetensors = require("safetensors", purpose="reading a Hugging Face model")
    try:
        if kind in CONVERTERS:
            network = CONVERTERS[kind](hub, folder, config)
        else:
            network = hub.models.Backbone.from_preset(str(folder.resolve()), dtype="float32")
    except (OSError, ValueError, TypeError, KeyError, safetensors.SafetensorError) as error:
        raise IntegrityError(f"{folder} does not hold the weights that {CONFIG_FILE} describes: {error}") from error
    # KerasHub builds its own activation and epsilon, whatever the folder says.
    for block in blocks_of(network):
        keras_activation = _keras_activation(activation)
        block.activation = block._feedforward_intermediate_dense.activation = keras_activation
        for norm in (block._self_attention_layer_norm, block._feedforward_layer_norm):
            norm.epsilon = epsilon
    network.embeddings_layer_norm.epsilon = epsilon
    if hasattr(network, "relative_embeddings"):
        network.relative_embeddings.layer_norm.epsilon = epsilon
    return network


def hf_details(folder: Path, config: Mapping[str, Any]) -> tuple[str, float]:
    """Return a Hugging Face model's activation, as `EncoderPlan` names it, and the epsilon of its normalizations.

    Raises:
        UnsupportedError: The activation is another one.
    """
    said = str(config.get("hidden_act", config.get("activation", "gelu")))
    if said not in _ACTIVATIONS:
        raise UnsupportedError(
            f"{folder}: the activation '{said}' is not carried.", hint=f"Carried: {', '.join(_ACTIVATIONS)}."
        )
    return _ACTIVATIONS[said], float(config.get("layer_norm_eps", 1e-12))


def _keras_activation(name: str) -> Any:
    import functools

    import keras

    if name == "gelu_tanh":
        return functools.partial(keras.activations.gelu, approximate=True)
    if name == "gelu":
        return functools.partial(keras.activations.gelu, approximate=False)
    return keras.activations.get(name)


def _first_file(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".pth", ".pkl", ".h5"))
    if pickled:
        raise UnsupportedError(
            f"{folder} holds its weights as {', '.join(pickled)} only, which can run code when opened. It is refused.",
            hint=f"Save them as {names[0]}: with transformers, save_pretrained(..., safe_serialization=True).",
        )
    raise IntegrityError(f"{folder} holds no {' and no '.join(names)}.")


def blocks_of(network: Any) -> list[Any]:
    """Return the distinct blocks of a KerasHub network, in the order of the data."""
    found = []
    for item in network.transformer_layers:
        found += item if isinstance(item, list) else [item]
    return found


def plan_of(network: Any, *, pad_id: int, activation: str | None, epsilon: float | None) -> EncoderPlan:
    """Describe a KerasHub network.

    Args:
        network: What `read_network` returned.
        pad_id: The identifier that pads.
        activation: Of `EncoderPlan`, or None for what the network's class has.
        epsilon: Of the normalizations, or None for what the network's class has.

    Raises:
        UnsupportedError: Its blocks repeat, or its heads share states, in a way that is not carried.
    """
    blocks = blocks_of(network)
    if network.num_layers % len(blocks) or getattr(network, "num_inner_repetitions", 1) != 1:
        raise UnsupportedError(f"{network.name}: groups of several blocks are not carried.")
    if network.hidden_dim % network.num_heads:
        raise UnsupportedError(
            f"{network.name}: {network.num_heads} heads can't share states of size {network.hidden_dim}."
        )
    table = network.token_embedding.embeddings
    first = blocks[0]
    approximate = getattr(first.activation, "__name__", "") == "gelu_approximate"
    return EncoderPlan(
        vocabulary_size=int(table.shape[0]),
        longest=int(network.max_sequence_length),
        pad_id=pad_id,
        embedding_size=int(table.shape[1]),
        hidden_size=int(network.hidden_dim),
        inner_size=int(network.intermediate_dim),
        heads=int(network.num_heads),
        layers=int(network.num_layers),
        repeats=network.num_layers // len(blocks),
        projected=getattr(network, "embeddings_projection", None) is not None,
        activation=activation or ("gelu_tanh" if approximate else "gelu"),
        epsilon=float(first.layer_norm_epsilon) if epsilon is None else epsilon,
        dropout=float(network.dropout),
        buckets=getattr(network, "bucket_size", None),
    )


def carry_over(network: Any, plan: EncoderPlan, *, pooling: Pooling) -> keras.Model:
    """Build tfl's encoder with a KerasHub network's weights, and compare the two.

    Returns:
        `ids (batch, tokens) int32` -> `(batch, hidden_size)`, under the active dtype policy.

    Raises:
        IntegrityError: They answer differently.
    """
    keras = require("keras", purpose="loading a backbone")
    model = build_encoder(plan, pooling=pooling, dtype="float32")
    _fill_embedding(model.get_layer("embedding"), network)
    for number, block in enumerate(blocks_of(network)):
        layer = model.get_layer(f"block_{number}")
        _fill_block(layer, block)
        if plan.buckets is not None:
            layer.distances.assign(_normalized_distances(network))
    _prove(model, network, plan)
    if keras.config.dtype_policy().name == "float32":
        return model
    under_policy = build_encoder(plan, pooling=pooling)
    under_policy.set_weights(model.get_weights())
    return under_policy


def _fill_embedding(layer: Any, network: Any) -> None:
    layer.tokens.set_weights([np.asarray(network.token_embedding.embeddings)])
    layer.norm.set_weights(network.embeddings_layer_norm.get_weights())
    if layer.projection is not None:
        layer.projection.set_weights(network.embeddings_projection.get_weights())
    if hasattr(network, "relative_embeddings"):
        return
    holder = network if hasattr(network, "position_embedding") else network.embeddings
    positions = np.asarray(holder.position_embedding.position_embeddings)
    segments = getattr(network, "segment_embedding", None)
    if segments is not None:
        # One text is all segment 0, whose vector is the same at every position.
        positions = positions + np.asarray(segments.embeddings)[:1]
    layer.positions.assign(positions)


def _fill_block(layer: Any, block: Any) -> None:
    attention = block._self_attention_layer
    size = layer.query.units
    for name in ("query", "key", "value"):
        kernel, bias = getattr(attention, f"_{name}_dense").get_weights()
        getattr(layer, name).set_weights([kernel.reshape(size, size), bias.reshape(size)])
    kernel, bias = attention._output_dense.get_weights()
    layer.joined.set_weights([kernel.reshape(size, size), bias])
    layer.inner.set_weights(block._feedforward_intermediate_dense.get_weights())
    layer.outer.set_weights(block._feedforward_output_dense.get_weights())
    layer.attention_norm.set_weights(block._self_attention_layer_norm.get_weights())
    layer.output_norm.set_weights(block._feedforward_layer_norm.get_weights())


def _normalized_distances(network: Any) -> NDArray[np.float32]:
    """Return DeBERTa's table of distances as its blocks see it."""
    layer = network.relative_embeddings
    table = np.asarray(layer.rel_embeddings, dtype=np.float64)
    gamma, beta = layer.layer_norm.get_weights()
    centred = table - table.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + layer.layer_norm.epsilon)
    normalized: NDArray[np.float32] = (scaled * gamma + beta).astype(np.float32)
    return normalized


def _prove(model: keras.Model, network: Any, plan: EncoderPlan) -> None:
    """Compare the last hidden states of texts of several lengths, padded; padding itself must be zero."""
    import keras

    generator = np.random.default_rng(0)
    # Far distances are computed otherwise than near ones.
    width = plan.longest if plan.buckets is not None else min(24, plan.longest)
    ids = generator.integers(0, plan.vocabulary_size, (3, width)).astype(np.int32)
    ids[ids == plan.pad_id] = (plan.pad_id + 1) % plan.vocabulary_size
    for row, length in enumerate((width, max(2, width // 2), 2)):
        ids[row, length:] = plan.pad_id
    content = ids != plan.pad_id
    inputs = {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": content.astype(np.int32)}
    wanted = network({name: inputs[name] for name in network.input}, training=False)
    expected = np.asarray(wanted["sequence_output"] if isinstance(wanted, dict) else wanted)
    states = keras.Model(model.input, model.get_layer("pooling").input)
    answered = np.asarray(states(ids, training=False))
    gap = float(np.abs(answered - expected)[content].max())
    if not gap <= _TOLERANCE or np.any(answered[~content]):
        raise IntegrityError(
            f"The network read from KerasHub does not answer as KerasHub does: states differ by up to {gap:.2g}.",
            hint="The weights may hold values that are not finite; otherwise this is a mistake of tfl's.",
        )
