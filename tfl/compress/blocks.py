"""Pruning by blocks, in convolutions as in dense layers.

TensorFlow Model Optimization has blocks for matrices alone. A convolution's kernel is one matrix of input by output
channels for each place of its window, so blocks of each of these matrices are what `rows x columns` means there too.
"""

from __future__ import annotations

import math
from typing import Any


def prune_by_blocks(layer: Any, schedule: Any, block: tuple[int, int]) -> Any:
    """Wrap a tf_keras layer so that whole blocks of its kernel become 0, those with the smallest mean magnitude first.

    Args:
        layer: A convolution or a dense layer: kernel `(..., rows, columns)`.
        schedule: A `PruningSchedule`.
        block: Rows and columns; where they do not divide the kernel's, the last blocks are smaller.

    Returns:
        A `PruneLowMagnitude`, to be trained and stripped like any.
    """
    from tensorflow_model_optimization.python.core.sparsity.keras import pruning_impl, pruning_wrapper

    class BlockPruning(pruning_impl.Pruning):  # type: ignore[misc]
        def _maybe_update_block_mask(self, weights: Any) -> tuple[Any, Any]:
            threshold, mask = self._update_mask(block_means(weights, block))
            return threshold, spread_blocks(mask, block, tuple(weights.shape))

    class BlockPruned(pruning_wrapper.PruneLowMagnitude):  # type: ignore[misc]
        def build(self, input_shape: Any) -> None:
            super().build(input_shape)
            self.pruning_obj = BlockPruning(
                training_step_fn=lambda: self.pruning_step,
                pruning_vars=self.pruning_vars,
                pruning_schedule=self.pruning_schedule,
                # The library's own blocks stay off.
                block_size=(1, 1),
                block_pooling_type=self.block_pooling_type,
            )

    return BlockPruned(layer, pruning_schedule=schedule)


def block_means(kernel: Any, block: tuple[int, int]) -> Any:
    """Return the mean magnitude of each block: `(places, rows of blocks, columns of blocks)` float32.

    Args:
        kernel: `(..., rows, columns)` tensor.
        block: Rows and columns.
    """
    import tensorflow as tf

    rows, columns = kernel.shape[-2:]
    magnitudes = tf.reshape(tf.abs(kernel), (-1, rows, columns))
    # A last block that is smaller than the others is judged by the weights that it has.
    return _sums(magnitudes, block) / _sums(tf.ones_like(magnitudes), block)


def _sums(values: Any, block: tuple[int, int]) -> Any:
    import tensorflow as tf

    places, rows, columns = values.shape
    down, across = (math.ceil(size / step) for size, step in zip((rows, columns), block, strict=True))
    whole = tf.pad(values, [[0, 0], [0, down * block[0] - rows], [0, across * block[1] - columns]])
    return tf.reduce_sum(tf.reshape(whole, (places, down, block[0], across, block[1])), axis=(2, 4))


def spread_blocks(mask: Any, block: tuple[int, int], shape: tuple[int, ...]) -> Any:
    """Return the mask of every weight, of `shape`, from that of every block, as of `block_means`."""
    import tensorflow as tf

    weights = tf.repeat(tf.repeat(mask, block[0], axis=1), block[1], axis=2)
    return tf.reshape(weights[:, : shape[-2], : shape[-1]], shape)
