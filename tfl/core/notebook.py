"""Progress in a notebook: a few lines that are written over, and that stay in the saved notebook as they were last."""

from __future__ import annotations

import html
import sys
import time
from typing import Any

from tfl.core.extras import require
from tfl.core.progress import Progress, TimeLeft

#: Work that is over sooner shows nothing, unless it has something to tell.
_SILENT_S = 0.5
_INTERVAL_S = 0.2
#: Beyond, the oldest are left out.
_MOST_LINES = 40


def default_progress() -> Progress:
    """Return what shows progress where nobody said otherwise: the notebook, or the log outside of one."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # IPython in a terminal has no kernel, and can't write over what it displayed.
    return NotebookProgress(shell) if getattr(shell, "kernel", None) is not None else Progress()


class NotebookProgress(Progress):
    """Stages and what they found as lines, and below them what happens now; the end of the cell ends it.

    Args:
        shell: IPython's, of the kernel.
    """

    def __init__(self, shell: Any) -> None:
        super().__init__()
        self._shell = shell
        self._forget()

    def _forget(self) -> None:
        self._left = TimeLeft()
        self._handle: Any = None
        self._lines: list[str] = []
        self._now, self._last, self._share = "", "", 0.0
        self._start_s = self._stage_s = self._shown_s = 0.0

    def stage(self, title: str, *, number: int, total: int) -> None:
        """Begin a line of its own."""
        self._begin()
        self._end_stage()
        self.stage_title, self._stage_s = title, time.monotonic()
        self._lines.append(f"[{number}/{total}] {title}")
        self._now, self._last, self._share = "", "", 0.0
        self._show(at_once=True)

    def update(self, text: str, *, done: int | None = None, total: int | None = None) -> None:
        """Write over what was said last."""
        self._begin()
        self._now = f"{text} {self._left.tell(text, done, total)}".rstrip()
        # Without the time that was left: it is what the last line keeps.
        self._last = text if done is None or total is None else f"{text} {done}/{total}"
        self._share = done / total if done is not None and total else 0.0
        self._show()

    def result(self, text: str) -> None:
        """Keep a line below the stage."""
        self._begin()
        self._lines.append(f"    {text}")
        self._show()

    def _begin(self) -> None:
        if not self._start_s:
            self._start_s = time.monotonic()
            self._shell.events.register("post_run_cell", self._end)

    def _end_stage(self) -> None:
        # The stage's own line is the last that is not indented.
        at = next((at for at in reversed(range(len(self._lines))) if not self._lines[at].startswith(" ")), None)
        if at is not None and self._stage_s:
            self._lines[at] += f": {time.monotonic() - self._stage_s:.1f} s"
        self._stage_s = 0.0

    def _end(self, result: Any = None) -> None:
        """Say how it came out; called at the end of the cell."""
        self._shell.events.unregister("post_run_cell", self._end)
        seconds = time.monotonic() - self._start_s
        self._end_stage()
        if self._handle is not None or any(line.startswith(" ") for line in self._lines):
            is_stopped = result is not None and not result.success
            verdict = f"stopped after {seconds:.1f} s" if is_stopped else f"done in {seconds:.1f} s"
            last = f"{self._last}; " if self._last and (is_stopped or not self._lines) else ""
            self._now, self._share = f"{last}{verdict}", 0.0
            self._show(at_once=True)
        self._forget()

    def _show(self, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if not at_once and now - (self._shown_s or self._start_s) < (_INTERVAL_S if self._handle else _SILENT_S):
            return
        self._shown_s = now
        content = {"text/plain": "\n".join(self._told()), "text/html": self._page()}
        if self._handle is None:
            display = require("IPython.display", purpose="progress in a notebook").display
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)

    def _told(self) -> list[str]:
        left_out = len(self._lines) - _MOST_LINES
        lines = self._lines if left_out <= 0 else [f"... {left_out} earlier lines", *self._lines[left_out:]]
        return [*lines, self._now] if self._now else lines

    def _page(self) -> str:
        text = html.escape("\n".join(self._told()))
        bar = f"<progress value='{self._share:.3f}' max='1' aria-label='progress'></progress>" if self._share else ""
        return f"<div role='status'><pre style='white-space:pre-wrap;margin:0'>{text}</pre>{bar}</div>"
