"""The network: a backbone and a head, frozen and thawed without BatchNorm ever moving."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tfl.data.contract import Floats

if TYPE_CHECKING:
    import keras

#: Times the root mean square of all features' deviations: the least that a feature is divided by.
_LEAST_DEVIATION = 0.5


def join(backbone: keras.Model, head: keras.Model, *, mean: Floats | None = None) -> keras.Model:
    """Build the classifier, from the backbone's input to `(batch, classes)` float32, from its two parts.

    Args:
        backbone: One input, whose name and type the classifier takes over, and a vector as output.
        head: Of that vector, or, with a mean, of what is left of it.
        mean: `(features,)` taken off the vector. Dropout in a head that learned on such vectors then replaces a
            feature by its mean; on bare ones it would replace it by 0, which may be further off than any sample.
    """
    import keras

    inputs = input_like(backbone)
    features = backbone(inputs)
    if mean is not None:
        features = keras.layers.Rescaling(1.0, offset=-mean, dtype="float32", name="centred")(features)
    return keras.Model(inputs, head(features), name="classifier")


def input_like(model: keras.Model) -> Any:
    """Return a new input of a model's shape: of its type where it takes no fractions, else float32 under any policy.

    A 16-bit policy is the network's own affair: whoever feeds it gives float32.
    """
    import keras

    (fed,) = model.inputs
    if takes_whole_numbers(model) or takes_strings(model):
        return keras.Input(model.input_shape[1:], dtype=fed.dtype, name=fed.name)
    return keras.Input(model.input_shape[1:], dtype="float32", name="image")


def takes_whole_numbers(model: keras.Model) -> bool:
    """Say whether a model's one input is of a type of whole numbers, such as identifiers of tokens."""
    (fed,) = model.inputs
    return "int" in str(fed.dtype)


def takes_strings(model: keras.Model) -> bool:
    """Say whether a model's one input is texts as they are."""
    (fed,) = model.inputs
    return str(fed.dtype) == "string"


def thaw_top(backbone: keras.Model, layer_count: int, *, batch_norm: Literal["frozen", "learn"] = "frozen") -> int:
    """Let the last layers with weights learn; every BatchNorm stays frozen unless asked otherwise.

    BatchNorm is frozen by `trainable = False` on the layer itself, which is the only thing that keeps
    its statistics still in `fit`: `backbone(x, training=False)` inside a Functional model does not.

    Args:
        backbone: A Functional model.
        layer_count: How many of the last layers with weights, BatchNorm not counted; 0 means all.
        batch_norm: `learn` lets the BatchNorm layers behind the first learning layer learn too, statistics included.

    Returns:
        How many layers learn now.
    """
    import keras

    backbone.trainable = True
    leaves = [layer for layer in leaves_of(backbone) if layer.weights]
    learners = [layer for layer in leaves if not isinstance(layer, keras.layers.BatchNormalization)]
    chosen = {id(layer) for layer in (learners[-layer_count:] if layer_count else learners)}
    behind = False
    for layer in leaves:
        behind = behind or id(layer) in chosen
        normalizes = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = id(layer) in chosen or (behind and normalizes and batch_norm == "learn")
    return len(chosen)


def learning_layers(backbone: keras.Model) -> list[Any]:
    """Return the layers with weights that learn, in the order of the data."""
    return [layer for layer in leaves_of(backbone) if layer.trainable_weights]


def leaves_of(layer: Any) -> list[Any]:
    """Return the layers that are no models, in the order of the data."""
    inner = getattr(layer, "layers", None)
    if not inner:
        return [layer]
    return [leaf for child in inner for leaf in leaves_of(child)]


def dense_of(head: keras.Model) -> Any:
    """Return the head's first dense layer."""
    import keras

    return next(layer for layer in head.layers if isinstance(layer, keras.layers.Dense))


def standardization(features: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of `(samples, features)`.

    A deviation under half of the typical one is raised to that, because dividing by it would turn the rounding of a
    low-precision engine into a large change of the answer; features that never change get 1.
    """
    mean = features.mean(axis=0, dtype=np.float64)
    std = features.std(axis=0, dtype=np.float64)
    std = np.maximum(std, _LEAST_DEVIATION * np.sqrt(np.mean(std**2)))
    std[std < 1e-6] = 1.0
    return mean.astype(np.float32), std.astype(np.float32)


def fold_std(head: keras.Model, std: Floats) -> None:
    """Change a head learned on `(x - mean) / std`, whose first layer with weights is dense, to one of `x - mean`.

    Args:
        head: `W (x - mean) / std = (W / std) (x - mean)`.
        std: `(features,)`.
    """
    dense = dense_of(head)
    kernel, bias = dense.get_weights()
    dense.set_weights([kernel / std[:, None], bias])


def fold_mean(head: keras.Model, mean: Floats) -> None:
    """Change a head of `x - mean` to one that gives the same on `x`, so that the exported graph has no extra layer.

    Args:
        head: `W (x - mean) + b = W x + (b - W mean)`; its first layer with weights is dense.
        mean: `(features,)`.
    """
    dense = dense_of(head)
    kernel, bias = dense.get_weights()
    moved = bias.astype(np.float64) - mean.astype(np.float64) @ kernel.astype(np.float64)
    dense.set_weights([kernel, moved.astype(np.float32)])
