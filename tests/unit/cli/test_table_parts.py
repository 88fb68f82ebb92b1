"""Tables in narrow terminals: words stay whole, and every part names its rows."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

from hypothesis import given
from hypothesis import strategies as st

from tfl_cli._table_parts import Column, cut_into_parts, measure_column, share_width

_BENCHMARK = """
from tfl_cli._output import print_table
head = ["target", "precision", "status", "MB", "accuracy", "ms p50", "p90", "p99", "file to answer ms", "per s"]
head += ["at batch", "load ms", "first ms", "peak MB"]
rows = [["openvino", "int8", "verified", "2.72", "0.9542", "1.72", "3.95", "9.48", "4.30", "734", "1", "51.0", "286.7"]]
print_table(head, [[*rows[0], "175"]], title="Measured", keys=2)
"""


def _in_terminal(code: str, *, width: int) -> str:
    """Return what Python code writes in a terminal of this width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in {"COLUMNS", "LINES"}}
    environment |= {"NO_COLOR": "1", "TERM": "xterm"}
    process = subprocess.Popen([sys.executable, "-c", code], stdout=theirs, env=environment)
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        written += piece
    os.close(ours)
    assert process.wait() == 0
    return re.sub(r"\x1b\[[0-9;]*m", "", written.decode())


def test_a_wide_table_is_cut_between_columns_and_breaks_no_word() -> None:
    written = _in_terminal(_BENCHMARK, width=80)
    lines = written.splitlines()
    words = set(written.split())
    assert {"openvino", "precision", "verified", "accuracy", "0.9542", "734", "286.7", "175"} <= words
    assert sum("openvino" in line for line in lines) == 2
    assert all("int8" in line for line in lines if "openvino" in line)
    assert max(map(len, lines)) <= 80
    assert written.count("Measured") == 1


def test_a_wide_terminal_shows_one_table() -> None:
    written = _in_terminal(_BENCHMARK, width=160)
    assert sum("openvino" in line for line in written.splitlines()) == 1


def test_a_path_may_be_broken_but_a_column_that_may_not_fold_is_whole() -> None:
    path = "photos/train/ants/" + "x" * 60
    assert measure_column(["file", path], folds=True).least == 16
    assert measure_column(["file", path], folds=False).least == len(path)


def test_what_folds_into_most_lines_gets_most_of_the_room() -> None:
    columns = [measure_column([text], folds=True) for text in ("warning", "a/path/of/some/length.jpg", "prose " * 20)]
    widths = share_width(columns, width=80)
    assert widths[0] == len("warning")
    assert widths[2] > widths[1]


_COLUMNS = st.lists(
    st.tuples(st.integers(1, 24), st.integers(0, 60)).map(lambda two: Column(least=two[0], whole=sum(two))),
    min_size=1,
    max_size=16,
)


@given(_COLUMNS, st.integers(20, 200), st.integers(1, 3))
def test_parts_hold_every_column_once_beside_the_keys(columns: list[Column], width: int, keys: int) -> None:
    parts = cut_into_parts(columns, width=width, keys=keys)
    named = list(range(min(keys, len(columns))))
    assert all(part[: len(named)] == named for part in parts)
    assert sorted(index for part in parts for index in part[len(named) :]) == list(range(len(named), len(columns)))


@given(_COLUMNS, st.integers(20, 200))
def test_shared_widths_fit_and_waste_nothing(columns: list[Column], width: int) -> None:
    for part in cut_into_parts(columns, width=width, keys=1):
        chosen = [columns[index] for index in part]
        widths = share_width(chosen, width=width)
        drawn = sum(widths) + 3 * (len(widths) - 1) + 2
        assert all(column.least <= given <= column.whole for column, given in zip(chosen, widths, strict=True))
        assert drawn <= width or widths == [column.least for column in chosen]
        assert drawn >= width or widths == [column.whole for column in chosen]
