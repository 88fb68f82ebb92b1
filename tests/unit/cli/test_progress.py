"""What a person reads while a long step runs."""

from tfl_cli import _progress
from tfl_cli._progress import TimeLeft


def test_the_time_left_follows_from_the_time_taken(monkeypatch):
    clock = iter([100.0, 110.0, 130.0, 5000.0, 5000.0])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    left = TimeLeft()
    assert left.tell("reading", 0, 400) == "0/400"
    assert left.tell("reading", 40, 400) == "40/400, 1:30 left"
    assert left.tell("reading", 400, 400) == "400/400"
    assert left.tell("copying", 1, 9) == "1/9"
    assert left.tell("thinking", None, None) == ""


def test_hours_are_told_as_hours(monkeypatch):
    clock = iter([0.0, 100.0])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(clock))
    left = TimeLeft()
    left.tell("reading", 0, 1_000_000)
    assert left.tell("reading", 1000, 1_000_000) == "1000/1000000, 27:45:00 left"
