"""Pages in a real browser: readable on a phone, by keyboard and by a screen reader, silent, and offline."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.browser import THEMES, WIDTHS, browser, complaints, opened
from tests.e2e.conftest import call
from tests.presence import skip_without
from tests.texts import sentence, sentences, write_table
from tests.unit.report.conftest import measurement, write_run
from tfl.core.run_folder import RunFolder
from tfl.report.html import render_page, write_report
from tfl.report.palette import PAPER, SERIES
from tfl.report.parts import Figure, Page, Section
from tfl.report.records import PASSAGES_FILE, Passage, Passages, Piece, ShownPassages
from tfl.report.speed_chart import draw_accuracy_latency

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


def pixels_of(place):
    with Image.open(io.BytesIO(place.screenshot())) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def share_of(pixels, code):
    colour = [int(code[start : start + 2], 16) for start in (1, 3, 5)]
    return (abs(pixels - colour).max(axis=2) <= 2).mean()


@pytest.mark.parametrize("media", [*THEMES, "print"])
def test_charts_are_in_the_colours_of_the_page(chromium, report, media):
    theme = "dark" if media == "dark" else "light"
    other = "light" if media == "dark" else "dark"
    # Who reads in the dark gets black on white from the printer.
    with opened(chromium, report, width=1280, theme="light" if media == "light" else "dark") as (page, told):
        if media == "print":
            page.emulate_media(media="print")
        charts = page.locator("svg.chart:visible")
        assert charts.count() >= 1
        for chart in charts.all():
            pixels = pixels_of(chart)
            assert share_of(pixels, getattr(PAPER, theme)) > 0.2
            assert share_of(pixels, getattr(PAPER, other)) < 0.02
        coloured = pixels_of(charts.last)
        assert max(share_of(coloured, getattr(colour, theme)) for colour in SERIES) > 0
        assert told == []


def test_a_mark_says_its_figures_by_keyboard(chromium, report):
    with opened(chromium, report, width=1280, theme="dark") as (page, told):
        tip = page.locator(".tip")
        chart = page.locator("figure:has(h3:text-is('Accuracy against latency')) svg.chart:visible")
        marks = chart.locator(".mark")
        assert chart.get_attribute("role") == "group"
        assert [mark.get_attribute("tabindex") for mark in marks.all()] == ["0", "-1"]
        assert not tip.is_visible()
        marks.first.focus()
        assert tip.inner_text().splitlines()[:2] == ["openvino-int8", "accuracy 0.9000 on 30 samples"]
        row = page.locator("tr[data-key='openvino-int8']")
        assert "lit" in row.get_attribute("class")
        page.keyboard.press("ArrowRight")
        assert tip.inner_text().startswith("openvino-fp32")
        assert "lit" not in row.get_attribute("class")
        assert [mark.get_attribute("tabindex") for mark in marks.all()] == ["-1", "0"]
        box, frame = tip.bounding_box(), page.viewport_size
        assert min(box["x"], box["y"]) >= 0
        assert box["x"] + box["width"] <= frame["width"]
        assert box["y"] + box["height"] <= frame["height"]
        page.keyboard.press("Escape")
        assert not tip.is_visible()
        page.keyboard.press("Home")
        assert tip.is_visible()
        assert complaints(page) == []
        page.keyboard.press("Tab")
        assert not tip.is_visible()
        assert told == []


def test_a_mark_says_its_figures_by_pointer(chromium, report):
    with opened(chromium, report, width=390, theme="light") as (page, told):
        tip = page.locator(".tip")
        cell = page.locator("figure:has(h3:text-is('What it takes for what')) .mark:visible").nth(1)
        cell.hover()
        assert "<script>alert(1) taken for a$b|c_{d}$" in tip.inner_text()
        # A tip that can be reached stays to be read.
        tip.hover()
        assert tip.is_visible()
        page.locator("h1").click()
        assert not tip.is_visible()
        row = page.locator("tr[data-key='openvino-int8']")
        row.locator("th").hover()
        lit = page.locator(".mark.lit:visible")
        assert lit.evaluate_all("marks => marks.map((mark) => mark.dataset.key)") == ["openvino-int8"]
        assert told == []


def test_a_tap_shows_what_stays_until_the_next(chromium, report):
    context = chromium.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(report.resolve().as_uri())
    tip = page.locator(".tip")
    page.locator("figure:has(h3:text-is('Training')) .mark:visible").nth(1).tap()
    assert tip.inner_text().startswith("epoch 2, head")
    page.locator("figure:has(h3:text-is('Training')) .mark:visible").nth(2).tap()
    assert tip.inner_text().startswith("epoch 3, head")
    page.locator("figure:has(h3:text-is('Training')) h3").tap()
    assert not tip.is_visible()
    context.close()


def test_without_scripts_the_figures_are_titles(chromium, report):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.resolve().as_uri())
    charts = page.locator("svg.chart[role=img]:visible")
    assert charts.count() == 6
    assert page.locator(".mark > title").count() == page.locator(".mark").count() > 20
    assert page.locator(".tip").count() == 0
    context.close()


def scrolled_plots(page):
    """The charts that are wider than their boxes, by their labels, and those above which that is told."""
    boxes = page.locator(".plot.drawn").all()
    wide = [box for box in boxes if box.evaluate("node => node.scrollWidth > node.clientWidth")]
    told = [box for box in boxes if box.evaluate("node => node.previousElementSibling.offsetHeight > 0")]
    return tuple([box.get_attribute("aria-label") for box in found] for found in (wide, told))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_chart_is_drawn_for_the_width_of_the_window(chromium, report, width):
    with opened(chromium, report, width=width, theme="light") as (page, _):
        assert scrolled_plots(page) == ([], [])
        assert page.locator("svg.chart:visible").count() == page.locator(".plot.drawn").count() == 6
        narrow = page.locator("svg.chart.narrow:visible").count()
        assert narrow == (3 if width == 390 else 0)
        sizes = page.locator("svg.chart text:visible").evaluate_all(
            "texts => texts.map((text) => [parseFloat(getComputedStyle(text).fontSize), text.getScreenCTM()])"
            ".map(([size, matrix]) => size * Math.hypot(matrix.a, matrix.b))"
        )
        assert min(sizes) >= 8.9


def test_what_is_too_large_for_a_phone_says_that_it_scrolls(chromium, report, tmp_path):
    old = shutil.copytree(report.parent, tmp_path / "old")
    # As a run of an earlier version, without drawings for a phone.
    for file in old.rglob("*.narrow.svg"):
        file.unlink()
    page_of_old = write_report(old)
    with opened(chromium, page_of_old, width=390, theme="dark") as (page, _):
        wide, told = scrolled_plots(page)
        assert wide == told
        assert "Plot: Accuracy against latency" in wide
        assert "Plot: Can its confidence be trusted?" not in wide
        box = page.get_by_role("region", name="Plot: Accuracy against latency")
        box.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("node => node.scrollLeft > 0", arg=box.element_handle())
        assert complaints(page) == []
    with opened(chromium, page_of_old, width=1280, theme="dark") as (page, _):
        assert scrolled_plots(page) == ([], [])


def test_points_that_lie_on_each_other_are_told_together(chromium, tmp_path):
    items = [measurement(f"target-{name}", latency_ms=3.0, metric=0.9) for name in "abcdef"]
    draw_accuracy_latency(items, tmp_path / "points.png")
    figure = Figure("Points", "All in one place.", tmp_path / "points.png")
    file = tmp_path / "page.html"
    section = Section("points", "Points", (), (), (figure,))
    file.write_text(render_page(Page("t", "", ("Sentence.",), "", (section,))), encoding="utf-8")
    with opened(chromium, file, width=800, theme="light") as (page, told):
        page.locator(".mark:visible").last.hover()
        told_of = [line for line in page.locator(".tip").inner_text().splitlines() if line.startswith("target-")]
        assert len(told_of) == len(set(told_of)) == 4
        assert "... and 2 more here" in page.locator(".tip").inner_text()
        assert told == []
