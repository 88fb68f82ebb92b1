"""Which artefact is recommended, and what is said when none fits."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.bench.results import draw_result
from tfl.bench.cells import ExportSummary
from tfl.bench.choice import Bounds, Choice, Option, choose, options_of_scenarios
from tfl.bench.choice_files import choice_of_run
from tfl.bench.records import Cell, Failure
from tfl.bench.scenario_files import RESULT_FILE, save_result
from tfl.core.errors import ConfigError, UserError
from tfl.core.run_folder import RunFolder


def _option(name, latency_ms, metric, size_mb=5.0, memory_mb=100.0):
    return Option(
        name=name,
        artifact=name,
        latency_ms=latency_ms,
        metric=metric,
        size_bytes=round(size_mb * 1e6),
        peak_rss_bytes=round(memory_mb * 1e6),
    )


OPTIONS = (
    _option("fast", 2.0, 0.90, size_mb=3.0),
    _option("good", 6.0, 0.95, size_mb=9.0),
    _option("nearly", 4.0, 0.945, size_mb=9.0),
    _option("worse", 7.0, 0.94, size_mb=10.0, memory_mb=120.0),
)


def pick(bounds, options=OPTIONS):
    return choose(options, bounds, source="a test", metric_name="accuracy")


@pytest.mark.parametrize(
    ("bounds", "picked"),
    [
        (Bounds(), "nearly"),
        (Bounds(min_metric=0.946), "good"),
        (Bounds(max_latency_ms=3.0), "fast"),
        (Bounds(max_size_bytes=5_000_000), "fast"),
        (Bounds(max_latency_ms=6.5, min_metric=0.93), "nearly"),
    ],
)
def test_the_fastest_of_those_that_score_alike_within_the_bounds(bounds, picked):
    found = pick(bounds)
    assert found.picked == picked
    assert picked in found.reason
    assert Choice.from_dict(found.to_dict()) == found


def test_what_another_beats_in_everything_is_not_on_the_front():
    assert {option.name for option in pick(Bounds()).options if not option.is_on_front} == {"worse"}


def test_when_none_fits_the_closest_and_the_bound_broken_least_are_said():
    found = pick(Bounds(max_latency_ms=3.0, min_metric=0.93, max_size_bytes=10_000_000))
    assert found.picked == ""
    assert found.closest == "fast"
    assert "accuracy 0.9000" in found.reason
    assert "bound is accuracy 0.9300 (3% beyond)" in found.reason
    assert "would fit" in found.reason
    broken = {option.name: [item.figure for item in option.broken] for option in found.options}
    assert broken == {"fast": ["metric"], "nearly": ["latency_ms"], "good": ["latency_ms"], "worse": ["latency_ms"]}


@given(
    st.lists(
        st.tuples(st.floats(0.1, 100), st.floats(0.1, 1), st.floats(0.1, 100), st.floats(1, 500)),
        min_size=1,
        max_size=12,
    ),
    st.tuples(*(st.none() | st.floats(0.1, 100) for _ in range(2)), st.none() | st.floats(0.1, 1)),
)
def test_what_is_picked_keeps_every_bound_and_what_is_not_picked_has_a_reason(figures, limits):
    options = [_option(f"o{index}", *item) for index, item in enumerate(figures)]
    latency, size, metric = limits
    bounds = Bounds(
        max_latency_ms=latency, max_size_bytes=None if size is None else round(size * 1e6), min_metric=metric
    )
    found = pick(bounds, options)
    assert any(option.is_on_front for option in found.options)
    by_name = {option.name: option for option in found.options}
    if found.picked:
        picked = by_name[found.picked]
        assert not picked.broken
        assert picked.metric >= max(item.metric for item in found.options if not item.broken) - 0.0101
    else:
        assert all(option.broken for option in found.options)
        assert by_name[found.closest].worst == min(option.worst for option in found.options)
    # An option on the front is beaten in all figures by none.
    for option in found.options:
        if option.is_on_front:
            assert not any(
                other.latency_ms < option.latency_ms
                and other.metric > option.metric
                and other.size_bytes < option.size_bytes
                and other.peak_rss_bytes < option.peak_rss_bytes
                for other in found.options
            )


def test_options_come_from_a_result_and_withheld_percentiles_are_left_out():
    result, _ = draw_result({"a-int8": 3.0, "b-fp32": 9.0}, rounds=1, metrics={"a-int8": 0.9})
    options, left_out = options_of_scenarios(result, 99.0)
    assert [option.artifact for option in options] == ["a-int8", "b-fp32"]
    assert options[0].metric == 0.9
    assert options[1].latency_ms > 9.0
    assert left_out == {}


def test_without_options_it_is_said_how_to_measure():
    with pytest.raises(UserError, match="single-stream"):
        pick(Bounds(), ())


def test_bounds_that_can_not_be_are_refused_together():
    with pytest.raises(ConfigError, match=r"(?s)max_latency_ms.*percent"):
        Bounds(max_latency_ms=-1.0, percent=75.0)


def test_what_failed_its_verification_is_no_option_though_it_was_measured(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.benchmarks_dir.mkdir(parents=True)
    result, series = draw_result({"onnx-int8": 3.0, "onnx-fp32": 9.0}, rounds=1)
    save_result(result, series, run.benchmarks_dir / "1" / RESULT_FILE)
    failure = Failure(stage="verify", error="VerificationError", message="too far")
    bad = Cell(target="onnx", precision="int8", status="failed", failure=failure)
    good = Cell(target="onnx", precision="fp32", status="ok")
    for cells, picked in (((bad, good), "onnx-fp32"), ((good,), "onnx-int8")):
        ExportSummary(cells=cells).save(run.exports_file)
        found = choice_of_run(run, Bounds())
        assert found.picked.startswith(picked)
        assert all("failed its verification" in why for why in found.left_out.values())
        assert len(found.options) + len(found.left_out) == 2
    ExportSummary(cells=(bad, dataclasses.replace(bad, precision="fp32"))).save(run.exports_file)
    with pytest.raises(UserError, match=r"onnx-int8.*failed its verification"):
        choice_of_run(run, Bounds())
