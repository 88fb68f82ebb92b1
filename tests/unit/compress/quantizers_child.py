"""Wraps a small network for quantization-aware training and says what is quantized; a process of its own."""

import json
import sys
from pathlib import Path

import numpy as np
import tf_keras

from tfl.compress.ranges import follow_ranges, pixel_values, settle_ranges
from tfl.compress.recipes import make_recipe
from tfl.compress.records import CompressSettings
from tfl.data.preprocess import ImagePreprocessing

CONTRACT = ImagePreprocessing(height=8, width=8, scale=1 / 127.5, mean=(1.0, 1.0, 1.0))


def network():
    """Rectifiers that are layers behind everything with weights, with and without BatchNorm, and behind a sum."""
    layers = tf_keras.layers
    image = tf_keras.Input((8, 8, 3))
    x = layers.ReLU(name="after_conv")(layers.Conv2D(8, 3, padding="same", name="conv")(image))
    x = layers.ReLU(6.0, name="after_depthwise")(layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x))
    y = layers.BatchNormalization(name="norm")(layers.Conv2D(8, 1, name="normed")(x))
    y = layers.ReLU(name="after_norm")(y)
    y = layers.Conv2D(8, 1, activation="relu", name="fused")(y)
    y = layers.ReLU(6.0, name="after_fused")(y)
    x = layers.ReLU(name="after_sum")(layers.Add(name="sum")([x, y]))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Activation("relu", name="after_dense")(layers.Dense(6, name="dense")(x))
    return tf_keras.Model(image, layers.Dense(3, activation="softmax", name="answer")(x))


def quantizers(wrapper):
    """Say of a wrapped layer whether its weights, what its activation answers, and its output are quantized."""
    after = [
        hasattr(item, "_post_activation_vars") or hasattr(item, "_pre_activation_vars")
        for item in getattr(wrapper, "_quantize_activations", ())
    ]
    return [bool(getattr(wrapper, "_weight_vars", ())), any(after), bool(getattr(wrapper, "_output_quantizers", ()))]


def say(mark):
    tf_keras.backend.clear_session()
    tf_keras.utils.set_random_seed(1)
    model = network()
    pixels = np.random.default_rng(0).choice(pixel_values(CONTRACT).ravel(), (16, 8, 8, 3))
    names = ("conv", "normed", "fused", "dense", "answer")
    before = dict.fromkeys(names, mark) if mark else {}
    wrapped = make_recipe("qat", model, CompressSettings(method="qat"), before=before, total_steps=4).model
    count = follow_ranges(wrapped, [pixels / 2, pixels], pixels=pixel_values(CONTRACT))
    wrapped(pixels / 2, training=True)
    start = np.asarray(wrapped(pixels, training=False))
    settled = settle_ranges(wrapped)
    ranges = next(layer for layer in wrapped.layers if getattr(layer, "quantizer_vars", None)).quantizer_vars
    return {
        "layers": {layer.layer.name: quantizers(layer) for layer in wrapped.layers if hasattr(layer, "layer")},
        "ranges": count,
        "settled": settled,
        "moved": float(np.abs(np.asarray(wrapped(pixels, training=False)) - start).max()),
        "input": [float(ranges[name].numpy()) for name in ("min_var", "max_var")],
    }


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps({mark or "plain": say(mark) for mark in ("", "pruned", "clustered")}))
