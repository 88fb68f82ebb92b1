"""How scenarios put on load, with callers whose answers and times are known."""

import dataclasses
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tfl.bench.scenario_records import Suite
from tfl.bench.scenario_runner import plan_suite
from tfl.bench.scenarios import SCENARIOS, Load, Setting
from tfl.bench.scenarios._base import make_batches
from tfl.bench.scenarios.server import _LOWEST, _Trial, run_arrivals, search_rate
from tfl.core.errors import ConfigError, NotFoundError
from tfl.targets import Runtime


class Doubling(Runtime):
    """A real runtime of one multiplication, which records what it was asked."""

    def __init__(self, lanes=1):
        self.asked = []
        self._count = lanes
        self._lock = threading.Lock()

    def predict(self, batch):
        with self._lock:
            self.asked.append(batch)
        return batch * 2

    def lanes(self):
        return (self.predict,) * self._count

    def close(self):
        self.asked = None


def _load(**changes):
    inputs = np.arange(10, dtype=np.float32)[:, None]
    load = Load(inputs=inputs, setting=Setting(), seconds=0.01, least_queries=40, seed=0)
    return dataclasses.replace(load, **changes)


@given(st.integers(1, 20), st.integers(1, 50))
def test_batches_are_varied_and_of_one_size(count, size):
    inputs = np.arange(count, dtype=np.float32)[:, None]
    batches = make_batches(inputs, size)
    assert len(batches) >= 2
    assert all(batch.shape == (size, 1) and batch.flags.c_contiguous for batch in batches)
    used = {float(value) for batch in batches for value in batch.ravel()}
    assert len(used) >= min(count, 2 * size) - size


def test_batches_of_enough_samples_are_not_copied_and_share_nothing():
    inputs = np.zeros((9, 2), dtype=np.float32)
    batches = make_batches(inputs, 4)
    assert all(np.shares_memory(batch, inputs) for batch in batches)
    assert not np.shares_memory(*batches)


@pytest.mark.parametrize(("name", "size"), [("single_stream", 1), ("multi_stream", 8)])
def test_a_closed_loop_times_every_query_and_goes_round_the_inputs(name, size):
    runtime = Doubling()
    outcome = SCENARIOS.get(name).run(runtime, _load())
    assert all(len(batch) == size for batch in runtime.asked)
    assert len({batch.tobytes() for batch in runtime.asked}) >= 2
    figures = outcome.figures
    assert figures.queries == len(runtime.asked) == len(outcome.raw["latencies_ms"]) >= 50
    assert len(outcome.compared_ms) == figures.queries - figures.warm_up
    assert figures.samples_per_query == size
    assert [item.percent for item in figures.percentiles] == [50, 90, 99]
    assert figures.percentiles[0].value_ms == pytest.approx(np.median(outcome.compared_ms), rel=0.2)
    assert figures.rate_per_s > 0


def test_multi_stream_takes_the_batch_of_the_sweep():
    runtime = Doubling()
    SCENARIOS.get("multi_stream").run(runtime, _load(setting=Setting(batch=3)))
    assert {len(batch) for batch in runtime.asked} == {3}


@pytest.mark.parametrize("lanes", [0, 1, 3])
def test_offline_counts_every_answer(lanes):
    runtime = Doubling(max(lanes, 1))
    outcome = SCENARIOS.get("offline").run(runtime, _load(setting=Setting(batch=4, lanes=lanes)))
    completions = outcome.raw["completions_s"]
    assert (np.diff(completions) >= 0).all()
    assert outcome.figures.queries == len(completions)
    assert outcome.figures.rate_per_s == pytest.approx(4 * len(completions) / completions[-1])
    # The warm-up is asked for, too, and not counted.
    assert len(runtime.asked) > len(completions)
    assert (outcome.compared_ms > 0).all()
    assert all(item.value_ms is None for item in outcome.figures.percentiles)


@hypothesis_settings(max_examples=20)
@given(st.integers(1, 60), st.integers(1, 4))
def test_every_arrival_is_answered_once_and_charged_from_its_schedule(count, lanes):
    runtime = Doubling(lanes)
    inputs = [np.full((1, 1), index, dtype=np.float32) for index in range(count)]
    arrivals = np.linspace(0.0, 0.002, count)
    latencies = run_arrivals(runtime.lanes(), inputs, arrivals)
    assert len(latencies) == count
    assert (latencies > 0).all()
    assert sorted(float(batch[0, 0]) for batch in runtime.asked) == list(range(count))


def test_a_slow_answer_is_charged_with_all_that_waited_behind_it():
    """One lane is held until all samples have arrived: those behind the first waited, though each took no time."""
    passed = threading.Event()
    timer = threading.Timer(0.05, passed.set)
    inputs = [np.zeros((1, 1), dtype=np.float32)]
    answered = []

    def lane(batch):
        if not answered:
            timer.start()
            passed.wait()
        answered.append(batch)
        return batch

    latencies = run_arrivals((lane,), inputs, np.array([0.0, 0.0, 0.0, 0.0]))
    assert latencies.min() >= 50.0
    assert len(answered) == 4


def test_a_lost_trial_ends_early():
    timer = threading.Event()

    def lane(batch):
        timer.wait(0.002)
        return batch

    latencies = run_arrivals((lane,), [np.zeros((1, 1))], np.zeros(2000), lost_after_ms=5.0)
    assert 1 <= len(latencies) < 2000
    assert latencies.max() > 5.0


