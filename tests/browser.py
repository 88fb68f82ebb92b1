"""A real browser for pages that tfl writes: Chromium, driven by Playwright, with axe-core for accessibility."""

import contextlib
import os
import shutil
import tempfile

import pytest

from tests.presence import skip_without

#: Phone, tablet and desktop, in CSS pixels.
WIDTHS = (390, 800, 1280)
THEMES = ("light", "dark")
#: Chromium asks Google's hosts for news at each start, unless it is told not to.
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
#: Where the page is wider than the window, and what sticks out of it.
_OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = (node) => node && (["auto", "scroll"].includes(getComputedStyle(node).overflowX)
    || scrolls(node.parentElement));
  return [...document.querySelectorAll("body *")]
    .filter((node) => node.getBoundingClientRect().right > width + 1 && !scrolls(node))
    .map((node) => `${node.tagName.toLowerCase()}.${node.className}: ${node.textContent.slice(0, 60)}`);
}"""


def executable():
    """The browser's file, or a skip where there is none; where CI installs one, its absence fails."""
    found = os.environ.get("CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found is None:
        if os.environ.get("TFL_CI_BROWSER"):
            pytest.fail("CI installed no browser")
        pytest.skip("there is no Chromium")
    return found


@contextlib.contextmanager
def browser():
    """Yield a browser that is closed at the end."""
    skip_without("playwright", "axe_playwright_python")
    from playwright.sync_api import sync_playwright

    program = executable()
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=program, args=_FLAGS, env={**os.environ, "HOME": home})
        try:
            yield made
        finally:
            made.close()


@contextlib.contextmanager
def opened(made, file, *, width, theme):
    """Yield a file as a page, and what it logs and asks the network for."""
    context = made.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
    page, told = context.new_page(), []
    page.on("console", lambda message: told.append(f"console {message.type}: {message.text}"))
    page.on("pageerror", lambda error: told.append(f"error: {error}"))
    page.on("request", lambda request: told.append(f"request: {request.url}") if not _is_local(request.url) else None)
    try:
        page.goto(file.resolve().as_uri())
        yield page, told
    finally:
        context.close()


def _is_local(address):
    return address.startswith(("file:", "data:"))


def complaints(page):
    """What axe-core finds wrong, as rule, element and reason; what sticks out of the window, too."""
    from axe_playwright_python.sync_playwright import Axe

    # A page's own policy lets no foreign script run; the tool reads its source by way of the protocol.
    found = Axe().run(page).response["violations"]
    told = [
        f"{item['id']}: {node['html'][:120]}: {node['failureSummary'][:300]}"
        for item in found
        for node in item["nodes"]
    ]
    return told + [f"overflow: {item}" for item in page.evaluate(_OVERFLOW)]
