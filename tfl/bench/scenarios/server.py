"""Server: samples arrive at random whether or not the last is answered, as from many people at once."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tfl.bench.scenario_records import Figures, LoadPoint, Suite
from tfl.bench.scenarios._base import PERCENTS, SLOWER, Load, Outcome, Scenario, Setting, make_batches
from tfl.bench.statistics import Series, percentile
from tfl.data.contract import Inputs
from tfl.targets import Lane, Runtime

#: Of the closed-loop rate: where the search begins and ends.
_LOWEST, _HIGHEST = 0.05, 1.1
#: Leaves a rate uncertain by 1/64 of that range.
_HALVINGS = 6
#: Points of the curve beside those that the search tries.
_CURVE = (0.25, 0.5, 0.75, 0.9)
_TRIALS = 1 + _HALVINGS + len(_CURVE)
#: A default bound: so many times what a sample takes on an idle machine.
_BOUND_TIMES = 5.0
#: A trial in which a sample waits so many bounds is lost, and going on would only make the queue longer.
_LOST_TIMES = 20.0
_WARM_UP_QUERIES = 30


@dataclass(frozen=True)
class _Trial:
    """One rate: latencies from the scheduled arrival, and how late the work began beyond what the queue explains."""

    rate_per_s: float
    latencies_ms: Series
    p99_ms: float
    is_lost: bool


class Server(Scenario):
    """An open loop with Poisson arrivals; the figure is the highest rate whose p99 keeps the bound.

    The latency of a sample begins at the time it was scheduled to arrive, not when a lane took it up, so a slow
    answer is charged with all that waited behind it (no "coordinated omission").
    """

    summary = "Poisson arrivals: the highest rate that keeps a p99 bound, and the whole curve"
    knobs = ("lanes",)
    mode = "throughput"
    defaults: ClassVar = {
        "lanes": (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,)
    }

    def run(self, runtime: Runtime, load: Load) -> Outcome:
        """See `Scenario.run`."""
        lanes, inputs = runtime.lanes(), make_batches(load.inputs, 1)
        unloaded_ms = _warm_up(lanes, inputs)
        bound_ms = load.latency_bound_ms or _BOUND_TIMES * unloaded_ms
        capacity_per_s = _closed_loop_rate(lanes, inputs, seconds=max(load.seconds / 2, 0.1))

        begun = itertools.count(1)

        def attempt(rate_per_s: float) -> _Trial:
            load.tell(f"rate {next(begun)} of at most {_TRIALS}")
            count = max(load.least_queries, round(rate_per_s * load.seconds))
            generator = np.random.default_rng([load.seed, round(rate_per_s * 1000)])
            arrivals_s = np.cumsum(generator.exponential(1.0 / rate_per_s, count))
            latencies_ms = run_arrivals(lanes, inputs, arrivals_s, lost_after_ms=_LOST_TIMES * bound_ms)
            p99_ms = float(np.sort(latencies_ms)[max(0, int(np.ceil(0.99 * len(latencies_ms))) - 1)])
            return _Trial(rate_per_s, latencies_ms, p99_ms, len(latencies_ms) < count)

        trials, resolution = search_rate(attempt, capacity_per_s, bound_ms)
        trials += [attempt(share * capacity_per_s) for share in _CURVE]
        trials.sort(key=lambda trial: trial.rate_per_s)
        kept = [trial for trial in trials if _keeps(trial, bound_ms)]
        return _outcome(trials, kept[-1] if kept else None, bound_ms, resolution, capacity_per_s, load)

    def seconds_range(self, suite: Suite, setting: Setting, *, sample_s: float) -> tuple[float, float]:
        """See `Scenario.seconds_range`.

        At least the machine keeps up with half of its rate, and every trial above is lost at once; a bound that is
        given may be below what one sample takes. At most the search ends at its lowest rate, on one slow lane.
        """
        closed_s = max(suite.seconds / 2, 0.1)
        sure = 0 if suite.latency_bound_ms else 1 + sum(share <= 0.5 for share in _CURVE)
        middles = (_LOWEST + (_HIGHEST - _LOWEST) / 2**step for step in range(1, _HALVINGS + 1))
        shares = (_LOWEST, *middles, *_CURVE)
        arrivals_s = sum(max(suite.seconds, SLOWER * suite.least_queries * sample_s / share) for share in shares)
        warm_up_s = _WARM_UP_QUERIES * max(setting.lanes, 1) * sample_s
        return closed_s + sure * suite.seconds, warm_up_s + closed_s + arrivals_s


def _outcome(
    trials: list[_Trial], best: _Trial | None, bound_ms: float, resolution: float, capacity_per_s: float, load: Load
) -> Outcome:
    source = "given" if load.latency_bound_ms else f"{_BOUND_TIMES:g} times the unloaded median"
    note = f"p99 bound {bound_ms:.2f} ms ({source}); closed loop {capacity_per_s:.1f} per s"
    if best is None:
        note += f"; even {_LOWEST:.0%} of that rate misses the bound"
    latencies_ms = best.latencies_ms if best else trials[0].latencies_ms
    figures = Figures(
        queries=len(latencies_ms),
        samples_per_query=1,
        warm_up=0,
        is_steady=True,
        percentiles=tuple(percentile(latencies_ms, percent) for percent in PERCENTS),
        rate_per_s=best.rate_per_s if best else 0.0,
        resolution=resolution,
        latency_bound_ms=bound_ms,
        curve=tuple(
            LoadPoint(
                rate_per_s=trial.rate_per_s,
                queries=len(trial.latencies_ms),
                is_kept=_keeps(trial, bound_ms),
                is_lost=trial.is_lost,
                p50_ms=float(np.median(trial.latencies_ms)),
                p99_ms=trial.p99_ms,
            )
            for trial in trials
        ),
        note=note,
    )
    raw = {f"latencies_ms_at_{trial.rate_per_s:.3f}_per_s": trial.latencies_ms for trial in trials}
    # Without any rate, the least that was tried stands for it, so that a comparison sees the worst.
    rate = best.rate_per_s if best else trials[0].rate_per_s / 2
    return Outcome(figures, np.array([1e3 / rate]), raw)


def search_rate(
    attempt: Callable[[float], _Trial], capacity_per_s: float, bound_ms: float
) -> tuple[list[_Trial], float]:
    """Bisect for the highest rate whose p99 keeps the bound; return all trials and how far apart the last two are.

    Args:
        attempt: Called with a rate, returns its trial.
        capacity_per_s: What a closed loop reached; the search goes a little beyond.
        bound_ms: Of the p99.
    """
    low, high = _LOWEST * capacity_per_s, _HIGHEST * capacity_per_s
    trials: list[_Trial] = [attempt(low)]
    if not _keeps(trials[0], bound_ms):
        return trials, 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        trials.append(attempt(middle))
        if _keeps(trials[-1], bound_ms):
            low = middle
        else:
            high = middle
    return trials, high / low - 1.0


def _keeps(trial: _Trial, bound_ms: float) -> bool:
    return not trial.is_lost and trial.p99_ms <= bound_ms


def _warm_up(lanes: tuple[Lane, ...], inputs: list[Inputs]) -> float:
    """Warm every lane up and return the median latency of one lane alone, in milliseconds."""
    timings: list[float] = []
    for lane in lanes:
        timings = []
        for index in range(_WARM_UP_QUERIES):
            start = time.perf_counter()
            lane(inputs[index % len(inputs)])
            timings.append((time.perf_counter() - start) * 1e3)
    return float(np.median(timings[_WARM_UP_QUERIES // 3 :]))


def _closed_loop_rate(lanes: tuple[Lane, ...], inputs: list[Inputs], *, seconds: float) -> float:
    """Return answers per second with every lane always busy."""
    begin = time.perf_counter()

    def work(index: int) -> int:
        done = 0
        while time.perf_counter() - begin < seconds:
            lanes[index](inputs[(index + done * len(lanes)) % len(inputs)])
            done += 1
        return done

    with ThreadPoolExecutor(len(lanes)) as pool:
        total = sum(pool.map(work, range(len(lanes))))
    return max(total, 1) / (time.perf_counter() - begin)


def run_arrivals(
    lanes: tuple[Lane, ...], inputs: list[Inputs], arrivals_s: Series, *, lost_after_ms: float = float("inf")
) -> Series:
    """Answer samples that arrive at given times, first come first served, and return latencies in order of arrival.

    Each lane has a thread that takes the next sample, waits for its time if that has not come, and answers it; so the
    lanes are the servers of a queue that no generator has to feed.

    Args:
        lanes: Callers beside each other.
        inputs: Gone round.
        arrivals_s: Rising, from the begin.
        lost_after_ms: Once a sample has taken longer, no more are taken up, and what is returned is shorter.

    Returns:
        Milliseconds from each scheduled arrival to its answer, as far as samples were taken up.
    """
    latencies_ms = np.full(len(arrivals_s), np.nan)
    turn = threading.Lock()
    lost = threading.Event()
    taken = iter(range(len(arrivals_s)))
    clock = time.perf_counter
    # Threads take a moment to start, which is no latency of the engine.
    begin = clock() + 0.02

    def serve(lane: Lane) -> None:
        while not lost.is_set():
            with turn:
                index = next(taken, None)
            if index is None:
                return
            scheduled = begin + arrivals_s[index]
            wait = scheduled - clock()
            if wait > 0:
                time.sleep(wait)
            lane(inputs[index % len(inputs)])
            latencies_ms[index] = (clock() - scheduled) * 1e3
            if latencies_ms[index] > lost_after_ms:
                lost.set()

    with ThreadPoolExecutor(len(lanes)) as pool:
        for future in [pool.submit(serve, lane) for lane in lanes]:
            future.result()
    answered: Series = latencies_ms[~np.isnan(latencies_ms)]
    return answered


SCENARIO = Server()
