"""Low-rank adapters (LoRA; Hu et al., 2022): a kernel learns as the sum of itself, frozen, and of a thin product.

Every dense layer gets one, as adapters of all of them learn better than those of the attention alone (Dettmers et
al., 2023). They live in a stage of fine-tuning only: merged after it, the network is the one it was, with other
kernels, so that nothing that saves, exports or quantizes it needs to know.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfl.core.errors import UnsupportedError
from tfl.training.network import learning_layers

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Adapters:
    """What `add_adapters` changed, for `merge_adapters` to take back.

    Attributes:
        dense: Layers with an adapter.
        frozen: Variables that learned before and stand still now.
        parameter_count: Of all adapters.
    """

    dense: tuple[Any, ...]
    frozen: tuple[Any, ...]
    parameter_count: int


def add_adapters(backbone: keras.Model, rank: int, *, seed: int = 0) -> Adapters:
    """Freeze the learning layers of a network and give each dense layer in them an adapter.

    Call it after `thaw_top` and before the stage's model is compiled. An adapter begins as zero, so that the network
    answers as before.

    Args:
        backbone: Some of its layers learn.
        rank: Inner size of the product; its share of a kernel of n x m is rank * (n + m) / (n * m).
        seed: Of the adapters' first factor.

    Raises:
        UnsupportedError: No dense layer is among those that learn.
    """
    import keras

    kinds = (keras.layers.Dense, keras.layers.EinsumDense)
    layers = learning_layers(backbone)
    dense = [item for layer in layers for item in _parts(layer) if isinstance(item, kinds)]
    if not dense:
        raise UnsupportedError(
            f"lora_rank: none of the {len(layers)} layers that learn has a dense layer in it, so there is nothing to "
            "adapt.",
            hint="Set lora_rank to 0, or let more layers learn. Adapters are for transformers.",
        )
    frozen = [variable for layer in layers for variable in layer.trainable_weights]
    for variable in frozen:
        variable.trainable = False
    for number, layer in enumerate(dense):
        layer.enable_lora(rank, a_initializer=keras.initializers.HeUniform(seed=seed + number))
    count = sum(math.prod(factor.shape) for layer in dense for factor in (layer.lora_kernel_a, layer.lora_kernel_b))
    return Adapters(tuple(dense), tuple(frozen), count)


def merge_adapters(adapters: Adapters) -> None:
    """Add what the adapters learned to the kernels and remove them; what learned before them may learn again.

    A model that was compiled with them must be compiled anew.
    """
    for layer in adapters.dense:
        layer._kernel.assign(layer.kernel)
        # Keras has no public way back; left in, a saved model would get adapters again when it is loaded.
        for variable in (layer.lora_kernel_a, layer.lora_kernel_b):
            layer._untrack_variable(variable)
        layer.lora_enabled, layer.lora_rank, layer.lora_alpha = False, None, None
    for variable in adapters.frozen:
        variable.trainable = True


def _parts(layer: Any) -> Sequence[Any]:
    """Return a layer and all that are inside it."""
    return tuple(layer._flatten_layers())
