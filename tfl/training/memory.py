"""How much memory there is, and what to say when it is used up."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tfl.core.environment import read_environment
from tfl.core.errors import JobError, TflError
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
    text = str(error)
    if isinstance(error, MemoryError):
        return True
    # TensorFlow's files say the same of a disk.
    if "No space left" in text:
        return False
    return type(error).__name__ == "ResourceExhaustedError" or any(sign in text for sign in _SIGNS)


@contextlib.contextmanager
def memory_advice(train: TrainConfig) -> Iterator[None]:
    """Turn every engine's way of running out of memory into one error with advice.

    Raises:
        JobError: The memory is used up.
    """
    try:
        yield
    except TflError:
        raise
    except Exception as error:
        if not ran_out(error):
            raise
        raise _used_up(train, error) from error


def _used_up(train: TrainConfig, error: Exception) -> JobError:
    size = train.batch_size
    steps = f"batch size {size}" if train.fine_tune_epochs else f"batch size of the head {train.head_batch_size}"
    what = str(error).strip().splitlines()
    return JobError(
        f"The memory is used up ({steps}): {type(error).__name__}{f': {what[0][:200]}' if what else ''}",
        hint=f"In a new run, which finds what is frozen computed already: {_advice(train)}."
        " Where other programs held the memory: the same again with --resume, which goes on from the last checkpoint.",
    )


def _advice(train: TrainConfig) -> str:
    size = train.batch_size
    advice = ["a smaller --image-size", "a smaller --backbone"]
    if train.fine_tune_epochs:
        smaller = f"--batch-size {size // 2} --set train.accumulate=2" if isinstance(size, int) and size > 1 else ""
        advice = [*filter(None, [smaller]), *([] if size == "auto" else ["--batch-size auto"]), *advice]
        advice.insert(-2, "fewer --fine-tune-layers")
    if train.cache_dtype == "float32":
        advice.insert(-2, "--set train.cache_dtype=float16")
    return f"{', '.join(advice[:-1])} or {advice[-1]}"


def after_silent_end(train: TrainConfig) -> str:
    """Say what may be behind a sitting that ended without a word, which a process that is killed can't say itself."""
    killed = _killed_for_memory()
    seen = f"; in this container it has ended {killed} so far" if killed else ""
    return (
        "the sitting before ended without a word: its process was killed, as a system does to the one that takes the"
        f" last memory{seen}, or the machine stopped. Going on from what was saved; if it ends so again, in a new run:"
        f" {_advice(train)}"
    )


def _killed_for_memory() -> int:
    """Return how many processes of this container the kernel has ended for memory; 0 where it does not tell."""
    try:
        events = Path("/sys/fs/cgroup/memory.events").read_text(encoding="utf-8")
    except OSError:
        return 0
    counts = dict(line.split() for line in events.splitlines())
    return int(counts.get("oom_kill", 0))


def memory_bytes() -> int:
    """Return what this process may use: the machine's memory, or less where the container has a limit."""
    physical = read_environment().memory_bytes
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8").strip()
    except OSError:
        return physical
    return physical if limit == "max" else min(physical, int(limit))
