"""`history.jsonl`: one JSON object per epoch, rewritten whole, so that a resumed run has no gap."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tfl.core.files import write_text
from tfl.loggers._base import Logger, Row


class JsonLines(Logger):
    """The run's own history; its report draws the curves from it."""

    def write(self, rows: Sequence[Row], *, known: int) -> None:
        write_text(self.folder / "history.jsonl", "".join(json.dumps(dict(row)) + "\n" for row in rows))


LOGGER = JsonLines
