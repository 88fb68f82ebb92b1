"""Interrupts that wait for the end of a step, so that what is saved is what a step left."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Deferred:
    """Hold back SIGINT and SIGTERM; a second one of them is not held back.

    Attributes:
        wanted: Whether one has come.
    """

    def __init__(self) -> None:
        self.wanted = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Deferred:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                # A handler that was not set from Python can't be put back, and is left alone.
                if signal.getsignal(number) is not None:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()
        if self.wanted and error is None:
            raise KeyboardInterrupt

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            self._restore()
            raise KeyboardInterrupt
        self.wanted = True
