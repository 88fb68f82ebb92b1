"""The leaderboard, over run folders made of records."""

import json

import pytest
from click.testing import CliRunner

import tfl
from tests.unit.report.conftest import ENVIRONMENT, measurement
from tfl.bench.cells import ExportSummary
from tfl.bench.records import Benchmark, Cell
from tfl.core.config import resolve_config, save_yaml
from tfl.core.errors import ConfigError, NotFoundError
from tfl.core.run_folder import RunFolder, RunRecord, StageRecord
from tfl.data.manifest import Example, Manifest
from tfl.tasks import TASKS, wilson_interval
from tfl_cli.runs import command


def manifest_of(*, test=100, validation="a", root="/data/photos"):
    names = [f"p{index:03d}.png" for index in range(test + 4)]
    sides = ["test"] * test + (["validation", "train"] if validation == "a" else ["train", "validation"]) * 2
    examples = tuple(
        Example(path=name, label="ab"[index % 2], split=side, sha256=f"{index:064d}")
        for index, (name, side) in enumerate(zip(names, sides, strict=True))
    )
    return Manifest(root=root, reader="image_folder", labels=("a", "b"), examples=examples, split_names={})


def make_run(root, name, manifest, *, right=None, seconds=10.0, backbone="embedded:sketchnet"):
    """Write the records of a run whose model answers the first `right` test samples rightly."""
    folder = RunFolder(root / name)
    save_yaml(resolve_config({}, {"data.path": manifest.root, "model.backbone": backbone}), folder.config_file)
    manifest.save(folder.manifest_file)
    RunRecord(
        name=name,
        created="2026-01-01T00:00:00+00:00",
        command="tfl run",
        tfl_version="0",
        status="done",
        stages={"train": StageRecord(status="done", seconds=seconds)},
        environment=ENVIRONMENT,
    ).save(folder.record_file)
    if right is not None:
        import numpy as np

        tested = manifest.of_split("test")
        truth = manifest.label_indices(tested)
        answers = [value if index < right else 1 - value for index, value in enumerate(truth)]
        outputs = np.eye(2, dtype=np.float32)[answers] * 0.8 + 0.1
        paths = [item.path for item in tested]
        TASKS.get("image_classification").score(
            truth, outputs, labels=("a", "b"), paths=paths, split="test", model="bundle"
        ).save(folder.evaluation_dir / "test.json")
    return folder


@pytest.fixture
def root(tmp_path):
    pytest.importorskip("sklearn")
    make_run(tmp_path, "good", manifest_of(), right=95, seconds=30.0)
    make_run(tmp_path, "level", manifest_of(validation="b"), right=92, seconds=5.0)
    make_run(tmp_path, "bad", manifest_of(), right=60)
    make_run(tmp_path, "other", manifest_of(test=50), right=50)
    make_run(tmp_path, "begun", manifest_of())
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{", encoding="utf-8")
    (tmp_path / "no-run").mkdir()
    return tmp_path


def names(group):
    return [place.run.rpartition("/")[2] for place in group.places]


def test_only_runs_of_the_same_test_split_stand_together(root):
    board = tfl.leaderboard(root)
    assert [names(group) for group in board.groups] == [["good", "level", "bad", "begun"], ["other"]]
    assert [group.test_examples for group in board.groups] == [100, 50]
    assert board.groups[0].test_split != board.groups[1].test_split
    best, level, bad, begun = board.groups[0].places
    assert (best.metric, best.metric_low, best.metric_high) == (0.95, *wilson_interval(95, 100))
    assert [place.is_level for place in (best, level, bad, begun)] == [False, True, False, False]
    assert (begun.metric, begun.metric_low, begun.latency_ms, begun.size_bytes) == (None,) * 4
    assert list(board.left_out) == [str(root / "broken")]
    assert "not readable JSON" in board.left_out[str(root / "broken")]


def test_orders_put_what_has_no_figure_last(root):
    measured = Benchmark(
        environment=ENVIRONMENT,
        measurements=(
            measurement("tflite-fp32", latency_ms=4.0, metric=0.6, size_bytes=900),
            measurement("openvino-int8", latency_ms=1.5, metric=0.58, size_bytes=300),
        ),
        failures={},
        noise_floor=None,
    )
    measured.save(RunFolder(root / "bad").benchmark_file)
    cells = (
        Cell(target="onnx", precision="fp32", status="ok", size_bytes=200),
        Cell(target="onnx", precision="int8", status="failed", size_bytes=100),
    )
    ExportSummary(cells=cells).save(RunFolder(root / "level").exports_file)
    assert names(tfl.leaderboard(root, sort="latency").groups[0])[0] == "bad"
    by_size = tfl.leaderboard(root, sort="size").groups[0]
    assert names(by_size)[:2] == ["level", "bad"]
    smallest, fastest = by_size.places[:2]
    assert (smallest.artifact, smallest.size_bytes, smallest.latency_ms) == ("onnx-fp32", 200, None)
    assert (fastest.artifact, fastest.latency_ms, fastest.artifact_metric) == ("openvino-int8", 1.5, 0.58)
    assert names(tfl.leaderboard(root, sort="seconds").groups[0])[0] == "level"


def test_a_fingerprint_chooses_the_group(root):
    wanted = manifest_of(test=50).fingerprint
    assert [names(group) for group in tfl.leaderboard(root, data=wanted[:8]).groups] == [["other"]]
    with pytest.raises(NotFoundError, match="'zzz'") as raised:
        tfl.leaderboard(root, data="zzz")
    assert wanted[:12] in raised.value.hint
    with pytest.raises(NotFoundError, match="no folder"):
        tfl.leaderboard(root / "nowhere")
    with pytest.raises(ConfigError, match="metric, seconds, latency, size"):
        tfl.leaderboard(root, sort="luck")


def test_the_command_says_what_does_not_compare(root):
    result = CliRunner().invoke(command, ["leaderboard", str(root)])
    assert result.exit_code == 0
    assert "0.9500" in result.output
    assert "0.9200 =" in result.output
    assert "figures of two tables do not compare" in result.output
    assert "Left out:" in result.output
    document = json.loads(CliRunner().invoke(command, ["leaderboard", str(root), "--json"]).output)
    assert document == tfl.leaderboard(root).to_dict()
    page = tfl.leaderboard(root)._repr_html_()
    assert page.count("<table") == 2


def test_a_folder_without_runs_says_so(tmp_path):
    result = CliRunner().invoke(command, ["leaderboard", str(tmp_path)])
    assert (result.exit_code, "There are no runs" in result.output) == (0, True)
