"""A sign of life in logs of jobs."""

from __future__ import annotations

import threading

import pytest

from tfl_cli import _heartbeat
from tfl_cli._heartbeat import Heartbeat


class _Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Clock:
    made = _Clock()
    monkeypatch.setattr(_heartbeat, "time", made)
    return made


def test_silence_is_broken_ever_more_rarely(clock: _Clock) -> None:
    told: list[tuple[str, float]] = []
    heart = Heartbeat(lambda text, elapsed_s: told.append((text, elapsed_s)))
    heart.at("exporting")
    for _ in range(4 * 60):
        clock.now_s += 1
        heart.look()
    assert told == [("exporting", 5.0), ("exporting", 15.0), ("exporting", 35.0)] + [
        ("exporting", seconds) for seconds in (75.0, 135.0, 195.0)
    ]


def test_a_line_of_somebody_else_begins_the_wait_anew(clock: _Clock) -> None:
    told: list[tuple[str, float]] = []
    heart = Heartbeat(lambda text, elapsed_s: told.append((text, elapsed_s)))
    heart.at("training")
    clock.now_s += 4
    heart.written()
    clock.now_s += 4
    heart.look()
    assert told == []
    heart.at("evaluating")
    clock.now_s += 2
    heart.look()
    assert told == [("evaluating", 2.0)]


def test_before_anything_was_said_there_is_nothing_to_tell(clock: _Clock) -> None:
    heart = Heartbeat(lambda text, elapsed_s: pytest.fail(text))
    clock.now_s += 100
    heart.look()


def test_it_looks_by_itself_and_ends(clock: _Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_heartbeat, "_LOOK_S", 0.001)
    called = threading.Event()
    heart = Heartbeat(lambda text, elapsed_s: called.set())
    heart.at("verifying")
    clock.now_s += 6
    heart.start()
    assert called.wait(60)
    heart.stop()
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}