@given(st.floats(0.06, 1.05), st.floats(10.0, 1e4))
def test_the_search_ends_just_below_the_rate_that_breaks_the_bound(share, capacity):
    breaking = share * capacity

    def attempt(rate):
        return _Trial(rate, np.array([1.0]), 1.0 if rate <= breaking else 100.0, False)

    trials, resolution = search_rate(attempt, capacity, 10.0)
    best = max(trial.rate_per_s for trial in trials if trial.p99_ms <= 10.0)
    assert best <= breaking <= best * (1 + resolution) * (1 + 1e-9)
    assert len(trials) == 7


def test_a_bound_that_no_rate_keeps_is_said():
    trials, resolution = search_rate(lambda rate: _Trial(rate, np.array([50.0]), 50.0, False), 100.0, 10.0)
    assert [trial.rate_per_s for trial in trials] == [_LOWEST * 100.0]
    assert resolution == 0.0


def test_the_server_gives_a_rate_a_curve_and_the_latencies_of_it():
    runtime = Doubling(2)
    outcome = SCENARIOS.get("server").run(runtime, _load(latency_bound_ms=1e4, setting=Setting(lanes=2)))
    figures = outcome.figures
    assert figures.latency_bound_ms == 1e4
    rates = [point.rate_per_s for point in figures.curve]
    assert rates == sorted(rates)
    assert len(rates) == 11
    assert figures.rate_per_s == max(point.rate_per_s for point in figures.curve if point.is_kept)
    assert outcome.compared_ms[0] == pytest.approx(1e3 / figures.rate_per_s)
    assert len(outcome.raw) == 11


def test_arrivals_are_the_same_for_the_same_seed_and_poisson():
    seen = []
    for seed in (3, 3, 4):
        generator = np.random.default_rng([seed, 5000])
        seen.append(np.cumsum(generator.exponential(0.2, 4000)))
    assert np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])
    counts = np.histogram(seen[0], bins=np.arange(0, 700, 7.0))[0]
    # Of a Poisson process the variance of counts is their mean.
    assert counts.var() / counts.mean() == pytest.approx(1.0, abs=0.45)


def test_a_plan_has_every_point_that_means_something(tmp_path):
    folders = [tmp_path / "onnx-int8", tmp_path / "tflite-int8"]
    suite = Suite(
        scenarios=("single_stream", "offline", "server"), sweep={"batch": (1, 8), "threads": (1, 2), "lanes": (2,)}
    )
    cells = plan_suite(suite, folders)
    by_scenario = {name: [cell for cell in cells if cell.scenario == name] for name in suite.scenarios}
    assert [len(by_scenario[name]) for name in suite.scenarios] == [2 * 2, 2 * 2 * 2, 2 * 2]
    assert {cell.setting.batch for cell in by_scenario["single_stream"]} == {0}
    assert {cell.setting.lanes for cell in by_scenario["offline"]} == {2}
    assert len({cell.name for cell in cells}) == len(cells)
    assert "onnx-int8 offline batch=8 threads=2 lanes=2" in {cell.name for cell in cells}


def test_artefacts_of_another_size_go_by_the_name_of_what_they_were_made_after(tmp_path):
    folders = [tmp_path / "onnx-int8", tmp_path / "onnx-int8-160px", tmp_path / "onnx-fp32-160px"]
    chosen = plan_suite(Suite(artifacts=("onnx-int8",)), folders)
    assert [cell.folder.name for cell in chosen] == ["onnx-int8", "onnx-int8-160px"]
    assert len(plan_suite(Suite(artifacts=("onnx-fp32-160px",)), folders)) == 1


def test_without_a_sweep_a_scenario_tries_its_own_points(tmp_path):
    cells = plan_suite(Suite(scenarios=("offline", "multi_stream")), [tmp_path / "a"])
    assert [cell.setting.batch for cell in cells] == [1, 8, 32, 8]


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"scenarios": ("offlin",)}, NotFoundError, "offline"),
        ({"sweep": {"bach": (1,)}}, ConfigError, "Did you mean 'batch'"),
        ({"sweep": {"lanes": (2,)}}, ConfigError, "means nothing to single_stream"),
        ({"sweep": {"threads": (-1,)}}, ConfigError, "4096"),
        ({"sweep": {"size": (4, 224)}}, ConfigError, "sweep.size: must be pixels in"),
        ({"rounds": 0, "seconds": 0.0}, ConfigError, "(?s)rounds.*seconds"),
        ({"artifacts": ("a-int",)}, ConfigError, "Did you mean 'a-int8'"),
        ({"latency_bound_ms": -1.0}, ConfigError, "latency_bound_ms"),
    ],
)
def test_a_suite_that_can_not_be_is_refused_with_what_can(changes, error, words, tmp_path):
    with pytest.raises(error, match=words):
        plan_suite(dataclasses.replace(Suite(), **changes), [tmp_path / "a-int8"])


def test_every_scenario_says_what_it_is():
    for name in SCENARIOS.names():
        scenario = SCENARIOS.get(name)
        assert len(scenario.summary) > 20
        assert set(scenario.defaults) <= set(scenario.knobs) <= {"batch", "lanes"}
