"""A few steps of training under two dtype policies: which is faster, and whether the losses are the same."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tfl.core.records import Record
from tfl.data.contract import Inputs
from tfl.training.network import leaves_of

if TYPE_CHECKING:
    import keras

#: Samples and seed -> a batch.
Draw = Callable[[int, int], Inputs]

#: One that also compiles, and those that are timed.
_STEPS = 1 + 6
_BATCH = 16
#: Of Adam: that of fine-tuning, at which a pretrained network changes by a little in every step.
_RATE = 1e-4
#: Below it a gain is not worth other roundings than those that exports are made and checked with.
_LEAST_GAIN = 0.05
#: Unit roundoff: half the distance from 1 to the next number, with 8 and 11 bits of significand.
_ROUNDOFF = {"mixed_bfloat16": 2.0**-8, "mixed_float16": 2.0**-11}
#: The loss of a network that knows nothing about two classes is 0.69; far below it, differences are no share of it.
_LEAST_LOSS = 0.1


@dataclass(frozen=True, kw_only=True)
class PrecisionTrial(Record):
    """What a trial measured.

    Attributes:
        network: The name of what was trained.
        policy: The 16-bit policy that was tried.
        float32_ms: Median step under float32.
        policy_ms: Median step under the policy.
        noise: Spread of the steps as a share: the interquartile ranges of both, each over its median, added up.
        float32_losses: Of the steps.
        policy_losses: Of the steps, from the same weights on the same batches.
        tolerance: Largest relative difference of the losses that rounding explains.
    """

    network: str
    policy: str
    float32_ms: float
    policy_ms: float
    noise: float
    float32_losses: tuple[float, ...]
    policy_losses: tuple[float, ...]
    tolerance: float

    @property
    def loss_difference(self) -> float:
        """Largest difference of two losses as a share of the float32 one; infinite where one is not finite."""
        pairs = zip(self.float32_losses, self.policy_losses, strict=True)
        shares = [abs(two - one) / max(abs(one), _LEAST_LOSS) for one, two in pairs]
        return max(share if math.isfinite(share) else math.inf for share in shares)

    @property
    def agrees(self) -> bool:
        """Whether the losses differ by rounding alone."""
        return self.loss_difference <= self.tolerance

    @property
    def faster(self) -> bool:
        """Whether the policy gains more than the noise, and more than is too little to matter."""
        return self.float32_ms > self.policy_ms * (1.0 + max(self.noise, _LEAST_GAIN))


def try_precision(policy: str, build: Callable[[], keras.Model], *, draw: Draw | None = None) -> PrecisionTrial:
    """Train a network for a few steps under float32 and under a 16-bit policy.

    Both start from the same weights and see the same seeded noise with random labels. Dropout is left out, because
    its random numbers depend on the type. The losses may differ by `u * sqrt(2 n)`: in each of the n layers with
    weights the weights and the outputs are rounded, by at most the unit roundoff u, and errors of independent signs
    add up like a random walk (Higham and Mary, "A new approach to probabilistic rounding error analysis", 2019).

    Args:
        policy: Of Keras.
        build: Makes the network, one input and class probabilities out, under the dtype policy that is active.
        draw: Makes a batch of so many samples from a seed, for networks that take no noise.
    """
    import keras

    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("float32")
        model = build()
        name, layers = str(model.name), sum(1 for layer in leaves_of(model) if layer.weights)
        weights = model.get_weights()
        plain_ms, plain = _train(model, draw)
        del model
        keras.config.set_dtype_policy(policy)
        model = build()
        model.set_weights(weights)
        low_ms, low = _train(model, draw)
        del model
    finally:
        # Counts layers' names anew too, so that a sitting without a trial gives the same ones.
        keras.utils.clear_session(free_memory=True)
        keras.config.set_dtype_policy(before)
    return PrecisionTrial(
        network=name,
        policy=policy,
        float32_ms=float(np.median(plain_ms)),
        policy_ms=float(np.median(low_ms)),
        noise=_spread(plain_ms) + _spread(low_ms),
        float32_losses=tuple(plain),
        policy_losses=tuple(low),
        tolerance=_ROUNDOFF[policy] * math.sqrt(2 * layers),
    )


def small_network() -> keras.Model:
    """Build a convolutional network, `(batch, 64, 64, 16)` -> `(batch, 2)`, for where no other is known."""
    import keras

    inputs = keras.Input((64, 64, 16))
    x = keras.layers.Conv2D(64, 3, activation="relu")(inputs)
    x = keras.layers.Conv2D(64, 3, strides=2, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    outputs = keras.layers.Dense(2, activation="softmax", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="small")


def _train(model: keras.Model, draw: Draw | None) -> tuple[list[float], list[float]]:
    """Return the milliseconds of the steps after the first, and the losses of all."""
    import keras

    for layer in leaves_of(model):
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0
    # XLA is decided on later and apart; JAX knows no other way.
    jit: bool | str = "auto" if keras.backend.backend() == "jax" else False
    model.compile(keras.optimizers.Adam(_RATE), "sparse_categorical_crossentropy", jit_compile=jit)
    generator = np.random.default_rng(0)
    steps_ms, losses = [], []
    for step in range(_STEPS):
        if draw is not None:
            inputs = draw(_BATCH, step)
        else:
            inputs = generator.standard_normal((_BATCH, *model.input_shape[1:]), dtype=np.float32)
        labels = generator.integers(0, model.output_shape[-1], _BATCH, dtype=np.int32)
        begin = time.perf_counter()
        losses.append(float(model.train_on_batch(inputs, labels)))
        if step:
            steps_ms.append(1e3 * (time.perf_counter() - begin))
        model.reset_metrics()
    return steps_ms, losses


def _spread(steps_ms: list[float]) -> float:
    low, high = np.percentile(steps_ms, [25, 75])
    return float((high - low) / np.median(steps_ms))
