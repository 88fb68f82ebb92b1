"""OpenVINO in a process of its own: beside TensorFlow in one process it was seen to crash.

Batches go through pipes as their shape and their bytes; answers come back the same way. The worker ends when its
input does.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import weakref
from pathlib import Path
from typing import IO, Any

import numpy as np

from tfl.core.child import python_path
from tfl.core.errors import ChildError
from tfl.data.preprocess import Floats

_LENGTH = struct.Struct("<q")


class OpenVinoWorker:
    """A converted network that is run in another process.

    Args:
        file: The `.xml`, with its `.bin` beside it.
    """

    def __init__(self, file: Path) -> None:
        command = [sys.executable, "-P", "-m", "tfl.training.engine_worker", str(file)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": python_path()},
            # Ctrl-C is for the parent, which ends the worker by closing its input.
            start_new_session=True,
        )
        self._close = weakref.finalize(self, _end, self._process)

    def run(self, batch: Floats) -> Floats:
        """Return the network's output for `(batch, ...)` float32.

        Raises:
            ChildError: The worker has ended.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise ChildError("The OpenVINO worker has no pipes.")
        try:
            _write(stdin, np.ascontiguousarray(batch, dtype=np.float32))
            answer = _read(stdout)
        except OSError:
            answer = None
        if answer is None:
            raise _ended(self._process.wait())
        return answer

    def close(self) -> None:
        """End the worker."""
        self._close()


def _ended(code: int) -> ChildError:
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    if code != -signal.SIGKILL:
        return ChildError(f"The process that runs the frozen layers in OpenVINO {how}.")
    return ChildError(
        f"The process that runs the frozen layers in OpenVINO {how}: so a system ends who takes the last memory.",
        hint="Free some memory and go on with --resume, which keeps what is computed; or begin anew with a smaller"
        " --image-size or --backbone.",
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    process.terminate()
    process.wait()


def _write(stream: IO[bytes], array: Floats) -> None:
    stream.write(_LENGTH.pack(array.ndim))
    for size in array.shape:
        stream.write(_LENGTH.pack(size))
    stream.write(array.data)
    stream.flush()


def _read(stream: IO[bytes]) -> Floats | None:
    """Return the next array, or None where the other side has ended, be it in the middle of an array."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    sizes = stream.read(_LENGTH.size * _LENGTH.unpack(head)[0])
    if len(sizes) < _LENGTH.size * _LENGTH.unpack(head)[0]:
        return None
    shape = tuple(size for (size,) in _LENGTH.iter_unpack(sizes))
    content = stream.read(int(np.prod(shape)) * np.dtype(np.float32).itemsize)
    if len(content) < int(np.prod(shape)) * np.dtype(np.float32).itemsize:
        return None
    return np.frombuffer(content, dtype=np.float32).reshape(shape)


def _serve(file: str) -> None:
    import openvino as ov

    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    options = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
    queue = ov.AsyncInferQueue(ov.Core().compile_model(file, "CPU", options))
    results: dict[int, Any] = {}

    def keep(request: Any, index: int) -> None:
        results[index] = np.array(request.get_output_tensor(0).data[0], dtype=np.float32)

    queue.set_callback(keep)
    while (batch := _read(sys.stdin.buffer)) is not None:
        # One by one is the fastest where several requests run side by side.
        for index in range(len(batch)):
            queue.start_async({0: batch[index : index + 1]}, index)
        queue.wait_all()
        _write(answers, np.stack([results.pop(index) for index in range(len(batch))]))


if __name__ == "__main__":
    _serve(sys.argv[1])
