"""`tensorboard/`: event files that TensorBoard draws."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tfl.core.errors import JobError
from tfl.core.extras import require
from tfl.loggers._base import Logger, LogPlan, Row, metrics_of


class TensorBoard(Logger):
    """A scalar for every number of a row; steps count on over the stages."""

    modules = ("tensorflow",)

    def __init__(self, folder: Path, plan: LogPlan) -> None:
        super().__init__(folder, plan)
        self._writer: Any = None

    def write(self, rows: Sequence[Row], *, known: int) -> None:
        with self._told():
            self._write(rows, known)

    def _write(self, rows: Sequence[Row], known: int) -> None:
        tensorflow = require("tensorflow", purpose="writing event files")
        place = self.folder / "tensorboard"
        if not known:
            # TensorBoard draws what all files of a folder hold, so a row in two files would be drawn twice.
            self.close()
            for file in place.glob("events.out.tfevents.*"):
                file.unlink()
        if self._writer is None:
            self._writer = tensorflow.summary.create_file_writer(str(place))
        for step, row in enumerate(rows[known:], known + 1):
            with self._writer.as_default(step=step):
                for name, value in metrics_of(row).items():
                    tensorflow.summary.scalar(name, value)
        self._writer.flush()

    def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            with self._told():
                writer.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Tell TensorFlow's own errors, such as of a full disk, as one of a file that can't be written."""
        tensorflow = require("tensorflow", purpose="writing event files")
        try:
            yield
        except (OSError, tensorflow.errors.OpError) as error:
            raise JobError(
                f"Could not write {self.folder / 'tensorboard'}: {getattr(error, 'message', None) or error}.",
                hint="Free some disk space, or leave this logger out: --logger csv_file,json_lines.",
            ) from error


LOGGER = TensorBoard
