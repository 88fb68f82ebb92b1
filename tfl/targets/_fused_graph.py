"""The preprocessing contract as a TensorFlow graph, for model files that take pictures as they were decoded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfl.data.preprocess import ImagePreprocessing

if TYPE_CHECKING:
    from tfl.targets._base import ExportRequest

#: How far a pixel resampled in a graph may be from the contract's own. Both round to whole levels after each of the
#: two passes, Pillow from 22-bit fixed-point weights and a graph from float32, so that a value may round to its
#: neighbour. A graph does columns first; Pillow does rows first where it takes that to be less work, and then the
#: rounding in between differs, and with bicubic or Lanczos also what of an overshoot beyond 0 and 255 is cut off in
#: between: there single pixels of noise were up to 32 levels off. docs/benchmark.md has the figures on photos.
RESAMPLING_TOLERANCE_LEVELS = 1


def affine_of(contract: ImagePreprocessing) -> tuple[list[float], list[float]]:
    """Return factor and offset per channel, in the order of the contract's channels: `pixel * factor + offset`."""
    factors = [contract.scale / std for std in contract.std]
    offsets = [-mean / std for mean, std in zip(contract.mean, contract.std, strict=True)]
    return factors, offsets


def normalize_in_graph(image: Any, contract: ImagePreprocessing) -> Any:
    """Normalize `(batch, height, width, 3)` uint8 RGB as the contract does, in float32."""
    import tensorflow as tf

    if contract.channels == "bgr":
        image = tf.reverse(image, axis=[-1])
    factors, offsets = affine_of(contract)
    return tf.cast(image, tf.float32) * tf.constant(factors, tf.float32) + tf.constant(offsets, tf.float32)


def resample_in_graph(image: Any, contract: ImagePreprocessing) -> Any:
    """Resize `(batch, rows, columns, 3)` uint8 to `(batch, height, width, 3)` uint8, as Pillow does.

    Columns first, then rows, each a product with a matrix of weights, rounded to whole levels after each: Pillow's
    `ImagingResample` (Pillow, src/libImaging/Resample.c). The graph's own operations for resizing either are not
    anti-aliased or can't cut a box whose edges lie inside of pixels.
    """
    import tensorflow as tf

    shape = tf.shape(image)
    rows, columns = tf.cast(shape[1], tf.float32), tf.cast(shape[2], tf.float32)
    (left, across, wide), (top, down, high) = _placement(columns, rows, contract)
    planes = tf.cast(tf.transpose(image, [0, 3, 1, 2]), tf.float32)
    weights = _weights(shape[2], (left, across, wide), contract.width, contract.interpolation)
    planes = _whole_levels(tf.matmul(planes, weights, transpose_b=True))
    weights = _weights(shape[1], (top, down, high), contract.height, contract.interpolation)
    planes = _whole_levels(tf.matmul(weights, planes))
    return tf.cast(tf.transpose(planes, [0, 2, 3, 1]), tf.uint8)


def _whole_levels(planes: Any) -> Any:
    import tensorflow as tf

    # Halves go up, as in fixed-point arithmetic; `tf.round` would send them to the even neighbour.
    return tf.floor(tf.clip_by_value(planes, 0.0, 255.0) + 0.5)


def _placement(columns: Any, rows: Any, contract: ImagePreprocessing) -> tuple[tuple[Any, Any, Any], ...]:
    """Return, for columns and rows, where the box begins, its size in pixels, and how many pixels it is to fill."""
    import tensorflow as tf

    width, height = float(contract.width), float(contract.height)
    if contract.resize == "squish":
        return (0.0, columns, width), (0.0, rows, height)
    if contract.resize == "crop":
        ratio = tf.minimum(columns / width, rows / height)
        box = width * ratio, height * ratio
        return ((columns - box[0]) / 2.0, box[0], width), ((rows - box[1]) / 2.0, box[1], height)
    ratio = tf.minimum(width / columns, height / rows)
    filled = (tf.maximum(1.0, tf.round(side * ratio)) for side in (columns, rows))
    wide, high = filled
    return (0.0, columns, wide), (0.0, rows, high)


def _weights(count: Any, placement: tuple[Any, Any, Any], size: int, interpolation: str) -> Any:
    """Return the matrix `(size, count)` that resamples one axis; rows of zeros where a picture is padded."""
    import tensorflow as tf

    start, box, filled = placement
    begin = tf.round((size - filled) / 2.0)
    places = tf.range(size, dtype=tf.float32)[:, None] - begin
    step = box / filled
    stretch = tf.maximum(step, 1.0)
    centres = start + (places + 0.5) * step
    pixels = tf.range(tf.cast(count, tf.float32), dtype=tf.float32)[None, :] + 0.5
    raw = _kernel((pixels - centres) / stretch, interpolation)
    inside = tf.cast((places >= 0.0) & (places < filled), tf.float32)
    # Outside of the picture a row has no weights; the division must not make them infinite.
    total = tf.reduce_sum(raw, axis=1, keepdims=True)
    return raw / tf.where(inside > 0.0, total, tf.ones_like(total)) * inside


def _kernel(distance: Any, interpolation: str) -> Any:
    """Pillow's filters; its bicubic has a = -0.5 and its Lanczos three lobes."""
    import tensorflow as tf

    far = tf.abs(distance)
    if interpolation == "bilinear":
        return tf.maximum(1.0 - far, 0.0)
    if interpolation == "bicubic":
        near = (1.5 * far - 2.5) * far * far + 1.0
        tail = ((-0.5 * far + 2.5) * far - 4.0) * far + 2.0
        return tf.where(far < 1.0, near, tf.where(far < 2.0, tail, tf.zeros_like(far)))
    # The limit at 0 is 1; a distance that small has that value in float32.
    angle = math.pi * tf.maximum(far, 1e-6)
    lanczos = 3.0 * tf.sin(angle) * tf.sin(angle / 3.0) / (angle * angle)
    return tf.where(far < 3.0, lanczos, tf.zeros_like(far))


def resampling_function(contract: ImagePreprocessing, *, name: str) -> tuple[Any, Any]:
    """Return `resample_in_graph` for a contract as a `tf.function`, and the `tf.TensorSpec` of its input."""
    import tensorflow as tf

    spec = tf.TensorSpec([None, None, None, 3], tf.uint8, name=name)
    return tf.function(lambda image: resample_in_graph(image, contract), input_signature=[spec], autograph=False), spec


def wrap_saved_model(request: ExportRequest, folder: Path) -> None:
    """Write the staged SavedModel with what is to be fused before it."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(request.saved_model_dir))
    serve = loaded.signatures["serving_default"]
    contract, source, result = request.pictures, request.input_name, request.output_name
    (fed,) = request.described.signature.inputs
    shape = [None if side < 0 else side for side in fed.shape]

    def answer(image: Any) -> dict[str, Any]:
        if request.fused == "resize":
            image = resample_in_graph(image, contract)
        return {result: serve(**{source: normalize_in_graph(image, contract)})[result]}

    module = tf.Module()
    module.loaded = loaded
    module.serve = tf.function(answer, input_signature=[tf.TensorSpec(shape, tf.uint8, name=source)], autograph=False)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
