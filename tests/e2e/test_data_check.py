"""`tfl data check` from a terminal: exit statuses, one JSON document, the page and the mended copy."""

import json

import pytest

pytest.importorskip("imagehash")
pytest.importorskip("cleanvision")

from tests.e2e.conftest import assert_user_error, call, call_json
from tests.faults import folders


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    data = folders(tmp_path_factory.mktemp("faulty") / "data", per_class=10)
    (data / "dog" / "new.jpg").write_bytes((data / "cat" / "0003.jpg").read_bytes())
    (data / "owl" / "empty.jpg").write_bytes(b"")
    return data


def test_errors_give_status_1_and_allowed_ones_0(faulty):
    document = call_json("data", "check", faulty, code=1)
    assert {item["rule"] for item in document["findings"]} == {"label_conflict", "unreadable"}
    assert call("data", "check", faulty, "--allow", "unreadable").returncode == 1
    both = call("data", "check", faulty, "--allow", "unreadable", "--allow", "label_conflict")
    assert both.returncode == 0
    assert_user_error(call("data", "check", faulty, "--allow", "unreadabel"), "Did you mean 'unreadable'?")


def test_a_mended_copy_and_a_page_are_written(faulty, tmp_path):
    page, out = tmp_path / "page.html", tmp_path / "out"
    process = call("data", "check", faulty, "--html", page, "--fix", out)
    assert process.returncode == 0, process.stderr
    assert "The copy: 29 pictures in 3 classes" in process.stdout
    assert f"tfl run {out}" in process.stdout
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    fixes = json.loads((out / "fixes.json").read_text(encoding="utf-8"))["fixes"]
    assert {(fix["rule"], fix["path"]) for fix in fixes} == {
        ("unreadable", "owl/empty.jpg"),
        ("label_conflict", "cat/0003.jpg"),
        ("label_conflict", "dog/new.jpg"),
    }
    assert_user_error(call("data", "check", faulty, "--fix", out), "exists already")
    assert_user_error(call("data", "check", faulty, "--fix", faulty / "mended"), "inside the data")


def test_the_structure_alone_opens_no_picture(faulty, tmp_path):
    document = call_json("data", "check", faulty, "--structure-only", code=0)
    assert [item["rule"] for item in document["findings"]] == ["not_checked"]
    refused = call("data", "check", faulty, "--structure-only", "--fix", tmp_path / "out")
    assert_user_error(refused, "exclude each other")


def test_many_findings_of_one_rule_are_counted(tmp_path):
    data = folders(tmp_path / "data", per_class=14)
    for number in range(8):
        (data / "owl" / f"empty-{number}.jpg").write_bytes(b"")
    process = call("data", "check", data)
    assert process.returncode == 1
    assert "... and 3 more" in process.stdout
    assert "--html findings.html" in process.stdout
