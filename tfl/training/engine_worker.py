"""OpenVINO in a process of its own: beside TensorFlow in one process it was seen to crash.

The first line through the pipe says what to open, as JSON. Then batches go through as their type, their shape and
their bytes, and answers come back the same way, after one byte that tells them from a reason why there is none. The
worker ends when its input does.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from tfl.core.child import python_path
from tfl.core.errors import ChildError
from tfl.core.files import fresh_folder
from tfl.core.telemetry import send_no_telemetry
from tfl.data.contract import Floats, Inputs

_LENGTH = struct.Struct("<q")
#: What comes next.
_ANSWER, _REASON = b"a", b"r"


class OpenVinoWorker:
    """Another process, which is starting, and the network that it opens and runs."""

    def __init__(self) -> None:
        command = [sys.executable, "-P", "-m", "tfl.training.engine_worker"]
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

    def open(self, file: Path, *, keep_as: Path | None = None) -> None:
        """Begin to open a network; what is wrong with it is told by the first `run`.

        Args:
            file: An `.xml` with its `.bin` beside it, or a frozen TensorFlow graph, a `.pb`.
            keep_as: Write it there as an `.xml` with its `.bin`.

        Raises:
            ChildError: The worker has ended.
        """
        wanted = {"file": str(file), "keep_as": str(keep_as) if keep_as else None}
        try:
            stdin, _ = self._pipes()
            stdin.write(json.dumps(wanted).encode() + b"\n")
            stdin.flush()
        except OSError as error:
            raise _ended(self._process.wait()) from error

    def run(self, batch: Inputs) -> Floats:
        """Return the network's output, float32, for `(batch, ...)` of the type that it takes.

        Raises:
            ChildError: The network could not be opened or run, or the worker has ended.
        """
        stdin, stdout = self._pipes()
        kind = b""
        try:
            # A worker that could not open its network has ended, and said why.
            with contextlib.suppress(BrokenPipeError):
                _write(stdin, np.ascontiguousarray(batch))
            kind = stdout.read(1)
            answer: Floats | None = _read(stdout) if kind == _ANSWER else None
        except OSError:
            answer = None
        if kind == _REASON:
            raise ChildError(stdout.read().decode(errors="replace"))
        if answer is None:
            raise _ended(self._process.wait())
        return answer

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process.stdin is None or self._process.stdout is None:
            raise ChildError("The OpenVINO worker has no pipes.")
        return self._process.stdin, self._process.stdout

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
            # What waits to be written to one that has ended is of no use to it.
            with contextlib.suppress(BrokenPipeError):
                stream.close()
    process.terminate()
    process.wait()


def _write(stream: IO[bytes], array: Inputs) -> None:
    stream.write(array.dtype.char.encode())
    stream.write(_LENGTH.pack(array.ndim))
    for size in array.shape:
        stream.write(_LENGTH.pack(size))
    stream.write(array.data)
    stream.flush()


def _read(stream: IO[bytes]) -> npt.NDArray[Any] | None:
    """Return the next array, or None where the other side has ended, be it in the middle of an array."""
    head = stream.read(1 + _LENGTH.size)
    if len(head) < 1 + _LENGTH.size:
        return None
    dtype, count = np.dtype(head[:1].decode()), _LENGTH.unpack(head[1:])[0]
    sizes = stream.read(_LENGTH.size * count)
    if len(sizes) < _LENGTH.size * count:
        return None
    shape = tuple(size for (size,) in _LENGTH.iter_unpack(sizes))
    content = stream.read(int(np.prod(shape)) * dtype.itemsize)
    if len(content) < int(np.prod(shape)) * dtype.itemsize:
        return None
    return np.frombuffer(content, dtype=dtype).reshape(shape)


def save_network(network: Any, file: Path) -> None:
    """Write an OpenVINO network in float32 as an `.xml` and its `.bin`, there whole or not at all."""
    send_no_telemetry()
    import openvino as ov

    with tempfile.TemporaryDirectory(dir=file.parent) as room:
        with fresh_folder(Path(room) / "network") as place:
            ov.save_model(network, place / file.name, compress_to_fp16=False)
        made = Path(room) / "network" / file.name
        # The weights first: they are there when their description is.
        made.with_suffix(".bin").replace(file.with_suffix(".bin"))
        made.replace(file)


def _serve() -> None:
    # What libraries print must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        send_no_telemetry()
        import openvino as ov

        wanted = json.loads(sys.stdin.buffer.readline() or "null")
        if wanted is not None:
            _answer(_opened(ov, wanted["file"], wanted["keep_as"]), answers)
    except Exception as error:  # noqa: BLE001 - converters and runtimes raise what they like
        answers.write(_REASON + f"{type(error).__name__}: {error}".encode())
        answers.flush()


def _opened(ov: Any, file: str, keep_as: str | None) -> Any:
    """Return a queue of requests to a network."""
    core = ov.Core()
    network = core.read_model(file)
    if keep_as is not None:
        save_network(network, Path(keep_as))
    options = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32"}
    return ov.AsyncInferQueue(core.compile_model(network, "CPU", options))


def _answer(queue: Any, answers: IO[bytes]) -> None:
    results: dict[int, Any] = {}

    def keep(request: Any, index: int) -> None:
        results[index] = np.array(request.get_output_tensor(0).data[0], dtype=np.float32)

    queue.set_callback(keep)
    while (batch := _read(sys.stdin.buffer)) is not None:
        # One by one is the fastest where several requests run side by side.
        for index in range(len(batch)):
            queue.start_async({0: batch[index : index + 1]}, index)
        queue.wait_all()
        answers.write(_ANSWER)
        _write(answers, np.stack([results.pop(index) for index in range(len(batch))]))


if __name__ == "__main__":
    _serve()
