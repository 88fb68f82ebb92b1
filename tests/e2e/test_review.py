"""From a run over data with wrong labels to a review, to decisions, to a new version that a run takes."""

import csv
import json

import pytest

pytest.importorskip("cleanlab")
pytest.importorskip("tensorflow")

from tests.conftest import draw_classes
from tests.e2e.conftest import QUICK, assert_user_error, call, call_json
from tfl.core.run_folder import RunFolder
from tfl.data.manifest import Manifest

SWAPPED = ("red/blue-03.png", "red/blue-11.png", "blue/green-07.png")


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    """A run over drawn pictures of which three lie in a wrong folder, and its review."""
    place = tmp_path_factory.mktemp("review")
    data = draw_classes(place / "data", seed=3)
    for wrong in SWAPPED:
        name = wrong.split("/")[1]
        (data / name.split("-")[0] / name).rename(data / wrong)
    run = place / "run"
    process = call("train", data, "--out", run, *QUICK[:2])
    assert process.returncode == 0, process.stderr
    return run, call_json("data", "review", run)


@pytest.mark.slow
def test_wrong_labels_are_found_and_nothing_else(reviewed):
    run, document = reviewed
    errors = {item["path"]: item["suggested"] for item in document["items"] if item["kind"] == "label_error"}
    assert errors == {path: path.split("/")[1].split("-")[0] for path in SWAPPED}
    assert document["label_errors"] == 3
    assert document["data_fingerprint"] == Manifest.load(RunFolder(run).manifest_file).fingerprint
    page = (run / "review" / "review.html").read_text(encoding="utf-8")
    assert "3 of 72 labels (4.2%) are likely wrong." in page
    assert not (run / "review" / "work").exists()


@pytest.mark.slow
def test_decisions_become_a_version_that_diff_and_check_take(reviewed, tmp_path):
    run, _ = reviewed
    with (run / "review" / "review.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    table = tmp_path / "decided.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows({**row, "decision": "accept" if row["kind"] == "label_error" else ""} for row in rows)
    version = tmp_path / "v2.json"
    made = call_json("data", "relabel", "apply", table, "--data", run, "--out", version)
    assert set(made["relabelled"]) == set(SWAPPED)
    diff = call_json("data", "diff", run, version, code=1)
    assert {(item["kind"], item["path"]) for item in diff["changes"]} == {("relabelled", path) for path in SWAPPED}
    assert call("data", "check", version).returncode == 0
    assert json.loads(version.read_text(encoding="utf-8"))["parent"] == made["before"]
    again = call("data", "relabel", "apply", table, "--data", run, "--out", version)
    assert_user_error(again, "exists already")
    assert_user_error(call("data", "relabel", "apply", table), "lies in no run", "--data RUN")
    shown = call("runs", "show", run)
    assert f"version {made['before'][:12]}" in shown.stdout
