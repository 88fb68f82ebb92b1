"""DeBERTa v2 and v3 as Hugging Face saves them, put into KerasHub's network, which has no reader for them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tfl.core.errors import IntegrityError, UnsupportedError
from tfl.core.extras import require

_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
#: A model with a head on top has its encoder's weights under this name.
_PREFIX = "deberta."
_SIZES = (
    "vocab_size",
    "num_hidden_layers",
    "num_attention_heads",
    "hidden_size",
    "intermediate_size",
    "position_buckets",
)


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
    missing = [name for name in _SIZES if not isinstance(config.get(name), int)]
    if missing:
        raise IntegrityError(f"{folder / 'config.json'} has no whole number for: {', '.join(missing)}.")
    network = hub.models.DebertaV3Backbone(
        vocabulary_size=config["vocab_size"],
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        hidden_dim=config["hidden_size"],
        intermediate_dim=config["intermediate_size"],
        dropout=float(config.get("hidden_dropout_prob", 0.1)),
        max_sequence_length=_longest(config),
        bucket_size=config["position_buckets"],
        dtype="float32",
    )
    tensors = _Tensors(folder)
    for name, variable in _named_variables(network):
        value = tensors.read(name)
        # transformers keeps a kernel as (out, in); a table is the only other matrix.
        turned = value.T if value.ndim == 2 and "embeddings" not in name else value
        shape = tuple(variable.shape)
        if turned.size != math.prod(shape) or (turned.ndim == 2 and turned.shape[0] != shape[0]):
            raise IntegrityError(f"{folder}: '{name}' is of shape {value.shape}, which does not fit {shape}.")
        variable.assign(turned.reshape(shape))
    return network


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
            hint="Choose a DeBERTa v3, or a BERT, DistilBERT, RoBERTa, XLM-RoBERTa or ALBERT.",
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


def _named_variables(network: Any) -> list[tuple[str, Any]]:
    """Return the names of transformers and KerasHub's variables."""
    found: list[tuple[str, Any]] = [
        ("embeddings.word_embeddings.weight", network.token_embedding.embeddings),
        ("encoder.rel_embeddings.weight", network.relative_embeddings.rel_embeddings),
    ]
    norms = {"embeddings.LayerNorm": network.embeddings_layer_norm}
    norms["encoder.LayerNorm"] = network.relative_embeddings.layer_norm
    dense = {}
    for number, block in enumerate(network.transformer_layers):
        begin, attention = f"encoder.layer.{number}.", block._self_attention_layer
        dense |= {
            f"{begin}attention.self.query_proj": attention._query_dense,
            f"{begin}attention.self.key_proj": attention._key_dense,
            f"{begin}attention.self.value_proj": attention._value_dense,
            f"{begin}attention.output.dense": attention._output_dense,
            f"{begin}intermediate.dense": block._feedforward_intermediate_dense,
            f"{begin}output.dense": block._feedforward_output_dense,
        }
        norms[f"{begin}attention.output.LayerNorm"] = block._self_attention_layer_norm
        norms[f"{begin}output.LayerNorm"] = block._feedforward_layer_norm
    for name, layer in dense.items():
        found += [(f"{name}.weight", layer.kernel), (f"{name}.bias", layer.bias)]
    for name, layer in norms.items():
        found += [(f"{name}.weight", layer.gamma), (f"{name}.bias", layer.beta)]
    return found


class _Tensors:
    """The tensors of a folder by name, each read when asked for."""

    def __init__(self, folder: Path) -> None:
        require("safetensors", purpose="reading a Hugging Face model")
        self._folder = folder
        self._readers: dict[str, Callable[[], NDArray[Any]]] = {}
        for path in _files(folder):
            self._add(path)

    def _add(self, path: Path) -> None:
        import safetensors

        try:
            opened = safetensors.safe_open(str(path), framework="np")
            for name in opened.keys():  # noqa: SIM118 (it is no mapping)
                self._readers[name] = lambda opened=opened, name=name: opened.get_tensor(name)  # type: ignore[misc]
        except (OSError, safetensors.SafetensorError) as error:
            raise IntegrityError(f"{path} holds no tensors: {error}.") from error

    def read(self, name: str) -> NDArray[Any]:
        found = self._readers.get(name) or self._readers.get(_PREFIX + name)
        if found is None:
            raise IntegrityError(
                f"{self._folder} has no weight '{name}'.", hint="Its configuration is another model's."
            )
        try:
            return found()
        except TypeError as error:
            raise UnsupportedError(
                f"{self._folder}: '{name}' is of a type that NumPy has not: {error}.",
                hint="Save the weights as float32 or float16.",
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
