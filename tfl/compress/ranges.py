"""Ranges of activations in quantization-aware training: measured first, then followed.

TensorFlow Model Optimization begins with -6 to 6 and follows each batch by a thousandth, which is right for millions
of pictures. A few hundred pictures would end with ranges that are neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tfl.data.contract import Floats
from tfl.data.preprocess import ImagePreprocessing, normalize

#: Share of the old range that a batch leaves: the last hundred batches count.
_DECAY = 0.99
_LEVELS = 255
_ACTIVATION_RANGES = ("_pre_activation_vars", "_post_activation_vars")
#: Shares by which a range is widened until its levels suit the pixels.
_WIDENINGS = (0.0, 1 / 256, 1 / 128, 1 / 64)
#: In levels; float32 moves a value of up to 255 levels by less than a thirtieth of that.
_HALFWAY = 1e-3
#: Where channels have different means and scales, a few of 768 values lie there by chance.
_HALFWAY_SHARE = 0.01


def follow_ranges(model: Any, batches: Iterable[Floats], *, pixels: Floats) -> int:
    """Measure the ranges of a quantization-aware model on some batches, and let them follow faster in training.

    What is measured are the extremes over all batches, of the network with quantized weights and float activations. The
    range of the input is that of `pixel_range`, before the training and after it.

    Args:
        model: From `quantize_apply`; changed in place.
        batches: `(batch, height, width, 3)` float32 training samples.
        pixels: Every value that an input can have, as `pixel_values` gives them.

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
        if getattr(layer, "quantizer", None):
            layer.quantizer.range = pixel_range(pixels)
    for layer in model.layers:
        for weight, quantizer, variables in getattr(layer, "_weight_vars", ()):
            # Ranges of weights begin at -6 to 6 too, and are only taken when a network is called for training.
            quantizer(weight, True, weights=variables)
    for number, batch in enumerate(batches):
        switch.mode = "first" if number == 0 else "widen"
        model(batch, training=False)
    switch.mode = "train"
    return len(holders)


def pixel_values(contract: ImagePreprocessing) -> Floats:
    """Return what the 256 levels of every channel become, `(1, 256, 1, 3)` float32."""
    levels = np.arange(256, dtype=np.uint8)
    return normalize(np.stack([levels] * 3, axis=-1)[None, :, None], contract)


def pixel_range(values: Floats) -> tuple[float, float]:
    """Return a range of 256 levels for an input, wide enough for its values, between whose levels none lies halfway.

    0 has to be a level. Pixels in [-1, 1] are 1/127.5 apart with 0 halfway between two of them, and a range that just
    holds them puts every pixel halfway between two levels: there the simulation, OpenVINO and TFLite each round in
    another way, and a picture differs by a level in most of its pixels. A range that is wider by 1/256 puts none there.

    Args:
        values: As `pixel_values` gives them.
    """
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    for widening in _WIDENINGS:
        found = settled(low * (1.0 + widening), high * (1.0 + widening))
        level = values.astype(np.float64) * _LEVELS / max(found[1] - found[0], 1e-12)
        if np.mean(np.abs(level - np.floor(level) - 0.5) < _HALFWAY) <= _HALFWAY_SHARE:
            break
    return found


def settle_ranges(model: Any) -> int:
    """Move each range of activations to where its zero is a whole level, which is where the simulation computes anyway.

    Every runtime moves a range so, and all round alike except halfway between two levels. There a symmetric range has
    its zero, at level 127.5: the simulation takes 127 and TFLite's converter 128, and every value is one level off.

    Args:
        model: From `quantize_apply`; its answers stay as they are, but for the last bits of float32.

    Returns:
        How many ranges there are.
    """
    count = 0
    for variables in _ranges(model):
        low, high = settled(float(variables["min_var"].numpy()), float(variables["max_var"].numpy()))
        variables["min_var"].assign(low)
        variables["max_var"].assign(high)
        count += 1
    return count


def settled(low: float, high: float) -> tuple[float, float]:
    """Return the range that TensorFlow's `FakeQuantWithMinMaxVars` computes with, of 256 levels.

    The arithmetic is that of `Nudge` in tensorflow/core/kernels/fake_quant_ops_functor.h, in float32 as there.

    Args:
        low: At most 0.
        high: At least 0.
    """
    if not low < high:
        return low, high
    least, most = np.float32(low), np.float32(high)
    scale = (most - least) / np.float32(_LEVELS)
    level = np.floor(np.clip(-least / scale, np.float32(0), np.float32(_LEVELS)) + np.float32(0.5))
    return float(-level * scale), float((np.float32(_LEVELS) - level) * scale)


def _ranges(model: Any) -> Iterator[dict[str, Any]]:
    for layer in model.layers:
        for activation in getattr(layer, "_quantize_activations", ()):
            for name in _ACTIVATION_RANGES:
                if hasattr(activation, name):
                    yield getattr(activation, name)
        for name in ("_output_quantizer_vars", "quantizer_vars"):
            if getattr(layer, name, None):
                yield getattr(layer, name)


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
            self.range: tuple[float, float] | None = None

        def __call__(self, inputs: Any, training: Any, weights: Any, **_: Any) -> Any:
            low, high = weights["min_var"], weights["max_var"]
            if self.range is not None and switch.mode == "first":
                low.assign(self.range[0])
                high.assign(self.range[1])
                return inputs
            if self.range is not None or switch.mode == "train":
                return quant_ops.MovingAvgQuantize(
                    inputs,
                    low,
                    high,
                    ema_decay=_DECAY,
                    is_training=training and self.range is None,
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
            # What is computed together with the layer behind it keeps a quantizer too, and never calls it.
            if any(hasattr(activation, name) for name in _ACTIVATION_RANGES):
                yield activation, "quantizer"
        for name in ("_output_quantizers", "quantizer"):
            if getattr(layer, name, None):
                yield layer, name
