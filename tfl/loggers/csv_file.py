"""`history.csv`: a table for spreadsheets, rewritten whole, so that a resumed run has no gap."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from tfl.core.files import write_text
from tfl.loggers._base import Logger, Row


class CsvFile(Logger):
    """A column for every key that any row has, in the order of their first appearance."""

    def write(self, rows: Sequence[Row], *, known: int) -> None:
        columns = dict.fromkeys(key for row in rows for key in row)
        table = io.StringIO()
        writer = csv.DictWriter(table, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
        write_text(self.folder / "history.csv", table.getvalue())


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (dict, list, tuple)) else value


LOGGER = CsvFile
