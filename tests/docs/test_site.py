"""The site (./dev docs) in Chromium: it asks nobody else for anything, can be searched, and has a dark mode."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

import chromium
from pages import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

browser = chromium.browser

SITE = ROOT / "build" / "site"
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a server with the site: from the disk a browser lets no page load the index of the search."""
    assert (SITE / "index.html").is_file(), "there is no site yet: ./dev docs"
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


class Opened:
    """A page, whom it asked, and what it complained of."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self.page: Page = browser.new_context(**options).new_page()
        self.asked: list[str] = []
        self.noted: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.noted.append(message.text))
        self.page.on("pageerror", lambda error: self.noted.append(str(error)))
        self.page.goto(address)
        self.page.wait_for_load_state("networkidle")

    def background(self) -> str:
        colour: str = self.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return colour


KINDS = ("start", "how-it-works", "reference/commands", "performance/cpython-3.11.7", "differences", "changes")
"""A page of each kind: with commands, pictures, code, wide tables, long cells, and from the root."""


def test_pages_ask_nobody_else(browser: Browser, address: str) -> None:
    """Of all pages, tools/documentation.py looks through the text."""
    opened = Opened(browser, address, viewport=PHONE)
    for name in KINDS:
        opened.page.goto(f"{address}{name}.html")
        assert opened.page.locator("h1").first.inner_text().strip("¶ \n"), name
        # Wide tables and texts move within themselves, not the page.
        wider = opened.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wider <= 0, name
    assert [url for url in opened.asked if not url.startswith((address, "data:", "blob:"))] == []
    assert opened.noted == []


def test_search(browser: Browser, address: str) -> None:
    opened = Opened(browser, address, viewport=DESKTOP)
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("fast-exit")
    link = opened.page.locator(".md-search-result__link", has_text="Options of a run").first
    link.wait_for()
    link.click()
    opened.page.wait_for_url("**/options.html*")
    assert opened.noted == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_dark_mode(browser: Browser, address: str, scheme: str) -> None:
    opened = Opened(browser, address, viewport=DESKTOP, color_scheme=scheme)
    before = opened.background()
    assert (before == "rgb(255, 255, 255)") == (scheme == "light")
    opened.page.locator("label[title$=' mode']:visible").click()
    opened.page.wait_for_function("before => getComputedStyle(document.body).backgroundColor != before", arg=before)
    assert (opened.background() == "rgb(255, 255, 255)") == (scheme == "dark")
