"""Pages in a real browser: readable on a phone, by keyboard and by a screen reader, silent, and offline."""

import shutil

import pytest

from tests.browser import THEMES, WIDTHS, browser, complaints, opened
from tests.e2e.conftest import call
from tests.presence import skip_without
from tests.texts import sentence, sentences, write_table
from tests.unit.report.conftest import write_run
from tfl.core.run_folder import RunFolder
from tfl.report.html import write_report
from tfl.report.records import PASSAGES_FILE, Passage, Passages, Piece, ShownPassages

pytestmark = pytest.mark.slow
skip_without("playwright", "axe_playwright_python", "matplotlib", "jinja2")


@pytest.fixture(scope="module")
def chromium():
    with browser() as made:
        yield made


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The report of a finished run with pictures, failures and odd names."""
    run = write_run(tmp_path_factory.mktemp("runs") / "photos-1", tmp_path_factory.mktemp("data"))
    pieces = (Piece(text="the parcel ", weight=0.1), Piece(text="never ", weight=1.0), Piece(text="came", weight=-0.6))
    items = tuple(Passage(caption=f"✗ delivery 0.9{index}", is_right=bool(index), pieces=pieces) for index in range(2))
    shown = Passages(title="What it reads", description="Shaded words speak for the answer.", items=items)
    ShownPassages(passages=(shown,)).save(RunFolder(run).evaluation_dir / PASSAGES_FILE)
    return write_report(run)


@pytest.fixture(scope="module")
def comparison(report, tmp_path_factory):
    """Two runs side by side."""
    other = tmp_path_factory.mktemp("other") / "photos-2"
    shutil.copytree(report.parent, other)
    page = tmp_path_factory.mktemp("pages") / "comparison.html"
    assert call("report", report.parent, other, "--out", page).returncode == 0
    return page


@pytest.fixture(scope="module")
def findings(tmp_path_factory):
    """The findings page of a table of texts that has much wrong."""
    place = tmp_path_factory.mktemp("texts")
    rows = sentences(20)
    odd = [
        ("שלום, החבילה לא הגיעה עדיין ואני מחכה", "delivery"),
        ("<script>alert(1)</script> <b>late</b>", "delivery"),
        ("", "payment"),
        (rows[0][0], "quality"),
        (rows[1][0], rows[1][1]),
        (" ".join(sentence("quality", part) for part in range(300)), "quality"),
    ]
    page = place / "findings.html"
    done = call("data", "check", write_table(place / "texts.csv", rows + odd), "--html", page)
    assert page.is_file(), done.stderr
    return page


def shots_of(page, folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.png"
    page.screenshot(path=str(file), full_page=True)
    return file


@pytest.mark.parametrize("name", ["report", "comparison", "findings"])
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_is_whole_for_everyone(chromium, request, tmp_path, name, theme, width):
    file = request.getfixturevalue(name)
    with opened(chromium, file, width=width, theme=theme) as (page, told):
        assert complaints(page) == []
        assert shots_of(page, tmp_path, f"{name}-{width}-{theme}").stat().st_size > 10_000
        assert told == []


def test_the_check_of_pages_sees_what_is_wrong(chromium, tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!doctype html><html lang=en><title>t</title><main><h1>t</h1><p style='color:#bbb;background:#fff'>pale</p>"
        "<p style='width:3000px;background:#eee;color:#000'>wide</p><script>console.error('loud')</script></main>"
    )
    with opened(chromium, bad, width=390, theme="light") as (page, told):
        found = complaints(page)
        assert any(item.startswith("color-contrast") for item in found)
        assert any(item.startswith("overflow: p") for item in found)
        assert told == ["console error: loud"]


def column(page, caption, place):
    rows = page.locator(f"table:has(caption:text-is('{caption}')) tbody tr:not(.reason)")
    return [row.locator("th, td").nth(place).inner_text() for row in rows.all()]


def test_tables_are_sorted_by_mouse_and_by_keyboard(chromium, report):
    caption = "Every target and precision"
    with opened(chromium, report, width=1280, theme="light") as (page, told):
        before = column(page, caption, 3)
        head = page.locator(f"table:has(caption:text-is('{caption}')) thead th").nth(3)
        head.get_by_role("button").click()
        assert column(page, caption, 3) == ["2.00", "2.40", "8.00", "-"]
        assert head.get_attribute("aria-sort") == "ascending"
        head.get_by_role("button").press("Enter")
        # What has no figure stays at the end.
        assert column(page, caption, 3) == ["8.00", "2.40", "2.00", "-"]
        assert sorted(before) == sorted(column(page, caption, 3))
        reasons = page.locator(f"table:has(caption:text-is('{caption}')) tr.reason")
        assert reasons.count() == 2
        assert "tflite int8" in reasons.first.inner_text()
        assert page.locator("tr.failed + tr.reason").count() >= 1
        assert told == []


def test_no_other_script_runs_in_the_report(chromium, report, tmp_path):
    page_with_more = tmp_path / "more.html"
    source = report.read_text(encoding="utf-8")
    page_with_more.write_text(source.replace("</main>", "<script>document.title = 'taken'</script></main>"))
    with opened(chromium, page_with_more, width=800, theme="light") as (page, told):
        assert page.title() == "photos-1: report"
        assert any("Content Security Policy" in line for line in told)
