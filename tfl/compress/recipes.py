"""The steps of TensorFlow Model Optimization: how a tf_keras model is wrapped for each, and unwrapped after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfl.compress.blocks import prune_by_blocks
from tfl.compress.records import CompressSettings
from tfl.core.errors import UnsupportedError
from tfl.core.extras import require

_TFMOT = "tensorflow_model_optimization"
_PRUNED = ("Conv2D", "Conv2DTranspose", "Dense")
_WITH_KERNEL = ("Conv2D", "Conv2DTranspose", "Dense", "DepthwiseConv2D")
_WITH_FOLDED_NORM = ("Conv2D", "DepthwiseConv2D", "Dense")
#: Layers behind which the next one is not folded away, so that it computes by itself.
_QUANTIZED_ALONE = (
    "Activation",
    "Average",
    "BatchNormalization",
    "LayerNormalization",
    "Maximum",
    "Minimum",
    "Multiply",
    "Normalization",
    "Rescaling",
    "Subtract",
)


@dataclass(frozen=True)
class Recipe:
    """One step, made for one model.

    Attributes:
        model: Wrapped, to be compiled and trained.
        strip: Gives the model without wrappers, its weights being what the step reached. The identity for `qat`.
        callbacks: Of tf_keras, needed while training.
        counts: Says of a number of training steps whether the weights after them may be kept.
        compressed: What was asked of which layer.
        final_rate: Share of the learning rate that is left at the end.
    """

    model: Any
    strip: Callable[[Any], Any]
    callbacks: tuple[Any, ...] = ()
    counts: Callable[[int], bool] = lambda steps: True
    compressed: Mapping[str, str] | None = None
    final_rate: float = 1.0


def make_recipe(
    step: str, model: Any, settings: CompressSettings, *, before: Mapping[str, str], total_steps: int
) -> Recipe:
    """Wrap a model for a step.

    Args:
        step: `prune`, `cluster` or `qat`.
        model: tf_keras, Functional and flat; left as it is.
        settings: Of the compression.
        before: What earlier steps did to which layer, which this one keeps.
        total_steps: Training steps that there will be.

    Raises:
        UnsupportedError: The model has nothing to do the step on, or something that the step can't take.
    """
    require(_TFMOT, purpose="compressing a model by training")
    import tf_keras

    # Wrappers take the layers themselves and put tensors in the place of their variables.
    copy = tf_keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return {"prune": _prune, "cluster": _cluster, "qat": _quantize}[step](copy, settings, before, total_steps)


def freeze_batch_norm(model: Any) -> None:
    """Keep the statistics and factors of every BatchNorm; wrappers copy the flag."""
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.trainable = False


def _prune(model: Any, settings: CompressSettings, before: Mapping[str, str], total_steps: int) -> Recipe:
    import tf_keras
    from tensorflow_model_optimization.sparsity import keras as sparsity

    end_step = 0
    if settings.schedule == "polynomial" and settings.pattern is None:
        frequency = max(1, total_steps // 40)
        # The last rise falls on the last step of the schedule, or the sparsity asked for would not be reached.
        end_step = total_steps // 2 // frequency * frequency
        schedule = sparsity.PolynomialDecay(0.0, settings.sparsity, 0, end_step, frequency=frequency)
    else:
        schedule = sparsity.ConstantSparsity(settings.sparsity, 0, frequency=max(1, total_steps // 20))
    options: dict[str, Any] = {"pruning_schedule": schedule}
    if settings.pattern is not None:
        options = {"pruning_schedule": schedule, "sparsity_m_by_n": settings.pattern}
    chosen = _chosen(model, step="prune")

    def wrap(layer: Any) -> Any:
        if layer.name not in chosen:
            return layer
        if settings.block_size != (1, 1):
            return prune_by_blocks(layer, schedule, settings.block_size)
        return sparsity.prune_low_magnitude(layer, **options)

    return Recipe(
        model=tf_keras.models.clone_model(model, clone_function=wrap),
        strip=sparsity.strip_pruning,
        callbacks=(sparsity.UpdatePruningStep(),),
        counts=lambda steps: steps > end_step,
        compressed=dict.fromkeys(chosen, "pruned"),
    )


def _cluster(model: Any, settings: CompressSettings, before: Mapping[str, str], total_steps: int) -> Recipe:
    import tf_keras
    from tensorflow_model_optimization.clustering import keras as clustering
    from tensorflow_model_optimization.python.core.clustering.keras.experimental import cluster as experimental

    options = {
        "number_of_clusters": settings.clusters,
        "cluster_centroids_init": clustering.CentroidInitialization.KMEANS_PLUS_PLUS,
        "preserve_sparsity": "pruned" in before.values(),
    }
    chosen = {name for name in _chosen(model, step="cluster") if _unique(model.get_layer(name)) > settings.clusters}
    if not chosen:
        raise UnsupportedError(f"No layer has more than {settings.clusters} different weights, so there is no cluster.")

    def wrap(layer: Any) -> Any:
        return experimental.cluster_weights(layer, **options) if layer.name in chosen else layer

    marks = {name: f"{before[name]}+clustered" if name in before else "clustered" for name in chosen}
    return Recipe(
        model=tf_keras.models.clone_model(model, clone_function=wrap),
        strip=clustering.strip_clustering,
        compressed={**before, **marks},
    )


def _chosen(model: Any, *, step: str) -> set[str]:
    """Name the layers with kernels that are worth it; depthwise kernels have a handful of weights per channel."""
    names = {layer.name for layer in model.layers if type(layer).__name__ in _PRUNED}
    if not names:
        raise UnsupportedError(f"The model has no dense layer and no convolution, so there is nothing to {step}.")
    return names


def _unique(layer: Any) -> int:
    return len(np.unique(layer.get_weights()[0]))


def _quantize(model: Any, settings: CompressSettings, before: Mapping[str, str], total_steps: int) -> Recipe:
    import tf_keras
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_configs as configs,
    )
    from tensorflow_model_optimization.quantization.keras import quantize_annotate_layer, quantize_apply, quantize_scope

    def annotate(layer: Any) -> Any:
        if _needs_own_config(layer):
            return quantize_annotate_layer(layer, configs.Default8BitOutputQuantizeConfig())
        return quantize_annotate_layer(layer)

    try:
        with quantize_scope({"Default8BitOutputQuantizeConfig": configs.Default8BitOutputQuantizeConfig}):
            annotated = tf_keras.models.clone_model(model, clone_function=annotate)
            made = quantize_apply(annotated, _scheme(before), quantized_layer_name_prefix="")
    except (RuntimeError, ValueError, AttributeError) as error:
        raise UnsupportedError(
            f"The model can't be trained for int8: {error}",
            hint="Quantize it after training instead: tfl export RUN --precision int8",
        ) from error
    _require_quantized_weights(made)
    return Recipe(model=made, strip=lambda wrapped: wrapped, compressed=dict(before), final_rate=settings.final_rate)


def _require_quantized_weights(model: Any) -> None:
    """Raise where a layer would be trained with weights in float, which no integer artefact has.

    Raises:
        UnsupportedError: Names the layers.
    """
    left = [
        layer.name
        for layer in model.layers
        if type(getattr(layer, "layer", layer)).__name__ in _WITH_KERNEL and not getattr(layer, "_weight_vars", ())
    ]
    if left:
        raise UnsupportedError(
            f"The model can't be trained for int8: the weights of {', '.join(left)} would stay in float.",
            hint="Quantize it after training instead: tfl export RUN --precision int8",
        )


def _needs_own_config(layer: Any) -> bool:
    """Say whether only the output of a layer is quantized, for layers that the library has no rule for."""
    kind = type(layer).__name__
    if kind == "BatchNormalization":
        inbound = layer.inbound_nodes[0].inbound_layers
        return type(inbound).__name__ not in _WITH_FOLDED_NORM
    if kind == "Activation":
        return layer.activation.__name__ not in ("linear", "relu", "softmax", "sigmoid", "tanh")
    return kind in _QUANTIZED_ALONE


def _scheme(before: Mapping[str, str]) -> Any:
    from tensorflow_model_optimization.python.core.quantization.keras import default_8bit
    from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.cluster_preserve import (
        default_8bit_cluster_preserve_quantize_scheme as cluster_preserve,
    )
    from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.prune_preserve import (
        default_8bit_prune_preserve_quantize_scheme as prune_preserve,
    )

    marks = "+".join(before.values())
    if "clustered" in marks:
        scheme = cluster_preserve.Default8BitClusterPreserveQuantizeScheme(preserve_sparsity="pruned" in marks)
    elif "pruned" in marks:
        scheme = prune_preserve.Default8BitPrunePreserveQuantizeScheme()
    else:
        scheme = default_8bit.default_8bit_quantize_scheme.Default8BitQuantizeScheme()
    scheme.get_layout_transformer = _layout
    return scheme


def _layout() -> Any:
    """Return the library's changes to a network, less one: it leaves weights alone before a rectifier that is a layer.

    The rule is meant for sums, whose own output need not be quantized where a rectifier follows. It takes layers with
    weights as well, and then these are in float all the training long and in the network that comes of it.
    """
    from tensorflow_model_optimization.python.core.quantization.keras import quantize_aware_activation
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_configs as configs,
    )
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_layout_transform as layout,
    )

    class Layout(layout.Default8BitQuantizeLayoutTransform):  # type: ignore[misc]
        def apply(self, model: Any, layer_quantize_map: Any) -> Any:
            made, chosen = super().apply(model, layer_quantize_map)
            for layer in made.layers:
                config = chosen.get(layer.name, {})
                is_left = isinstance(config.get("quantize_config"), configs.NoOpQuantizeConfig)
                if not is_left or type(layer).__name__ not in _WITH_KERNEL:
                    continue
                config["quantize_config"] = None
                if getattr(layer.activation, "__name__", "") == "linear":
                    # Between the layer and its rectifier nothing is quantized, as both are computed in one.
                    layer.activation = quantize_aware_activation.NoOpActivation()
            return made, chosen

    return Layout()
