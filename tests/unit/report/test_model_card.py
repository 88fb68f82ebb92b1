"""The model card: fields that a hub reads, figures from records, and a person's own words."""

import html
import re
import shutil

import pytest
import yaml

from tests.unit.report.conftest import LABELS
from tfl.core.errors import ConfigError
from tfl.core.run_folder import RunFolder
from tfl.report.html import write_report
from tfl.report.model_card import PERSONAL

pytest.importorskip("jinja2")


@pytest.fixture
def folder(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def card_of(folder):
    write_report(folder.path)
    text = folder.card_file.read_text(encoding="utf-8")
    _, front, body = re.split(r"^---\n", text, maxsplit=2, flags=re.MULTILINE)
    return yaml.safe_load(front), body


def test_a_hub_reads_task_and_results(folder):
    front, body = card_of(folder)
    assert (front["library_name"], front["pipeline_tag"]) == ("keras", "image-classification")
    assert "license" not in front
    (result,) = front["model-index"][0]["results"]
    assert {item["type"]: item["value"] for item in result["metrics"]}["accuracy"] == 0.9
    assert result["dataset"]["split"] == "test"
    for title in ("Model details", "Uses", "Risks and limitations", "Training", "Evaluation", "Environmental impact"):
        assert f"\n## {title}\n" in body
    assert "27 of 30 new pictures" in body
    assert "0.0000 kWh measured" in body
    assert LABELS[0] not in body
    assert html.escape(LABELS[0], quote=False) in body
    assert all(f"- `{name}`" in body for name in PERSONAL)


def test_what_a_person_wrote_stays_when_the_report_is_made_again(folder):
    folder.card_fields_file.write_text("licence: MIT\nintended_use: |\n  Sorting **returns** by hand first.\n")
    for _ in range(2):
        front, body = card_of(folder)
        assert front["license"] == "mit"
        assert "Sorting **returns** by hand first." in body
        assert "- `licence`" not in body
        assert "- `contact`" in body


def test_all_mistakes_are_told_at_once_and_the_old_report_stays(folder):
    write_report(folder.path)
    before = folder.report_file.read_bytes()
    folder.card_fields_file.write_text("license: MIT\ncontact: [a, b]\n")
    with pytest.raises(ConfigError) as caught:
        write_report(folder.path)
    assert "unknown field 'license'. Did you mean 'licence'?" in caught.value.message
    assert "contact: must be a text. Received: list." in caught.value.message
    assert folder.report_file.read_bytes() == before
