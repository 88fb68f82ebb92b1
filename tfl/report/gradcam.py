"""Where a classifier looks: Grad-CAM on the float model of a bundle.

Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization",
ICCV 2017: the last feature maps, each weighted by the mean gradient of the class score (before the
softmax) with respect to it, summed, and cut off at zero. Two choices fit it to classifiers made here:

- The score is the logarithm of the odds of the class: a softmax determines a single logit only up to
  a number added to all of them.
- What the score owes to no place (the head's bias, in which the mean of the features is folded) is
  spread evenly before the cut. With pooled features and a dense head the places then sum up to the
  score, so that an answer the model is sure of always has a place that speaks for it.

Where several branches lead to the answer, what the last maps of each say to a place is added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tfl.core.errors import UnsupportedError
from tfl.core.extras import require_installed
from tfl.data.contract import Floats
from tfl.training.cut import cut_points, last_on_every_way

Heat: TypeAlias = npt.NDArray[np.float32]

_BATCH = 8
#: The graph is walked in pieces; the pieces must give the model's own answer up to float32 rounding.
_PIECEWISE_TOLERANCE = 1e-3
#: Taken off the wanted class's logit to leave it out among its rivals.
_FAR = 1e9
_NO_CHAIN = "The model's graph is not a chain of models, so its maps can't be followed"


def grad_cam(model: Any, batch: Floats, class_indices: Sequence[int]) -> Heat:
    """Compute a heat map of each picture for one class.

    Args:
        model: A Functional `keras.Model` `(batch, height, width, 3)` -> `(batch, classes)` probabilities, flat
            or a chain of nested models such as backbone and head.
        batch: `(samples, height, width, 3)` float32, normalized by the model's contract.
        class_indices: The class to explain, one per sample.

    Returns:
        `(samples, height, width)` float32 in [0, 1], resized to the input; all 0 where nothing speaks for the class.

    Raises:
        UnsupportedError: The model has no feature maps to look at, or its graph can't be taken apart.
    """
    require_installed("keras", purpose="computing saliency maps")
    import keras

    if keras.backend.backend() != "tensorflow":
        raise UnsupportedError(
            f"Grad-CAM needs Keras on TensorFlow. Received: {keras.backend.backend()}.",
            hint="Set KERAS_BACKEND=tensorflow.",
        )
    targets = last_feature_layers(model)
    parts = [
        _maps_of(model, targets, batch[start : start + _BATCH], class_indices[start : start + _BATCH])
        for start in range(0, len(batch), _BATCH)
    ]
    if not parts:
        return np.empty((0, *batch.shape[1:3]), dtype=np.float32)
    return np.stack([_resized(heat, batch.shape[1:3]) for heat in np.concatenate(parts)])


def last_feature_layers(model: Any) -> tuple[Any, ...]:
    """Return the last layers whose output is `(batch, rows, columns, channels)` of several places, and which show all.

    Nested layers count. One layer shows all when every way to the output leads through it; where none does, each way
    leads through one of those returned. A part cut out of maps beside other parts is none.

    Raises:
        UnsupportedError: There is none: the backbone gives one vector and hides its maps.
    """
    mapped = [layer for layer in reversed(_leaves(model)) if _has_places(layer)]
    if not mapped:
        raise UnsupportedError(
            "The backbone answers with one vector and does not show its feature maps, so there is nothing to map.",
            hint="Backbones of keras_applications and embedded show theirs.",
        )
    passed = _passed(model)
    single = next((layer for layer in mapped if layer.name in passed), None)
    if single is not None:
        return (single,)
    home = _home(model, mapped[0])
    names = set(last_on_every_way(home, {layer.name for layer in mapped} - _parts(home)))
    return tuple(layer for layer in home.layers if layer.name in names) or (mapped[0],)


def _home(model: Any, layer: Any) -> Any:
    """Return the model in whose graph a layer is."""
    if any(own is layer for own in model.layers):
        return model
    return _home(next(inner for inner in model.layers if _holds(inner, layer)), layer)


def _parts(model: Any) -> set[str]:
    """Name the layers that cut a part out of maps of which others take parts too."""
    import keras

    cuts = [layer for layer in model.layers if isinstance(layer, keras.layers.Cropping2D)]
    sources = [id(layer.input) for layer in cuts]
    return {layer.name for layer, source in zip(cuts, sources, strict=True) if sources.count(source) > 1}


def _leaves(model: Any) -> list[Any]:
    return [leaf for layer in model.layers for leaf in (_leaves(layer) if getattr(layer, "layers", None) else [layer])]


def _passed(model: Any) -> set[str]:
    """Name the layers through which every way leads, of the model and of the models in it."""
    inner = (_passed(layer) for layer in model.layers if getattr(layer, "layers", None))
    return set(cut_points(model)).union(*inner)


def _has_places(layer: Any) -> bool:
    shape = _output_shape(layer)
    return len(shape) == 4 and all(side is None or side > 1 for side in shape[1:3])


def _output_shape(layer: Any) -> tuple[int | None, ...]:
    if type(layer).__name__ == "InputLayer":
        return ()
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):
        return ()
    return tuple(shape)


def _maps_of(model: Any, targets: Sequence[Any], batch: Floats, class_indices: Sequence[int]) -> Heat:
    import tensorflow as tf

    inputs = tf.convert_to_tensor(batch)
    found: list[Any] = []
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        logits = _forward(model, inputs, targets, found, is_end=True)
        wanted = tf.one_hot(np.asarray(class_indices, dtype=np.int64), logits.shape[1], dtype=logits.dtype)
        rivals = tf.reduce_logsumexp(logits - wanted * _FAR, axis=1)
        scores = tf.reduce_sum(logits * wanted, axis=1) - rivals
    _check_same(model, inputs, logits)
    gradients = tape.gradient(scores, found)
    if any(gradient is None for gradient in gradients):
        raise UnsupportedError("The answer does not depend on the last feature maps in a way that can be followed.")
    parts = [_places(*each) for each in zip(targets, found, gradients, strict=True)]
    size = max(part.shape[1] for part in parts), max(part.shape[2] for part in parts)
    places = np.sum([[_spread(one, size) for one in part] for part in parts], axis=0)
    rest = scores.numpy() - places.sum((1, 2))
    heat = np.maximum(places + (rest / places[0].size)[:, None, None], 0.0)
    top = heat.max(axis=(1, 2), keepdims=True)
    return np.asarray(heat / np.where(top > 0, top, 1.0), dtype=np.float32)


def _places(target: Any, maps: Any, gradient: Any) -> Heat:
    """Return what each place adds to the score, `(samples, rows, columns)`; a border that was cut off is put back."""
    import keras

    weights = gradient.numpy().mean((1, 2), keepdims=True)
    places = (weights * maps.numpy()).sum(-1).astype(np.float32)
    border = target.cropping if isinstance(target, keras.layers.Cropping2D) else ((0, 0), (0, 0))
    return np.pad(places, ((0, 0), *border))


def _spread(places: Heat, size: tuple[int, int]) -> Heat:
    """Spread what the places add up to over more places."""
    if places.shape == size:
        return places
    from PIL import Image

    image = Image.fromarray(places).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image, dtype=np.float32) * (places.size / (size[0] * size[1]))


def _forward(model: Any, values: Any, targets: Sequence[Any], found: list[Any], *, is_end: bool) -> Any:
    """Run a model on values, put what the targets give into `found`, and stop before the last softmax."""
    import keras

    dense = _softmax_layer(model) if is_end else None
    end = dense.input if dense is not None else model.output
    layers = model.layers[1:]
    if any(layer is targets[0] for layer in layers):
        outputs = [*(target.output for target in targets), end]
        *maps, values = keras.Model(model.input, outputs)(values, training=False)
        found.extend(maps)
    elif any(_holds(layer, targets[0]) for layer in layers):
        # Taken for a chain: checked afterwards against the model's own answer.
        for layer in layers[: -1 if dense is not None else None]:
            if getattr(layer, "layers", None):
                values = _forward(layer, values, targets, found, is_end=is_end and layer is layers[-1])
            else:
                values = _call(layer, values)
    else:
        values = keras.Model(model.input, end)(values, training=False)
    if dense is None:
        return values
    logits = keras.ops.matmul(values, keras.ops.cast(dense.kernel, values.dtype))
    return logits + dense.bias if dense.use_bias else logits


def _call(layer: Any, values: Any) -> Any:
    try:
        return layer(values)
    except (ValueError, TypeError) as error:
        raise UnsupportedError(f"{_NO_CHAIN} ({layer.name} takes more than one input).") from error


def _softmax_layer(model: Any) -> Any:
    """Return the model's last layer where it is dense with a softmax, else None."""
    import keras

    last = model.layers[-1]
    is_softmax = isinstance(last, keras.layers.Dense) and last.activation is keras.activations.softmax
    return last if is_softmax else None


def _holds(layer: Any, target: Any) -> bool:
    return bool(getattr(layer, "layers", None)) and any(leaf is target for leaf in _leaves(layer))


def _check_same(model: Any, inputs: Any, logits: Any) -> None:
    import tensorflow as tf

    whole = model(inputs, training=False).numpy()
    pieces = (logits if _ends_without_softmax(model) else tf.nn.softmax(logits)).numpy()
    if whole.shape != pieces.shape or float(np.abs(whole - pieces).max()) > _PIECEWISE_TOLERANCE:
        raise UnsupportedError(f"{_NO_CHAIN}.")


def _ends_without_softmax(model: Any) -> bool:
    last = model.layers[-1]
    if getattr(last, "layers", None):
        return _ends_without_softmax(last)
    return _softmax_layer(model) is None


def _resized(heat: Heat, size: tuple[int, ...]) -> Heat:
    from PIL import Image

    image = Image.fromarray(heat).resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.clip(np.asarray(image, dtype=np.float32), 0.0, 1.0)
