"""Widgets in a real browser with a live kernel: files chosen, buttons pressed, by mouse and by keyboard."""

import contextlib
import csv
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.browser import browser, complaints
from tests.presence import skip_without
from tests.reviewed import NAMED, write_reviewed
from tests.tiny import make_tiny_bundle
from tests.voila import voila, write_notebook
from tfl.review import TABLE_FILE

pytestmark = pytest.mark.slow
skip_without("playwright", "axe_playwright_python", "voila", "ipywidgets")
#: The frame around the widgets is Voila's: it has no landmarks.
_OF_THE_FRAME = ("region:", "landmark-one-main:", "page-has-heading-one:")
_PATIENCE_MS = 120_000


@pytest.fixture(scope="module")
def chromium():
    with browser() as made:
        yield made


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A folder, and the address that shows the notebooks in it."""
    folder = tmp_path_factory.mktemp("notebooks")
    with voila(folder) as address:
        yield folder, f"{address}/voila/render"


@pytest.fixture
def cleaner(server, tmp_path):
    """The address of a cleaner of three samples, two at a time, and its table."""
    folder, address = server
    run, _ = write_reviewed(tmp_path)
    write_notebook(
        folder / f"{tmp_path.name}.ipynb", f"from tfl.widgets import Cleaner\nCleaner({str(run.path)!r}, page_size=2)"
    )
    return f"{address}/{tmp_path.name}.ipynb", run.path / "review" / TABLE_FILE


@contextlib.contextmanager
def visited(made, address, *, theme="light"):
    """Yield the page; nothing but this machine is asked for anything."""
    context = made.new_context(viewport={"width": 1280, "height": 900}, color_scheme=theme)
    context.route(lambda url: urlsplit(url).hostname not in ("127.0.0.1", None), lambda route: route.abort())
    page = context.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    try:
        page.goto(f"{address}?theme={theme}")
        yield page
    finally:
        context.close()


def button(page, words, place=0):
    return page.get_by_role("button", name=words, exact=True).nth(place)


def decisions(table):
    with table.open(newline="") as file:
        return tuple(row["decision"] for row in csv.DictReader(file))


def own_complaints(page, folder, name):
    """What axe-core has against the widgets on a desktop and on a phone; the pictures are for who looks into it."""
    found = []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        found += [item for item in complaints(page) if not item.startswith(_OF_THE_FRAME)]
        page.screenshot(path=str(folder / f"{name}-{width}.png"), full_page=True)
    page.set_viewport_size({"width": 1280, "height": 900})
    return found


def test_labels_are_kept_changed_and_removed_by_mouse(chromium, cleaner, tmp_path):
    address, table = cleaner
    with visited(chromium, address) as page:
        button(page, "Keep cat").click()
        button(page, "✓ Keep cat").wait_for()
        assert decisions(table) == ("keep", "", "")
        button(page, "Change to dog", 1).click()
        page.get_by_text("2 of 3 decided").wait_for()
        assert decisions(table) == ("keep", "accept", "")
        assert own_complaints(page, tmp_path, "light") == []
        button(page, "Next").click()
        page.get_by_text("Samples 3 to 3 of 3").wait_for()
        assert button(page, "Next").is_disabled()
        assert page.get_by_alt_text(NAMED[2]).is_visible()
        button(page, "Remove").click()
        page.get_by_text("All are decided").wait_for()
        assert decisions(table) == ("keep", "accept", "remove")
        button(page, "Undo").click()
        page.get_by_text(f"{NAMED[2]}: as it was before").wait_for()
        assert decisions(table) == ("keep", "accept", "")
    # A new kernel shows what was decided.
    with visited(chromium, address, theme="dark") as page:
        button(page, "✓ Keep cat").wait_for()
        assert button(page, "✓ Change to dog").is_visible()
        assert own_complaints(page, tmp_path, "dark") == []


def test_labels_are_decided_by_keyboard_alone(chromium, cleaner):
    address, table = cleaner
    with visited(chromium, address) as page:
        button(page, "Keep cat").wait_for()
        names = []
        for _ in range(6):
            page.keyboard.press("Tab")
            names.append(page.evaluate("document.activeElement.textContent").replace("\N{NO-BREAK SPACE}", " "))
        # What can't be done yet is passed over.
        assert names == ["Next", "Keep cat", "Change to dog", "Remove", "choose ...owl", "Keep cat"]
        page.keyboard.press("Space")
        page.get_by_text(f"{NAMED[1]}: Keep cat.").wait_for()
        assert decisions(table) == ("", "keep", "")
        # The place is kept, so the same key opens it again.
        page.keyboard.press("Enter")
        page.get_by_text(f"{NAMED[1]}: undecided.").wait_for()
        assert decisions(table) == ("", "", "")
        page.keyboard.press("Shift+Tab")
        assert page.evaluate("document.activeElement.tagName") == "SELECT"
        page.keyboard.type("owl")
        page.get_by_text(f"{NAMED[0]}: change to owl.").wait_for()
        assert decisions(table) == ("owl", "", "")


def test_pictures_are_uploaded_and_answered_and_other_files_told(chromium, server, tmp_path):
    skip_without("tensorflow")
    folder, address = server
    make_tiny_bundle(tmp_path / "bundle")
    Image.new("RGB", (60, 40), "red").save(tmp_path / "a red one.png")
    (tmp_path / "notes.png").write_text("no picture")
    write_notebook(folder / "try.ipynb", f"from tfl.widgets import TryIt\nTryIt({str(tmp_path / 'bundle')!r})")
    with visited(chromium, f"{address}/try.ipynb") as page:
        page.get_by_text("Nothing was asked yet.").wait_for()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Upload pictures").press("Enter")
        chooser.value.set_files([tmp_path / "a red one.png", tmp_path / "notes.png"])
        page.get_by_role("table", name="a red one.png").wait_for()
        assert page.locator("meter").count() >= 2
        assert page.get_by_role("img", name="a red one.png").is_visible()
        assert "not a picture" in page.get_by_text("notes.png").first.locator("..").inner_text()
        assert own_complaints(page, tmp_path, "try-it") == []
