"""Which arithmetic to train in, decided by what the hardware really has."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tfl.core.environment import read_environment
from tfl.core.errors import UnsupportedError
from tfl.core.train_config import Precision

if TYPE_CHECKING:
    import keras

#: Compute capability from which NVIDIA GPUs have matrix units for the type
#: (Volta has float16, Ampere has bfloat16: CUDA C++ Programming Guide, "Compute Capabilities").
_FLOAT16_CAPABILITY = (7, 0)
_BFLOAT16_CAPABILITY = (8, 0)
_TRIAL_BATCHES = 3


@dataclass(frozen=True)
class PrecisionChoice:
    """A Keras dtype policy and the reason for it."""

    policy: str
    reason: str


def choose_precision(asked: Precision) -> PrecisionChoice:
    """Choose the dtype policy.

    Args:
        asked: A policy, which is taken as it is, or `auto`.

    Raises:
        UnsupportedError: float16 on a processor without a GPU, where gradients underflow and nothing is gained.
    """
    capability = _gpu_capability()
    if asked == "mixed_float16" and capability is None:
        raise UnsupportedError(
            "mixed_float16 needs a GPU; this machine has none that TensorFlow sees.",
            hint="Use --precision auto, float32 or mixed_bfloat16.",
        )
    if asked != "auto":
        return PrecisionChoice(asked, "asked for")
    if capability is not None:
        if capability >= _BFLOAT16_CAPABILITY:
            return PrecisionChoice("mixed_bfloat16", f"the GPU (compute capability {capability}) has bfloat16 units")
        if capability >= _FLOAT16_CAPABILITY:
            return PrecisionChoice("mixed_float16", f"the GPU (compute capability {capability}) has float16 units")
        return PrecisionChoice("float32", f"the GPU (compute capability {capability}) has no 16-bit matrix units")
    isa = read_environment().isa
    if not {"avx512_bf16", "amx_bf16"} & set(isa):
        return PrecisionChoice("float32", "no GPU, and the processor has no bfloat16 instructions")
    return _measured_on_cpu()


def _gpu_capability() -> tuple[int, int] | None:
    import keras

    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    capabilities = [
        tf.config.experimental.get_device_details(device).get("compute_capability", (0, 0))
        for device in tf.config.list_physical_devices("GPU")
    ]
    return min(capabilities) if capabilities else None


def _measured_on_cpu() -> PrecisionChoice:
    """Time a few steps of a small convolutional network under both policies and take the faster."""
    seconds = {policy: _trial(policy) for policy in ("float32", "mixed_bfloat16")}
    ratio = seconds["float32"] / seconds["mixed_bfloat16"]
    policy = "mixed_bfloat16" if ratio > 1.0 else "float32"
    return PrecisionChoice(
        policy, f"the processor has bfloat16; in a trial it ran {ratio:.2f} times as fast as float32"
    )


def _trial(policy: str) -> float:
    import keras
    import numpy as np

    model = _trial_model(policy)
    batch = np.zeros((16, 64, 64, 16), dtype=np.float32)
    truth = np.zeros((16,), dtype=np.int32)
    model.train_on_batch(batch, truth)
    best = float("inf")
    for _ in range(_TRIAL_BATCHES):
        start = time.perf_counter()
        model.train_on_batch(batch, truth)
        best = min(best, time.perf_counter() - start)
    keras.utils.clear_session(free_memory=True)
    return best


def _trial_model(policy: str) -> keras.Model:
    import keras

    inputs = keras.Input((64, 64, 16))
    x = keras.layers.Conv2D(64, 3, dtype=policy)(inputs)
    x = keras.layers.Conv2D(64, 3, strides=2, dtype=policy)(x)
    x = keras.layers.GlobalAveragePooling2D(dtype=policy)(x)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", dtype="float32")(x))
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    return model
