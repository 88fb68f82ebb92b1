"""From a cross-validated training to the leaderboard, through the command line."""

import json

import pytest

from tests.e2e.conftest import assert_user_error, call, call_json

pytest.importorskip("tensorflow")

QUICK = ["--epochs", 4, "--augment", "none", "--image-size", 32]


@pytest.mark.slow
def test_folds_are_part_of_a_training_and_of_the_leaderboard(colours, tmp_path):
    out = tmp_path / "folded"
    document = call_json("train", colours, "--folds", 3, "--repeats", 2, "--out", out, *QUICK)
    folds = document["cross_validation"]
    assert [(item["repeat"], item["fold"]) for item in folds["folds"]] == [(r, f) for r in (0, 1) for f in range(3)]
    assert document["record"]["stages"]["folds"]["status"] == "done"
    assert json.loads((out / "folds" / "cross_validation.json").read_text()) == folds
    report = (out / "report.html").read_text(encoding="utf-8")
    assert f"accuracy is {folds['mean']:.1%} on average" in report
    assert (out / "folds" / "folds.png").is_file()
    assert (out / "folds" / "confusion.png").is_file()
    plain = call_json("train", colours, "--out", tmp_path / "plain", *QUICK)
    assert "Cross-validation" not in (tmp_path / "plain" / "report.html").read_text(encoding="utf-8")
    assert plain["cross_validation"] is None
    assert "folds" not in plain["record"]["stages"]
    (group,) = call_json("runs", "leaderboard", tmp_path)["groups"]
    means = {place["run"]: place["folds_mean"] for place in group["places"]}
    assert means == {str(out): folds["mean"], str(tmp_path / "plain"): None}
    shown = call("runs", "show", out)
    assert "Cross-validation: accuracy" in shown.stdout
    assert "Nadeau and Bengio" in shown.stdout


def test_folds_that_make_no_sense_are_told(colours, tmp_path):
    out = tmp_path / "run"
    assert_user_error(call("train", colours, "--folds", 1, "--out", out), "folds", "at least 2")
    assert_user_error(call("train", colours, "--folds", 3, "--repeats", 0, "--out", out), "repeats")
    assert not out.exists()
