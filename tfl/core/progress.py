"""Progress: the library reports what it is doing, whoever called it decides how that looks."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

logger = logging.getLogger("tfl")
#: Before, an estimate of the time left would jump.
_LEAST_ELAPSED_S = 2.0


@dataclass
class Progress:
    """Receives what is happening; this base class logs it.

    Subclass and override to draw bars. Every long step calls `update` often enough that a person
    always knows what is going on.
    """

    stage_title: str = field(default="", init=False)
    _last_log_s: float = field(default=0.0, init=False)

    def stage(self, title: str, *, number: int, total: int) -> None:
        """A stage of the run begins: the `number`-th of `total`, counted from 1."""
        self.stage_title = title
        logger.info("[%d/%d] %s", number, total, title)

    def update(self, text: str, *, done: int | None = None, total: int | None = None) -> None:
        """What happens now inside the stage, with a count where one is known."""
        now = time.monotonic()
        if now - self._last_log_s >= 5.0 or (total is not None and done == total):
            self._last_log_s = now
            counted = f" ({done}/{total})" if done is not None and total is not None else ""
            logger.info("%s: %s%s", self.stage_title, text, counted)

    def result(self, text: str) -> None:
        """What a stage found, worth keeping on the screen."""
        logger.info("%s", text)


class TimeLeft:
    """How long a counted step will go on, from how long it took so far."""

    def __init__(self) -> None:
        self._text = ""
        self._start_s = 0.0
        self._first = 0

    def tell(self, text: str, done: int | None, total: int | None) -> str:
        """Return such as ` 120/400, 2:10 left`; without the time while nothing can be said yet."""
        if done is None or total is None:
            return ""
        now = time.monotonic()
        if text != self._text or done < self._first:
            self._text, self._start_s, self._first = text, now, done
        elapsed_s = now - self._start_s
        if elapsed_s < _LEAST_ELAPSED_S or done == self._first or done >= total:
            return f"{done}/{total}"
        left_s = round(elapsed_s / (done - self._first) * (total - done))
        hours, minutes = left_s // 3600, left_s // 60 % 60
        clock = f"{hours}:{minutes:02d}:{left_s % 60:02d}" if hours else f"{minutes}:{left_s % 60:02d}"
        return f"{done}/{total}, {clock} left"
