"""What a child process says while its parent waits for it: the last line of a small file."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from tfl.core.progress import Progress

_TOLD_EVERY_S = 0.5


class Teller:
    """Writes what happens into a file that the parent looks at.

    Args:
        file: Of one line.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self, text: str) -> None:
        """Write the line in the place of the last one."""
        # Only for a person who waits.
        with contextlib.suppress(OSError):
            self._file.write_text(text, encoding="utf-8")


class Listener:
    """Passes on what a child process tells while the parent waits for it, as a context.

    Args:
        file: That the child's `Teller` writes.
        progress: Told every line once.
    """

    def __init__(self, file: Path, progress: Progress) -> None:
        self._file, self._progress = file, progress
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()

    def _listen(self) -> None:
        last = ""
        while not self._end.wait(_TOLD_EVERY_S):
            text = self._file.read_text(encoding="utf-8") if self._file.is_file() else ""
            if text and text != last:
                last = text
                self._progress.update(text)
