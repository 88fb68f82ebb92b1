"""Means of feature maps over parts of a picture, in operations that every target quantizes well."""

from __future__ import annotations

from typing import Any

#: Four halves and the middle.
REGIONS = 5


def regions(maps: Any, *, prefix: str = "") -> Any:
    """Average over the upper, lower, left and right half and the middle: `(batch, 5, 1, channels)`.

    The middle row or column of an odd number is in both halves; the middle is the inner half of rows and columns, where
    what a photo was taken of mostly is. The layers' names begin with `prefix`. A region is cut out and averaged whole:
    of an average over windows, TFLite wants input and output on one scale, takes that of the means, and so cuts off the
    strong answers that they are made of.
    """
    import keras

    rest, border = maps.shape[1] // 2, maps.shape[1] // 4
    cuts = {
        "upper": ((0, rest), (0, 0)),
        "lower": ((rest, 0), (0, 0)),
        "left": ((0, 0), (0, rest)),
        "right": ((0, 0), (rest, 0)),
        "middle": ((border, border), (border, border)),
    }
    means = []
    for name, cut in cuts.items():
        region = keras.layers.Cropping2D(cut, name=f"{prefix}{name}_region")(maps)
        means.append(keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{prefix}{name}_mean")(region))
    return keras.layers.Concatenate(axis=1, name=f"{prefix}regions")(means)
