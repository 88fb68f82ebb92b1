"""Progress on standard error: one living line in a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import threading
import time
from types import TracebackType
from typing import Any

from tfl.core.progress import Progress, TimeLeft
from tfl_cli._heartbeat import Heartbeat

_PLAIN_INTERVAL_S = 5.0


#: Set by the signal handler. A library's C code can swallow the exception that a handler raises while a callback
#: runs; the display, which every long step reports to, then raises it again.
interrupted = threading.Event()


def raise_if_interrupted() -> None:
    """Raise the interrupt that was asked for and that nobody has acted on yet.

    Raises:
        KeyboardInterrupt: The process was told to stop.
    """
    if interrupted.is_set() and threading.current_thread() is threading.main_thread():
        interrupted.clear()
        raise KeyboardInterrupt


class PlainProgress(Progress):
    """Lines without control characters, at most one every few seconds within a stage."""

    def __init__(self) -> None:
        super().__init__()
        self._left = TimeLeft()
        # A descriptor of its own: what happens to standard error while libraries load must not stop the display.
        self._stream = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8", errors="replace")
        self._heartbeat = Heartbeat(self._tell_still)

    def stage(self, title: str, *, number: int, total: int) -> None:
        raise_if_interrupted()
        self.stage_title = title
        self._heartbeat.at(title)
        self._write(f"[{number}/{total}] {title}")

    def update(self, text: str, *, done: int | None = None, total: int | None = None) -> None:
        raise_if_interrupted()
        counted = self._left.tell(text, done, total)
        self._heartbeat.at(text)
        now = time.monotonic()
        if now - self._last_log_s < _PLAIN_INTERVAL_S:
            return
        self._last_log_s = now
        self._write(f"      {text} {counted}".rstrip())

    def result(self, text: str) -> None:
        self._write(f"      {text}")

    def _write(self, text: str) -> None:
        self._heartbeat.written()
        print(text, file=self._stream, flush=True)

    def _tell_still(self, text: str, elapsed_s: float) -> None:
        print(f"      still at: {text} ({elapsed_s:.0f} s)", file=self._stream, flush=True)

    def __enter__(self) -> PlainProgress:
        self._heartbeat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._heartbeat.stop()


class RichProgress(PlainProgress):
    """A spinner, the stage, what happens, a bar and the time, always moving."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("[bold]{task.fields[stage]}[/bold]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counted]}"),
            TimeElapsedColumn(),
            console=Console(file=self._stream),
            transient=True,
        )
        self._task: Any = None

    def stage(self, title: str, *, number: int, total: int) -> None:
        raise_if_interrupted()
        self.stage_title = f"[{number}/{total}] {title}"
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._bars.console.print(f"[bold]\\[{number}/{total}] {title}[/bold]", highlight=False)
        self._task = self._bars.add_task("", total=None, stage=f"{number}/{total}", counted="")

    def update(self, text: str, *, done: int | None = None, total: int | None = None) -> None:
        raise_if_interrupted()
        if self._task is None:
            self._task = self._bars.add_task("", total=None, stage="", counted="")
        counted = self._left.tell(text, done, total)
        self._bars.update(self._task, description=_escape(text), completed=done, total=total, counted=counted)

    def result(self, text: str) -> None:
        self._bars.console.print(f"      {_escape(text)}", highlight=False)

    def __enter__(self) -> RichProgress:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def make_progress() -> PlainProgress:
    """Choose by whether standard error is a terminal."""
    return RichProgress() if sys.stderr.isatty() else PlainProgress()
