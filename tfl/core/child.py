"""Work that may crash, leak or change global state runs in a child process of its own.

Converters can segfault and never give memory back, and a parity check is only a proof in a process
that did not build the model. A child takes one dictionary, returns one dictionary, and its output
goes to a log file.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tfl.core import errors
from tfl.core.errors import ChildError, TflError
from tfl.core.lean_imports import load_lean

_LOG_TAIL_LINES = 25
_WATCH_S = 1.0
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"}


def call_in_child(
    function: str,
    arguments: Mapping[str, Any],
    *,
    log_path: Path | None = None,
    timeout_s: float = 1800.0,
    environment: Mapping[str, str] | None = None,
    watch: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Call `function` with one JSON-able mapping in a fresh Python process and return its JSON-able dictionary.

    Args:
        function: `package.module:name`; it must belong to the package `tfl` or to a registered plug-in.
        arguments: The one argument.
        log_path: Where the child's output is kept; a temporary file by default.
        timeout_s: The child is killed after this many seconds.
        environment: Variables added to this process's own.
        watch: Called about once a second while the child works.

    Raises:
        TflError: What the child raised, as the same class.
        ChildError: The child crashed, ran out of time, or raised anything else.
    """
    with tempfile.TemporaryDirectory(prefix="tfl-child-") as folder:
        request, answer = Path(folder) / "request.json", Path(folder) / "answer.json"
        log = log_path or Path(folder) / "log.txt"
        log.parent.mkdir(parents=True, exist_ok=True)
        request.write_text(json.dumps({"function": function, "arguments": dict(arguments)}), encoding="utf-8")
        command = [sys.executable, "-P", "-m", "tfl.core.child", str(request), str(answer)]
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                stdout=stream,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**_QUIET, **os.environ, "PYTHONPATH": python_path(), **(environment or {})},
            )
            try:
                code = process.wait(timeout_s) if watch is None else _wait(process, watch, timeout_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise ChildError(
                    f"{function} took longer than {timeout_s:.0f} s and was stopped.{_tail(log)}"
                ) from None
            except BaseException:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(10)
                process.kill()
                raise
        if not answer.exists():
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            raise ChildError(f"{function} {how}.{_tail(log)}")
        return _unwrap(function, json.loads(answer.read_text(encoding="utf-8")))


def _wait(process: subprocess.Popen[bytes], watch: Callable[[], None], timeout_s: float) -> int:
    end = time.monotonic() + timeout_s
    while True:
        left_s = end - time.monotonic()
        try:
            return process.wait(min(_WATCH_S, max(left_s, 0.0)))
        except subprocess.TimeoutExpired:
            if left_s <= _WATCH_S:
                raise
        watch()


def _unwrap(function: str, answer: dict[str, Any]) -> dict[str, Any]:
    if "result" in answer:
        return dict(answer["result"])
    raise decode_error(function, answer)


def encode_error(error: Exception) -> dict[str, str]:
    """Say an error as a dictionary that survives JSON; what tfl did not raise on purpose keeps its traceback."""
    if isinstance(error, TflError):
        return {"error": type(error).__name__, "message": error.message, "hint": error.hint}
    tail = "".join(traceback.format_exception(error, limit=-6))
    print(tail, file=sys.stderr)
    return {"error": type(error).__name__, "message": str(error)[:4000], "traceback": tail}


def decode_error(function: str, answer: Mapping[str, str]) -> TflError:
    """Return the error that `encode_error` said: the same class, or a `ChildError` that tells what `function` met."""
    error_class = getattr(errors, answer["error"], None)
    if isinstance(error_class, type) and issubclass(error_class, TflError):
        return error_class(answer["message"], hint=answer.get("hint", ""))
    return ChildError(f"{function} failed: {answer['error']}: {answer['message']}\n{answer['traceback']}")


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL_LINES:]
    return "\nThe end of its log:\n" + "\n".join(lines) if lines else ""


def python_path() -> str:
    """Return what makes a child find the same tfl as its parent, also when that runs from a source checkout."""
    return os.pathsep.join(path for path in sys.path if path)


def _main(request_path: str, answer_path: str) -> None:
    load_lean()
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    module, _, name = request["function"].partition(":")
    try:
        answer = {"result": getattr(importlib.import_module(module), name)(request["arguments"])}
    except Exception as error:  # noqa: BLE001 - the boundary: the parent must learn of every failure
        answer = encode_error(error)
    temporary = Path(answer_path + ".part")
    temporary.write_text(json.dumps(answer), encoding="utf-8")
    temporary.replace(answer_path)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
