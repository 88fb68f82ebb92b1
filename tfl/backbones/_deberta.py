"""DeBERTa's block: attention that looks at the distance between two tokens beside their content (He et al., 2021).

A score is the sum of three products: query with key, query with the key of the distance, and key with the query of the
distance. Near distances have a vector each, far ones share one with their neighbours ("buckets").

DeBERTa has one table of distances for all blocks, normalized before use. Here each block has its own copy, normalized
already: then a block needs nothing but the states, and the network is cut between any two as every other one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def bucket_rows(longest: int, buckets: int) -> NDArray[np.int32]:
    """Return the row of the table of distances for each distance from `-longest` to `longest`.

    Distances up to half of `buckets` have a row each; beyond, rows grow wider as the logarithm does, so that
    `longest - 1` comes to the last one. In float32 and in KerasHub's order, whose rounding decides.

    Args:
        longest: Most tokens of a text.
        buckets: Rows on each side of 0.

    Returns:
        `(2 * longest + 1,)`, rows in `[0, 2 * buckets)`.
    """
    middle, distance = buckets // 2, np.arange(longest + 1)
    single = np.float32
    far = np.log(np.maximum(distance, middle).astype(single) / single(middle)) * single(middle - 1)
    # Where `buckets` is so large that no distance is far, there is nothing to divide by.
    scale = np.log(single(max(longest - 1, middle + 1)) / single(middle))
    far = np.ceil(far / scale).astype(np.int64) + middle
    row = np.where(distance <= middle, distance, far)
    both: NDArray[np.int64] = np.concatenate([-row[:0:-1], row])
    rows: NDArray[np.int32] = np.clip(both + buckets, 0, 2 * buckets - 1).astype(np.int32)
    return rows


def disentangled_class(keras: Any, block: Any) -> Any:
    """Return the class `DisentangledBlock`.

    Args:
        keras: The module.
        block: The class `EncoderBlock`, whose attention it changes.
    """
    layers, ops = keras.layers, keras.ops

    class DisentangledBlock(block):  # type: ignore[misc]
        """An `EncoderBlock` whose attention looks at distances too."""

        def __init__(self, *, buckets: int, longest: int, **options: Any) -> None:
            super().__init__(**options)
            self._sizes |= {"buckets": buckets, "longest": longest}
            self._buckets, self._longest = buckets, longest
            self._rows = bucket_rows(longest, buckets)
            self.distance_dropout = layers.Dropout(self._sizes["dropout"], name="distance_dropout", **self._common)

        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            self.distances = self.add_weight(name="distances", shape=(2 * self._buckets, input_shape[-1]))

        def _scores(self, query: Any, key: Any, training: Any) -> Any:
            """Score `(batch, heads, tokens, size)` against the same; the scale counts all three products."""
            tokens, scale = ops.shape(query)[2], (3 * query.shape[-1]) ** -0.5
            distances = ops.cast(self.distances, query.dtype)
            distances = self.distance_dropout(distances, training=training)
            # Each product is of all distances that a text of this length has, one more than it needs.
            first, end = self._longest - tokens + 1, self._longest + tokens + 1
            rising = ops.convert_to_tensor(self._rows)[first:end]
            falling = ops.convert_to_tensor(self._rows[::-1].copy())[first:end]
            query = query * scale
            scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))
            far_key = self._by_distance(self.key(distances), falling)
            far_query = self._by_distance(self.query(distances) * scale, rising)
            scores += self._aligned(ops.matmul(query, far_key), tokens)
            return scores + ops.transpose(self._aligned(ops.matmul(key, far_query), tokens), (0, 1, 3, 2))

        def _by_distance(self, table: Any, rows: Any) -> Any:
            """Take rows of `(rows, heads * size)`, as `(heads, size, rows)`."""
            chosen = ops.reshape(ops.take(table, rows, axis=0), (-1, self._heads, table.shape[-1] // self._heads))
            return ops.transpose(chosen, (1, 2, 0))

        def _aligned(self, products: Any, tokens: Any) -> Any:
            """Move row i of `(batch, heads, n, 2n)` by n - 1 - i to the left and keep n columns.

            Read as one row of another width, each line begins one further; so no element is looked up by its place,
            which TFLite could not do quickly.
            """
            flat = ops.reshape(products, (-1, self._heads, 2 * tokens * tokens))[:, :, tokens - 1 : -1]
            return ops.reshape(flat, (-1, self._heads, tokens, 2 * tokens - 1))[:, :, :, :tokens]

    return DisentangledBlock
