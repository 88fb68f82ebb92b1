"""How long a suite takes: told before it begins, from its own settings, and while it runs."""

import math

import numpy as np
import pytest

from tests.unit.bench.test_scenarios import Doubling
from tfl.bench.scenario_records import Suite
from tfl.bench.scenario_runner import _Watch
from tfl.bench.scenarios import SCENARIOS, Load, Scenario, Setting
from tfl.bench.scenarios.server import _TRIALS
from tfl.bench.suite_time import Left, Pace, announcement, cell_seconds
from tfl.core.progress import Progress


class Told(Progress):
    """Keeps what it is told."""

    def __init__(self):
        super().__init__()
        self.updates = []

    def update(self, text, *, done=None, total=None):
        self.updates.append((text, done, total))


def suite(**changes):
    return Suite(scenarios=("server",), **{"seconds": 2.0, "least_queries": 400, **changes})


@pytest.mark.parametrize("name", SCENARIOS.names())
def test_every_scenario_of_tfl_tells_both_ends(name):
    quick = SCENARIOS.get(name).seconds_range(suite(), Setting(batch=2, lanes=2), sample_s=1e-4)
    slow = SCENARIOS.get(name).seconds_range(suite(), Setting(batch=2, lanes=2), sample_s=1.0)
    longer = SCENARIOS.get(name).seconds_range(suite(seconds=20.0), Setting(batch=2, lanes=2), sample_s=1e-4)
    for least_s, most_s in (quick, slow, longer):
        assert 0 < least_s <= most_s < math.inf
    assert quick[0] == slow[0] < longer[0]
    assert quick[1] < slow[1]
    assert quick[1] < longer[1]


def test_a_scenario_of_someone_else_tells_what_is_known():
    class Other(Scenario):
        def run(self, runtime, load):
            raise NotImplementedError

    assert Other().seconds_range(suite(), Setting(), sample_s=1.0) == (2.0, math.inf)


@pytest.mark.parametrize("bound_ms", [1e4, 1e-6])
def test_the_server_keeps_within_what_was_told(bound_ms):
    asked = suite(seconds=0.02, least_queries=10, latency_bound_ms=bound_ms)
    said = []
    load = Load(
        inputs=np.arange(10, dtype=np.float32)[:, None],
        setting=Setting(lanes=1),
        seconds=asked.seconds,
        least_queries=asked.least_queries,
        seed=0,
        latency_bound_ms=bound_ms,
        tell=said.append,
    )
    curve = SCENARIOS.get("server").run(Doubling(1), load).figures.curve
    # The lowest rate is 5 % of what the closed loop reached.
    sample_s = 0.05 / curve[0].rate_per_s
    least_s, most_s = SCENARIOS.get("server").seconds_range(asked, load.setting, sample_s=sample_s)
    closed_s, planned_s = 0.1, sum(point.queries / point.rate_per_s for point in curve)
    assert least_s <= closed_s + planned_s <= most_s * 1.01
    # A bound that no rate keeps ends the search at its lowest.
    assert len(said) == len(curve) == (_TRIALS if bound_ms > 1 else 5)
    assert said[0] == f"rate 1 of at most {_TRIALS}"


def test_a_slow_model_makes_the_most_of_a_server_longer():
    ends = [
        cell_seconds(suite(), "server", Setting(lanes=1), pace=Pace(process_s=5.0, sample_s=sample_s))
        for sample_s in (1e-4, 0.01)
    ]
    assert ends[0] == pytest.approx((7.0, 1.0 + 5.0 + 2.0 * _TRIALS + 30e-4), abs=0.01)
    # 400 queries at 5 % of 100 per second take 80 s, and twice that where the machine has become slow.
    assert ends[1][1] > ends[0][1] + 158.0


def test_the_announcement_counts_rounds_and_the_cell_for_the_noise():
    told = announcement([(10.0, 60.0), (10.0, 60.0), (10.0, 60.0)], rounds=3)
    assert told == "2 cells and one again for the noise, 3 rounds: about 1m30s at least and at most 9m"
    assert announcement([(2.0, math.inf)] * 2, rounds=1) == "1 cell and one again for the noise: about 4s at least"


def test_what_is_left_follows_from_what_was_done():
    left = Left({"long": 30.0, "short": 10.0, "unknown": math.inf}, rounds=2)
    assert left.text == ""
    left.done("long")
    # Nothing is told from the first moments.
    assert left.text == ""
    left._begin_s -= 60.0
    assert left.text == "about 3m40s left"
    # The cell that runs has been at it for half a minute.
    left._begin_s, left._done_s = left._begin_s - 30.0, left._done_s - 30.0
    assert left.text == "about 3m10s left"
    left._begin_s, left._done_s = left._begin_s - 600.0, left._done_s - 600.0
    assert left.text == ""


def test_a_watch_tells_only_what_is_new(tmp_path):
    told, progress = tmp_path / "told.txt", Told()
    told.write_text("of the cell before")
    watch = _Watch("round 1: a server", (3, 12), Left({"a": 1.0}, rounds=1), told, progress)
    watch()
    for text in ("rate 1 of at most 11", "rate 1 of at most 11", "rate 2 of at most 11"):
        told.write_text(text)
        watch()
    assert progress.updates == [
        ("round 1: a server", 3, 12),
        ("round 1: a server, rate 1 of at most 11", 3, 12),
        ("round 1: a server, rate 2 of at most 11", 3, 12),
    ]
