"""A sign of life where there is no terminal: what a long step is at, when nothing else was written for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

_FIRST_S = 5.0
#: In the log of a job that takes hours, a line a minute is enough.
_LONGEST_S = 60.0
_LOOK_S = 0.5


class Heartbeat:
    """Calls back when nobody has written for a while: after 5 s, then twice as long each time, up to a minute.

    Args:
        tell: Given what the step is at and for how many seconds it has been; called in a thread of its own.
    """

    def __init__(self, tell: Callable[[str, float], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._text = ""
        self._since_s = self._written_s = time.monotonic()
        self._patience_s = _FIRST_S

    def at(self, text: str) -> None:
        """Say what the step is at now."""
        with self._lock:
            if text != self._text:
                self._text, self._since_s = text, time.monotonic()

    def written(self) -> None:
        """Say that somebody has written a line."""
        with self._lock:
            self._written_s, self._patience_s = time.monotonic(), _FIRST_S

    def look(self) -> None:
        """Call back if it is time to."""
        with self._lock:
            now = time.monotonic()
            if now - self._written_s < self._patience_s or not self._text:
                return
            self._written_s, self._patience_s = now, min(2 * self._patience_s, _LONGEST_S)
            text, elapsed_s = self._text, now - self._since_s
        self._tell(text, elapsed_s)

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK_S):
            self.look()
