"""Runs side by side: what is common is left out, what differs is named."""

import dataclasses
import json

import pytest

import tfl
from tfl.core.config import RunConfig, TrainConfig
from tfl.core.errors import NotFoundError
from tfl.core.run_folder import RunFolder, RunRecord, StageRecord
from tfl.data.manifest import Example, Manifest
from tfl.run_record import open_record

EXAMPLES = tuple(
    Example(path=f"{label}/{index}.png", label=label, split=split, sha256=f"{label}{index}" * 10)
    for label in ("cat", "dog")
    for index, split in enumerate(("train", "train", "validation", "test"))
)
MANIFEST = Manifest(root="/photos", reader="image_folder", labels=("cat", "dog"), examples=EXAMPLES, split_names={})


def write_run(path, config, manifest, *, accuracy, stages, **changes):
    path.mkdir()
    folder = RunFolder(path)
    record = open_record(dataclasses.replace(config, out=str(path)), folder, command="tfl train")
    environment = dataclasses.replace(record.environment, **changes)
    dataclasses.replace(record, stages=stages, environment=environment).save(folder.record_file)
    if manifest is not None:
        manifest.save(folder.manifest_file)
    folder.evaluation_dir.mkdir()
    scores = {"schema": 1, "split": "test", "accuracy": accuracy, "sample_count": 2}
    (folder.evaluation_dir / "test.json").write_text(json.dumps(scores))
    return path


@pytest.fixture
def two(tmp_path):
    first = write_run(
        tmp_path / "first",
        RunConfig(),
        MANIFEST,
        accuracy=0.5,
        stages={
            "check": StageRecord(
                status="done", seconds=1.0, cpu_seconds=2.0, peak_rss_bytes=3_000_000, energy_joules=10.0
            ),
            "train": StageRecord(
                status="done", seconds=4.0, cpu_seconds=6.5, peak_rss_bytes=9_000_000, energy_joules=20.5
            ),
        },
    )
    relabelled = dataclasses.replace(EXAMPLES[0], label="dog")
    second = write_run(
        tmp_path / "second",
        RunConfig(seed=3, train=TrainConfig(epochs=5)),
        dataclasses.replace(MANIFEST, examples=(relabelled, *EXAMPLES[1:-1])),
        accuracy=0.75,
        stages={"train": StageRecord(status="done", seconds=2.0)},
        cpu="another",
        variables={"OMP_NUM_THREADS": "1"},
    )
    return first, second


def test_differences_results_and_costs_stand_side_by_side(two):
    first, second = tfl.compare(*two).runs
    assert first.settings == {"seed": 0, "train.epochs": 40}
    assert second.settings == {"seed": 3, "train.epochs": 5}
    assert (first.data["examples"], second.data["examples"]) == (8, 7)
    assert "source" not in first.data
    assert second.data["changed from the first"] == "1 removed, 1 relabelled"
    assert second.made_with["cpu"] == "another"
    assert second.made_with["variables.OMP_NUM_THREADS"] == "1"
    assert not [name for name in first.made_with if name.startswith(("packages.", "versions."))]
    assert (first.results, second.results) == (
        {"accuracy": 0.5, "sample_count": 2.0},
        {"accuracy": 0.75, "sample_count": 2.0},
    )
    assert first.costs == {"seconds": 5.0, "cpu_seconds": 8.5, "peak_rss_bytes": 9_000_000, "energy_joules": 30.5}
    assert second.costs == {"seconds": 2.0, "cpu_seconds": None, "peak_rss_bytes": None, "energy_joules": None}
    assert not tfl.compare(*two).is_same_data


def test_a_run_differs_from_itself_in_nothing(two):
    comparison = tfl.compare(two[0], two[0])
    assert comparison.is_same_data
    assert {section for section, _, _ in comparison.rows()} == {"results", "costs"}


def test_a_notebook_shows_a_table_without_markup_of_the_data(two, tmp_path):
    third = write_run(
        tmp_path / "<b>third", RunConfig(), MANIFEST, accuracy=0.5, stages={}, cpu="<script>alert(1)</script>"
    )
    page = tfl.compare(two[1], third)._repr_html_()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "different data or splits" in page


def test_runs_of_older_versions_and_without_data_are_compared_too(two, tmp_path):
    third = write_run(tmp_path / "third", RunConfig(), None, accuracy=0.5, stages={})
    record = json.loads((third / "run.json").read_text())
    for name in ("code", "settings", "packages"):
        del record[name]
    (third / "run.json").write_text(json.dumps(record))
    assert RunRecord.load(third / "run.json").packages == {}
    first, old = tfl.compare(two[0], third).runs
    assert old.data_fingerprint == ""
    assert old.data["examples"] is None
    assert first.data["examples"] == 8
    # What an older record does not know is not told as a difference.
    assert not [name for name in first.made_with if name.startswith("packages.")]


def test_what_is_no_run_is_said_so(two):
    with pytest.raises(NotFoundError, match="Did you mean 'first'"):
        tfl.compare(two[0], two[0].with_name("frist"))
