"""What to say when the memory is used up."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tfl.core.errors import JobError
from tfl.core.train_config import TrainConfig

#: How TensorFlow, oneDNN, CUDA and JAX say it, where the class does not.
_SIGNS = (
    "RESOURCE_EXHAUSTED",
    "OOM when allocating",
    "out of memory",
    "OUT_OF_MEMORY",
    "std::bad_alloc",
    "Dst tensor is not initialized",
)


def ran_out(error: BaseException) -> bool:
    """Say whether an error is an engine's way of running out of memory.

    TensorFlow's and JAX's own classes can't be named here without importing them.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return True
    text = str(error)
    return any(sign in text for sign in _SIGNS)


@contextlib.contextmanager
def memory_advice(train: TrainConfig) -> Iterator[None]:
    """Turn every engine's way of running out of memory into one error with advice.

    Raises:
        JobError: The memory is used up.
    """
    try:
        yield
    except Exception as error:
        if not ran_out(error):
            raise
        raise _used_up(train) from error


def _used_up(train: TrainConfig) -> JobError:
    size = train.batch_size
    smaller = max(1, size // 2) if isinstance(size, int) else 8
    return JobError(
        f"The memory is used up (batch size {size}).",
        hint=f"Try --batch-size {smaller} with --set train.accumulate=2, a smaller --image-size, or a smaller backbone."
        " What is done is kept: --resume goes on.",
    )
