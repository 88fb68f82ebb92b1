"""Progress: the library reports what it is doing, whoever called it decides how that looks."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field

logger = logging.getLogger("tfl")


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
