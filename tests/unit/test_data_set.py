"""A data set as a notebook has it."""

import csv

import pytest

pytest.importorskip("imagehash")
pytest.importorskip("jinja2")

import tfl
from tests.faults import folders
from tfl.core.errors import OutputExistsError


@pytest.fixture
def data(tmp_path):
    folder = folders(tmp_path / "data")
    (folder / "dog" / "empty.jpg").write_bytes(b"")
    return tfl.load_data(folder)


def test_findings_are_a_page_in_a_frame(data, tmp_path):
    page = data.findings()
    assert "<!doctype html>" in page.text
    assert page._repr_html_().startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert page.save(tmp_path / "findings.html").read_text(encoding="utf-8") == page.text
    assert "unreadable" in page.text


def test_a_mended_copy_is_data_without_the_fault(data, tmp_path):
    mending = data.mend(tmp_path / "mended")
    assert [(fix.rule, fix.path) for fix in mending.fixes] == [("unreadable", "dog/empty.jpg")]
    copy = tfl.load_data(tmp_path / "mended")
    assert copy.report.errors == 0
    assert copy.manifest.counts() == {"cat": 12, "dog": 12, "owl": 12}


def test_decisions_make_a_new_version(data, tmp_path):
    table = tmp_path / "decided.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["decision", "path"], ["owl", "cat/0000.jpg"], ["remove", "dog/empty.jpg"]])
    made = data.relabel(table, tmp_path / "v2.json")
    assert (made.relabelled, made.removed) == ({"cat/0000.jpg": ("cat", "owl")}, ("dog/empty.jpg",))
    version = tfl.load_data(tmp_path / "v2.json")
    assert version.manifest.counts() == {"cat": 11, "dog": 12, "owl": 13}
    with pytest.raises(OutputExistsError):
        data.relabel(table, tmp_path / "v2.json")


def test_folds_score_every_picture_once(data):
    folds = data.folds(3)
    scored = [path for fold in folds for path in fold.validation]
    assert sorted(scored) == [example.path for example in data.manifest.examples]
