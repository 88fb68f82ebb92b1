"""Ranges of activations in quantization-aware training: measured first, then followed.

TensorFlow Model Optimization begins with -6 to 6 and follows each batch by a thousandth, which is right for millions
of pictures. A few hundred pictures would end with ranges that are neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tfl.data.preprocess import Floats

#: Share of the old range that a batch leaves: the last hundred batches count.
_DECAY = 0.99


def follow_ranges(model: Any, batches: Iterable[Floats]) -> int:
    """Measure the ranges of a quantization-aware model on some batches, and let them follow faster in training.

    What is measured are the extremes over all batches, of the network with quantized weights and float activations.

    Args:
        model: From `quantize_apply`; changed in place.
        batches: `(batch, height, width, 3)` float32 training samples.

    Returns:
        How many activation tensors are quantized.
    """
    switch = _Switch()
    following = _following(switch)
    holders = list(_holders(model))
    for owner, name in holders:
        kept = getattr(owner, name)
        # A new list, since TensorFlow refuses to save one that it tracks and that was changed.
        setattr(owner, name, [following(item) for item in kept] if isinstance(kept, Sequence) else following(kept))
    for layer in model.layers:
        for weight, quantizer, variables in getattr(layer, "_weight_vars", ()):
            # Ranges of weights begin at -6 to 6 too, and are only taken when a network is called for training.
            quantizer(weight, True, weights=variables)
    for number, batch in enumerate(batches):
        switch.mode = "first" if number == 0 else "widen"
        model(batch, training=False)
    switch.mode = "train"
    return len(holders)


class _Switch:
    mode = "train"


def _following(switch: _Switch) -> Any:
    import tensorflow as tf
    from tensorflow_model_optimization.python.core.quantization.keras import quant_ops, quantizers

    class Following(quantizers.MovingAverageQuantizer):  # type: ignore[misc]
        def __init__(self, like: Any) -> None:
            super().__init__(
                num_bits=like.num_bits,
                per_axis=like.per_axis,
                symmetric=like.symmetric,
                narrow_range=like.narrow_range,
            )

        def __call__(self, inputs: Any, training: Any, weights: Any, **_: Any) -> Any:
            low, high = weights["min_var"], weights["max_var"]
            if switch.mode == "train":
                return quant_ops.MovingAvgQuantize(
                    inputs,
                    low,
                    high,
                    ema_decay=_DECAY,
                    is_training=training,
                    num_bits=self.num_bits,
                    per_channel=self.per_axis,
                    symmetric=self.symmetric,
                    narrow_range=self.narrow_range,
                )
            # Zero must be exactly representable: padding is zeros.
            least, most = tf.minimum(tf.reduce_min(inputs), 0.0), tf.maximum(tf.reduce_max(inputs), 0.0)
            first = switch.mode == "first"
            low.assign(least if first else tf.minimum(low, least))
            high.assign(most if first else tf.maximum(high, most))
            return inputs

    return Following


def _holders(model: Any) -> Iterator[tuple[Any, str]]:
    """Yield each object that keeps quantizers of activations, and the attribute that it keeps them in."""
    for layer in model.layers:
        for activation in getattr(layer, "_quantize_activations", ()):
            yield activation, "quantizer"
        for name in ("_output_quantizers", "quantizer"):
            if getattr(layer, name, None):
                yield layer, name
