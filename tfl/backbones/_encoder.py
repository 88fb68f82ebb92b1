"""A transformer encoder in Keras's own dense layers: identifiers of tokens in, one vector out.

Hidden states tell padding themselves: behind a text they are exactly zero, and stay so from block to block. Hence a
block needs nothing but the states, the network can be cut between any two, and padding changes no answer.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

from tfl.backbones._deberta import disentangled_class
from tfl.core.extras import require

if TYPE_CHECKING:
    import keras

Pooling = Literal["mean", "cls"]

#: Added to the score of a padded token. Its exponential is exactly 0, and float16 holds it.
_NEVER = -3e4


@dataclass(frozen=True)
class EncoderPlan:
    """What an encoder is built from.

    Attributes:
        vocabulary_size: Rows of the table of tokens.
        longest: Most tokens of a text.
        pad_id: The identifier that is left out.
        embedding_size: Columns of both tables.
        hidden_size: Length of a token's vector.
        inner_size: Length inside a block's second half.
        heads: Of the attention.
        layers: Calls of blocks.
        repeats: How many calls in a row share one block's weights.
        projected: Whether the embeddings pass a dense layer first.
        activation: Name of a Keras activation, or `gelu_tanh`.
        epsilon: Of the normalizations.
        dropout: In training, share in [0, 1).
        buckets: Distances on each side of 0 that attention tells apart (DeBERTa); None for a table of positions.
    """

    vocabulary_size: int
    longest: int
    pad_id: int
    embedding_size: int
    hidden_size: int
    inner_size: int
    heads: int
    layers: int
    repeats: int = 1
    projected: bool = False
    activation: str = "gelu"
    epsilon: float = 1e-12
    dropout: float = 0.1
    buckets: int | None = None


def build_encoder(plan: EncoderPlan, *, pooling: Pooling, dtype: Any = None) -> keras.Model:
    """Build `ids (batch, tokens) int32` -> `(batch, hidden_size)`, a chain of layers, with weights at random.

    Args:
        plan: Sizes.
        pooling: `mean` of a text's tokens, or the first one, `cls`.
        dtype: A dtype policy; the active one by default.

    Raises:
        MissingExtraError: Keras is not installed.
    """
    keras = require("keras", purpose="loading a backbone")
    kinds = encoder_layers()
    ids = keras.Input((None,), dtype="int32", name="ids")
    states = kinds.TokenEmbedding(
        vocabulary_size=plan.vocabulary_size,
        longest=plan.longest,
        pad_id=plan.pad_id,
        size=plan.embedding_size,
        projection=plan.hidden_size if plan.projected else None,
        epsilon=plan.epsilon,
        dropout=plan.dropout,
        positions=plan.buckets is None,
        dtype=dtype,
        name="embedding",
    )(ids)
    block_kind, relative = kinds.EncoderBlock, {}
    if plan.buckets is not None:
        block_kind, relative = kinds.DisentangledBlock, {"buckets": plan.buckets, "longest": plan.longest}
    for number in range(plan.layers):
        if number % plan.repeats == 0:
            block = block_kind(
                heads=plan.heads,
                inner_size=plan.inner_size,
                activation=plan.activation,
                epsilon=plan.epsilon,
                dropout=plan.dropout,
                dtype=dtype,
                name=f"block_{number // plan.repeats}",
                **relative,
            )
        states = block(states)
    vector = kinds.TokenPooling(pooling=pooling, dtype=dtype, name="pooling")(states)
    return keras.Model(ids, vector, name="encoder")


@functools.cache
def encoder_layers() -> SimpleNamespace:
    """Return the layers' classes, registered with Keras at the first call.

    They are `TokenEmbedding`, `EncoderBlock`, `DisentangledBlock` and `TokenPooling`.

    Raises:
        MissingExtraError: Keras is not installed.
    """
    keras = require("keras", purpose="loading a backbone")
    block = _block_class(keras)
    made = (_embedding_class(keras), block, disentangled_class(keras, block), _pooling_class(keras))
    for kind in made:
        kind.__qualname__ = kind.__name__
        keras.saving.register_keras_serializable(package="tfl", name=kind.__name__)(kind)
    return SimpleNamespace(**{kind.__name__: kind for kind in made})


def _embedding_class(keras: Any) -> Any:
    layers, ops = keras.layers, keras.ops

    class TokenEmbedding(layers.Layer):  # type: ignore[misc, name-defined]
        """`(batch, tokens)` int32 -> `(batch, tokens, size)`, zero where a token is padding."""

        def __init__(
            self,
            *,
            vocabulary_size: int,
            longest: int,
            pad_id: int,
            size: int,
            projection: int | None,
            epsilon: float,
            dropout: float,
            positions: bool = True,
            **options: Any,
        ) -> None:
            super().__init__(**options)
            self._sizes: dict[str, Any] = {"vocabulary_size": vocabulary_size, "longest": longest, "pad_id": pad_id}
            self._sizes |= {"size": size, "projection": projection, "epsilon": epsilon, "dropout": dropout}
            self._sizes |= {"positions": positions}
            self.pad_id, self._longest, self._size = pad_id, longest, size
            common = {"dtype": self.dtype_policy}
            self.tokens = layers.Embedding(vocabulary_size, size, name="tokens", **common)
            self.norm = layers.LayerNormalization(epsilon=epsilon, name="norm", **common)
            self.dropout = layers.Dropout(dropout, name="dropout", **common)
            self.projection = layers.Dense(projection, name="projection", **common) if projection else None

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), **self._sizes}

        def build(self, input_shape: Any) -> None:
            self.tokens.build(input_shape)
            if self._sizes["positions"]:
                self.positions = self.add_weight(name="positions", shape=(self._longest, self._size))
            shape = (*input_shape, self._size)
            self.norm.build(shape)
            if self.projection is not None:
                self.projection.build(shape)

        def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
            return (*input_shape, self.projection.units if self.projection is not None else self._size)

        def call(self, inputs: Any, training: Any = None) -> Any:
            states = self.tokens(inputs)
            if self._sizes["positions"]:
                states += ops.cast(self.positions, states.dtype)[: ops.shape(inputs)[1]]
            states = self.dropout(self.norm(states), training=training)
            if self.projection is not None:
                states = self.projection(states)
            content = ops.cast(ops.not_equal(inputs, self.pad_id), states.dtype)
            return states * ops.expand_dims(content, -1)

    return TokenEmbedding


def _block_class(keras: Any) -> Any:
    layers, ops = keras.layers, keras.ops

    class EncoderBlock(layers.Layer):  # type: ignore[misc, name-defined]
        """Attention and two dense layers (Vaswani et al., 2017), each added to what it got and then normalized."""

        def __init__(
            self, *, heads: int, inner_size: int, activation: str, epsilon: float, dropout: float, **options: Any
        ) -> None:
            super().__init__(**options)
            self._sizes: dict[str, Any] = {"heads": heads, "inner_size": inner_size, "activation": activation}
            self._sizes |= {"epsilon": epsilon, "dropout": dropout}
            self._heads = heads
            self._activation = _activation(keras, activation)
            self._common = {"dtype": self.dtype_policy}
            self.inner = layers.Dense(inner_size, name="inner", **self._common)
            self.attention_norm = layers.LayerNormalization(epsilon=epsilon, name="attention_norm", **self._common)
            self.output_norm = layers.LayerNormalization(epsilon=epsilon, name="output_norm", **self._common)
            self.dropout = layers.Dropout(dropout, name="dropout", **self._common)

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), **self._sizes}

        def build(self, input_shape: Any) -> None:
            size = input_shape[-1]
            for name in ("query", "key", "value", "joined", "outer"):
                setattr(self, name, layers.Dense(size, name=name, **self._common))
            for layer in (self.query, self.key, self.value, self.joined, self.inner):
                layer.build(input_shape)
            self.outer.build((*input_shape[:-1], self.inner.units))
            self.attention_norm.build(input_shape)
            self.output_norm.build(input_shape)

        def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
            return tuple(input_shape)

        def call(self, inputs: Any, training: Any = None) -> Any:
            content = ops.cast(ops.any(ops.not_equal(inputs, 0), axis=-1), inputs.dtype)
            attended = self.dropout(self._attend(inputs, content, training), training=training)
            states = self.attention_norm(inputs + attended)
            changed = self.dropout(self.outer(self._activation(self.inner(states))), training=training)
            return self.output_norm(states + changed) * ops.expand_dims(content, -1)

        def _attend(self, states: Any, content: Any, training: Any) -> Any:
            size = states.shape[-1]
            tokens, head_size = ops.shape(states)[1], size // self._heads

            def split(values: Any) -> Any:
                return ops.transpose(ops.reshape(values, (-1, tokens, self._heads, head_size)), (0, 2, 1, 3))

            scores = self._scores(split(self.query(states)), split(self.key(states)), training)
            # Not by indexing with None: TFLite has no built-in operation for that.
            scores += ops.reshape((1 - content) * _NEVER, (-1, 1, 1, tokens))
            weights = self.dropout(ops.softmax(scores), training=training)
            mixed = ops.transpose(ops.matmul(weights, split(self.value(states))), (0, 2, 1, 3))
            return self.joined(ops.reshape(mixed, (-1, tokens, size)))

        def _scores(self, query: Any, key: Any, training: Any) -> Any:
            """Score `(batch, heads, tokens, size)` against the same: `(batch, heads, tokens, tokens)`."""
            return ops.matmul(query * (query.shape[-1] ** -0.5), ops.transpose(key, (0, 1, 3, 2)))

    return EncoderBlock


def _pooling_class(keras: Any) -> Any:
    layers, ops = keras.layers, keras.ops

    class TokenPooling(layers.Layer):  # type: ignore[misc, name-defined]
        """`(batch, tokens, size)` -> `(batch, size)`: the mean over a text's own tokens, or its first token."""

        def __init__(self, *, pooling: Pooling, **options: Any) -> None:
            super().__init__(**options)
            self._pooling = pooling

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "pooling": self._pooling}

        def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
            return (input_shape[0], input_shape[-1])

        def call(self, inputs: Any) -> Any:
            if self._pooling == "cls":
                return inputs[:, 0]
            states = ops.cast(inputs, "float32")
            content = ops.cast(ops.any(ops.not_equal(states, 0), axis=-1, keepdims=True), "float32")
            count = ops.maximum(ops.sum(content, axis=1), 1.0)
            return ops.cast(ops.sum(states, axis=1) / count, inputs.dtype)

    return TokenPooling


def _activation(keras: Any, name: str) -> Any:
    if name == "gelu":
        # TensorFlow's own is written with erfc, which ONNX does not have.
        return lambda values: 0.5 * values * (1 + keras.ops.erf(values * 0.5**0.5))
    if name == "gelu_tanh":
        return functools.partial(keras.activations.gelu, approximate=True)
    return keras.activations.get(name)
