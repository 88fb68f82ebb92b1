"""Results: kept and read back, compared, merged."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.unit.bench.results import draw_result, on_machine
from tfl.bench.merging import MergedResult, merge_results
from tfl.bench.scenario_comparison import ResultComparison, compare_results
from tfl.bench.scenario_files import load_result, load_suite, make_suite, newest_result, next_folder, save_result
from tfl.bench.scenario_runner import plan_suite
from tfl.core.errors import ConfigError, IntegrityError, NotFoundError, UserError


def test_a_result_is_read_back_with_every_timing(tmp_path):
    result, series = draw_result({"onnx-int8": 4.0, "tflite-fp32": 9.0})
    path = tmp_path / "1" / "result.json"
    saved = save_result(result, series, path)
    assert saved.samples_file == "result.npz"
    again, timings = load_result(tmp_path / "1")
    assert again == saved
    assert set(timings) == set(series)
    assert all(np.array_equal(timings[name], series[name]) for name in series)
    assert load_result(path)[0] == saved


def test_a_result_without_its_timings_is_refused(tmp_path):
    path = tmp_path / "result.json"
    save_result(*draw_result({"a-fp32": 1.0}), path)
    path.with_suffix(".npz").write_bytes(b"PK broken")
    with pytest.raises(IntegrityError, match=r"result\.npz"):
        load_result(path)
    with pytest.raises(IntegrityError, match="missing"):
        load_result(tmp_path / "nothing.json")


def test_results_are_numbered(tmp_path):
    first, second = next_folder(tmp_path / "b"), next_folder(tmp_path / "b")
    assert (first.name, second.name) == ("1", "2")
    assert newest_result(tmp_path / "b") is None
    for folder in (first, second):
        save_result(*draw_result({"a-fp32": 1.0}), folder / "result.json")
    assert newest_result(tmp_path / "b") == second / "result.json"


def test_a_regression_is_what_is_slower_beyond_the_noise():
    old, new = draw_result({"a-fp32": 4.0, "b-fp32": 4.0}), draw_result({"a-fp32": 4.02, "b-fp32": 5.0}, seed=1)
    found = compare_results(*old, *new)
    verdicts = {cell.name.split()[0]: cell.ratio.verdict for cell in found.cells}
    assert verdicts == {"a-fp32": "no difference", "b-fp32": "slower"}
    assert found.is_regression
    assert not found.is_reproduced
    assert ResultComparison.from_dict(found.to_dict()) == found
    back = compare_results(*new, *old)
    assert not back.is_regression
    assert not back.is_reproduced


def test_the_same_measurement_again_is_reproduced():
    found = compare_results(*draw_result({"a-fp32": 4.0}), *draw_result({"a-fp32": 4.0}, seed=5))
    assert found.is_reproduced
    assert not found.is_regression


def test_the_larger_noise_floor_of_the_two_counts():
    old, new = draw_result({"a-fp32": 4.0}, floor=0.02), draw_result({"a-fp32": 4.6}, seed=1, floor=0.3)
    assert compare_results(*old, *new).cells[0].ratio.verdict == "no difference"


@pytest.mark.parametrize(
    ("changes", "is_regression", "is_reproduced"),
    [
        ({"metrics": {"a-fp32": 0.90}}, True, False),
        ({"metrics": {"a-fp32": 0.945}}, False, False),
        ({"metrics": {"a-fp32": 0.96}}, False, False),
        ({"digests": {"a-fp32": "f" * 64}}, False, False),
    ],
)
def test_accuracy_and_files_count_beside_the_time(changes, is_regression, is_reproduced):
    found = compare_results(*draw_result({"a-fp32": 4.0}), *draw_result({"a-fp32": 4.0}, seed=2, **changes))
    assert (found.is_regression, found.is_reproduced) == (is_regression, is_reproduced)


def test_a_cell_that_is_gone_is_a_regression():
    found = compare_results(*draw_result({"a-fp32": 4.0, "b-fp32": 1.0}), *draw_result({"a-fp32": 4.0}, seed=2))
    assert found.missing == ("b-fp32 single_stream",)
    assert found.is_regression


def test_times_of_other_machines_or_cells_do_not_compare():
    result, series = draw_result({"a-fp32": 4.0})
    with pytest.raises(UserError, match="different machines"):
        compare_results(result, series, on_machine(result, "Another"), series)
    with pytest.raises(UserError, match="no cell in common"):
        compare_results(result, series, *draw_result({"b-fp32": 4.0}))


def test_machines_stand_side_by_side():
    one, two = draw_result({"a-fp32": 4.0, "b-fp32": 2.0})[0], draw_result({"a-fp32": 8.0}, seed=1)[0]
    merged = merge_results([one, on_machine(two, "Another"), two])
    assert MergedResult.from_dict(merged.to_dict()) == merged
    first, second = merged.rows
    here = f"{one.environment.cpu} x {one.environment.cpu_count}"
    assert list(merged.machines) == [here, f"Another x {one.environment.cpu_count}", f"{here} #2"]
    assert len(first.compared_ms) == 3
    assert list(second.compared_ms) == [here]
    assert first.compared_ms[f"{here} #2"] == pytest.approx(8.0, rel=0.05)
    assert merged.notes == ()


def test_the_same_name_with_other_files_has_a_row_of_its_own():
    one = draw_result({"a-fp32": 4.0})[0]
    two = draw_result({"a-fp32": 4.0}, digests={"a-fp32": "e" * 64})[0]
    two = dataclasses.replace(two, pictures="q" * 64)
    merged = merge_results([one, two])
    assert len(merged.rows) == 2
    assert any("same name" in note for note in merged.notes)
    assert any("different samples" in note for note in merged.notes)
    with pytest.raises(UserError, match="two results"):
        merge_results([one])


def test_a_suite_is_read_from_yaml_and_flags_win(tmp_path):
    file = tmp_path / "edge.yaml"
    file.write_text("scenarios: [single-stream, offline]\nsweep: {batch: [1, 4]}\nseconds: 1.5\n")
    suite = load_suite(file, {"rounds": 2})
    assert suite.name == "edge"
    assert suite.scenarios == ("single_stream", "offline")
    assert suite.sweep == {"batch": (1, 4)}
    assert (suite.seconds, suite.rounds) == (1.5, 2)
    with pytest.raises(NotFoundError, match="none"):
        load_suite(tmp_path / "none.yaml", {})
    file.write_text("scenario: [offline]\n")
    with pytest.raises(ConfigError, match="Did you mean 'scenarios'"):
        load_suite(file, {})
    with pytest.raises(ConfigError, match="the options"):
        make_suite({"sweep": {"batch": ["x"]}}, where="the options")


SUITES = sorted((Path(__file__).parents[3] / "benchmarks" / "suites").glob("*.yaml"))


@pytest.mark.parametrize("file", SUITES, ids=lambda file: file.stem)
def test_the_suites_of_the_project_can_be_planned(file, tmp_path):
    suite = load_suite(file, {})
    assert suite.name == file.stem
    cells = plan_suite(suite, [tmp_path / "onnx-int8", tmp_path / "tflite-int8"])
    assert {cell.scenario for cell in cells} == set(suite.scenarios)
    assert suite.rounds >= 3
