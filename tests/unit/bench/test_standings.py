"""Artefacts against the fastest of their scenario: verdicts only beyond the noise, queries of all sizes alike."""

import dataclasses

import pytest

from tests.unit.bench.results import draw_result
from tfl.bench.scenario_tables import best_throughputs, cells_table, doubts, shown, stages_table, standings_table
from tfl.bench.standings import standings
from tfl.bench.statistics import percentile


def test_every_artefact_is_held_against_the_fastest():
    result, series = draw_result({"onnx-int8": 2.0, "onnx-fp32": 5.0, "tflite-fp32": 2.0}, rounds=5)
    found = {item.artifact: item for item in standings(result, series)}
    fastest = next(iter(found.values())).against
    other = "tflite-fp32" if fastest.startswith("onnx-int8") else "onnx-int8"
    assert set(found) == {"onnx-fp32", other}
    assert found["onnx-fp32"].ratio.verdict == "slower"
    assert found["onnx-fp32"].ratio.value == pytest.approx(2.5, rel=0.02)
    assert found[other].ratio.verdict == "no difference"


def test_one_artefact_has_nothing_to_stand_against():
    assert standings(*draw_result({"onnx-int8": 2.0})) == ()


def test_a_difference_below_the_noise_floor_is_none():
    levels = {"onnx-int8": 2.0, "onnx-fp32": 2.2}
    (close,) = standings(*draw_result(levels, rounds=5, floor=0.3))
    assert close.ratio.noise_floor == 0.3
    assert close.ratio.verdict == "no difference"
    (apart,) = standings(*draw_result(levels, rounds=5, floor=0.02))
    assert apart.ratio.verdict == "slower"


def test_queries_of_a_sweep_are_compared_by_the_picture():
    result, series = draw_result({"a-fp32": 8.0, "b-fp32": 6.0}, rounds=5)
    first, second = result.cells
    # Eight pictures in 8 ms against four in 6 ms: the longer query is the faster one.
    cells = (_with_size(first, 8), _with_size(second, 4))
    (found,) = standings(dataclasses.replace(result, cells=cells), series)
    assert found.against == first.name
    assert found.ratio.value == pytest.approx(1.5, rel=0.02)


def _with_size(cell, size):
    rounds = tuple(
        dataclasses.replace(item, figures=dataclasses.replace(item.figures, samples_per_query=size))
        for item in cell.rounds
    )
    return dataclasses.replace(cell, rounds=rounds)


def test_the_best_of_a_sweep_is_told_as_the_best_of_many():
    result, series = draw_result({"a-fp32": 8.0, "b-fp32": 6.0}, rounds=5)
    slow = dataclasses.replace(result.cells[0], name="a-fp32 single_stream threads=1", compared_ms=20.0)
    swept = dataclasses.replace(result, cells=(*result.cells, slow))
    (found,) = standings(swept, series)
    assert found.settings == 2
    assert "a-fp32 (best of 2)" in standings_table([found]).rows[0]


def test_rows_show_what_the_record_says_and_withhold_what_it_withholds():
    result, _ = draw_result({"onnx-int8": 2.0})
    table = cells_table(result)
    row = dict(zip(table.head, table.rows[0], strict=True))
    p90 = result.cells[0].percentile(90)
    assert row["p90"] == f"{p90.value_ms:.2f} [{p90.low_ms:.2f}, {p90.high_ms:.2f}]"
    assert row["accuracy"] == "0.9500"
    assert row["peak MB"] == "100"
    assert row["J per sample"] == ""
    assert shown(percentile([1.0] * 100, 99)) == "n < 368"
    assert stages_table(result).rows == ()


def test_a_rate_has_no_latency_columns_and_names_the_best_of_many():
    result, _ = draw_result({"onnx-int8": 2.0})
    empty = tuple(percentile([], percent) for percent in (50, 90, 99))
    cells = tuple(
        dataclasses.replace(
            result.cells[0], name=f"onnx-int8 offline batch={batch}", batch=batch, percentiles=empty, rate_per_s=rate
        )
        for batch, rate in ((1, 100.0), (8, 250.0))
    )
    rates = dataclasses.replace(result, cells=cells)
    assert "p90" not in cells_table(rates).head
    assert best_throughputs(rates) == [
        "Best throughput of onnx-int8: 250.0 per s (onnx-int8 offline batch=8, the best of 2 settings)"
    ]


def test_neighbours_and_quotas_are_doubts():
    result, _ = draw_result({"onnx-int8": 2.0})
    assert [line for line in doubts(result) if not line.startswith("there is no energy")] == []
    cell = result.cells[0]
    busy = dataclasses.replace(cell.rounds[0].conditions, others_share=0.4, throttled_ms=80.0)
    shifted = dataclasses.replace(cell.rounds[0].figures, is_steady=False)
    rounds = (dataclasses.replace(cell.rounds[0], conditions=busy, figures=shifted), *cell.rounds[1:])
    lines = doubts(dataclasses.replace(result, cells=(dataclasses.replace(cell, rounds=rounds),)))
    assert any("other processes took 40%" in line for line in lines)
    assert any("stopped it for 80 ms" in line for line in lines)
    assert any("changed its level" in line for line in lines)


def test_a_notebook_shows_cells_kernels_and_the_noise():
    result, _ = draw_result({"onnx-int8": 2.0, "<b>-fp32": 3.0})
    page = result._repr_html_()
    assert "onnx-int8 single_stream" in page
    assert "Noise floor 2.0%" in page
    assert "&lt;b&gt;-fp32" in page
    assert "<b>-fp32" not in page
