"""The gallery of findings: one file, escaped, with the pictures of what was found."""

import pytest

pytest.importorskip("jinja2")
pytest.importorskip("imagehash")

from tests.faults import folders
from tests.texts import sentences, write_table
from tfl.data.check import check
from tfl.data.loading import read_manifest
from tfl.report.cards import NextStep
from tfl.report.findings_page import findings_page, write_findings_page


@pytest.fixture
def checked(tmp_path):
    data = folders(tmp_path / "data", per_class=10)
    (data / "dog" / "new.jpg").write_bytes((data / "cat" / "0003.jpg").read_bytes())
    (data / "owl" / "<b>&.jpg").write_bytes(b"no picture")
    for number in range(20):
        (data / "owl" / f"copy-{number}.jpg").write_bytes((data / "owl" / "2000.jpg").read_bytes())
    return check(read_manifest(data))


def test_every_rule_has_a_section_and_pairs_stand_side_by_side(checked):
    report, manifest = checked
    page = findings_page(report, manifest, steps=())
    assert [section.name for section in page.sections] == ["label_conflict", "unreadable", "duplicate"]
    conflict, unreadable, duplicate = page.sections
    assert [path.name for path in conflict.cards[0].pictures] == ["0003.jpg", "new.jpg"]
    assert [path.name for path in unreadable.cards[0].pictures] == ["<b>&.jpg"]
    assert (len(duplicate.cards), duplicate.count) == (12, 20)
    assert page.state == "bad"


def test_the_page_is_one_file_without_a_network_and_escapes_names(checked, tmp_path):
    report, manifest = checked
    file = tmp_path / "page.html"
    write_findings_page(report, manifest, file, steps=(NextStep("Mend it:", "tfl data check 'a b' --fix OUT"),))
    text = file.read_text(encoding="utf-8")
    assert "<b>&" not in text
    assert "&lt;b&gt;&amp;.jpg" in text
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("data:image/jpeg;base64,") == 2 + 2 * 12
    assert "no picture" in text
    assert "... and 8 more." in text
    assert report.verdict.replace("'", "&#39;") in text


def test_texts_are_shown_escaped_and_in_their_own_direction(tmp_path):
    rows = [*sentences(), ("<script>alert('x')</script> 😀", "quality"), ("مرحبا\0 بالعالم", "quality")]
    rows += [(rows[0][0].upper(), rows[0][1])]
    report, manifest = check(read_manifest(write_table(tmp_path / "a.csv", rows)))
    page = findings_page(report, manifest, steps=())
    of_rule = {section.name: section for section in page.sections}
    assert of_rule["duplicate"].cards[0].quotes == (rows[0][0], rows[0][0].upper())
    assert of_rule["duplicate"].cards[0].pictures == ()
    assert of_rule["control_characters"].cards[0].quotes == ("مرحبا\u2400 بالعالم",)
    file = tmp_path / "page.html"
    write_findings_page(report, manifest, file, steps=())
    text = file.read_text(encoding="utf-8")
    assert "<script" not in text
    assert '<blockquote dir="auto" tabindex="0">&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; 😀</blockquote>' in text
    assert "مرحبا" in text
    assert "data:image" not in text
