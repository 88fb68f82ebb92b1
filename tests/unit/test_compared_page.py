"""The page that compares runs."""

import html
import re
import shutil

import numpy as np
import pytest

from tests.unit.report.conftest import LABELS, write_run
from tfl.bench.held_out import HeldOut
from tfl.compared_page import write_comparison
from tfl.core.errors import NotFoundError, UserError
from tfl.core.run_folder import RunFolder, RunRecord
from tfl.data.manifest import Manifest
from tfl.tasks import TASKS

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")


def with_answers(folder, *, right):
    """Let a run's model answer the first so many test samples rightly, and no other."""
    run = RunFolder(folder)
    manifest = Manifest.load(run.manifest_file)
    test = manifest.of_split("test")
    truth, paths = manifest.label_indices(test), tuple(item.path for item in test)
    outputs = np.full((len(test), 3), 0.1, dtype=np.float32)
    for row, index in enumerate(truth):
        outputs[row, index if row < right else (index + 1) % 3] = 0.8
    HeldOut(manifest.root, paths, tuple(truth), outputs).save(run.predictions_file)
    scores = TASKS.get("image_classification").score(
        truth, outputs, labels=LABELS, paths=paths, split="test", model="bundle"
    )
    scores.save(run.evaluation_dir / "test.json")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("compared")
    first = write_run(place / "photos-1", place / "data")
    made = []
    for name, right in (("photos-1", 29), ("photos-2", 27), ("photos-3", 12)):
        if name != "photos-1":
            shutil.copytree(first, place / name)
        with_answers(place / name, right=right)
        record = RunRecord.load(RunFolder(place / name).record_file)
        record.__class__.from_dict({**record.to_dict(), "name": name}).save(RunFolder(place / name).record_file)
        made.append(place / name)
    return made


def text_of(path):
    body = path.read_text(encoding="utf-8").split("<main>")[1]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_best_is_named_and_chance_is_told_from_more(runs, tmp_path):
    (runs[1] / "report.html").write_text("a report")
    page = write_comparison(runs, tmp_path / "pages" / "all.html")
    text = text_of(page)
    assert text.startswith("photos-1 recognises the most new pictures: 96.7%")
    # 2 samples of 30 that only the first one knows: p = 0.5; 17 of them: p = 2 ** -16.
    assert "photos-2 can't be told from it on these pictures." in text
    assert "photos-3 is worse by more than chance." in text
    assert "0.9000 0.744 to 0.965" in text
    assert " 0.5 " in text
    assert " 1.53e-05 " in text
    assert 'href="../' in page.read_text(encoding="utf-8")
    assert text.count("photos-2/report.html") == 0
    assert "6 measured artefacts: the fastest is photos-1: openvino-int8 with 3.10 ms" in text
    source = page.read_text(encoding="utf-8")
    # One chart, drawn for wide and for narrow windows.
    assert source.count("<svg ") == 2
    assert source.count('<tr data-key="photos-2">') == 1
    assert len(re.findall(r'<circle [^>]*data-key="photos-2"', source)) == 2 * 2
    assert [file.name for file in page.parent.iterdir()] == [page.name]
    assert [item.name for item in page.parent.iterdir()] == ["all.html"]


def test_other_data_are_told_before_any_figure(runs, tmp_path):
    other = tmp_path / "photos-4"
    shutil.copytree(runs[1], other)
    manifest = Manifest.load(RunFolder(other).manifest_file)
    fewer = Manifest.from_dict({**manifest.to_dict(), "examples": manifest.to_dict()["examples"][:-4]})
    fewer.save(RunFolder(other).manifest_file)
    text = text_of(write_comparison([runs[0], other], tmp_path / "all.html"))
    assert text.index("figures do not compare one to one") < text.index("Every run")
    assert "chance can't be ruled out" in text


def test_mistakes_are_told_and_nothing_is_written_over(runs, tmp_path):
    mine = tmp_path / "mine.html"
    mine.write_text("<p>my own page</p>")
    with pytest.raises(UserError, match="was not written by tfl report"):
        write_comparison(runs, mine)
    assert mine.read_text() == "<p>my own page</p>"
    with pytest.raises(UserError, match="two different runs or more"):
        write_comparison([runs[0], runs[0]], tmp_path / "all.html")
    with pytest.raises(NotFoundError):
        write_comparison([runs[0], tmp_path / "none"], tmp_path / "all.html")
    for _ in range(2):
        write_comparison(runs, tmp_path / "all.html")
