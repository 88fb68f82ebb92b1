"""What to say when the memory is used up, and how large a batch fits into it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tfl.core.errors import JobError
from tfl.core.train_config import TrainConfig


@contextlib.contextmanager
def memory_advice(train: TrainConfig) -> Iterator[None]:
    """Turn every engine's way of running out of memory into one error with advice.

    Raises:
        JobError: The memory is used up.
    """
    try:
        yield
    except MemoryError as error:
        raise _used_up(train) from error
    except Exception as error:
        # TensorFlow's and JAX's own classes can't be named here without importing them.
        if type(error).__name__ == "ResourceExhaustedError" or "RESOURCE_EXHAUSTED" in str(error):
            raise _used_up(train) from error
        raise


def _used_up(train: TrainConfig) -> JobError:
    size = train.batch_size
    smaller = max(1, size // 2) if isinstance(size, int) else 8
    return JobError(
        f"The memory is used up (batch size {size}).",
        hint=f"Try --batch-size {smaller} with --set train.accumulate=2, a smaller --image-size, or a smaller backbone."
        " What is done is kept: --resume goes on.",
    )
