"""The page of ``pycds report`` in Chromium: drawn, used by mouse and by keyboard, read, printed.

Playwright drives Debian's chromium; axe-core judges roles, names and contrasts.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import chromium
from conftest import Python, write_files
from pycds.report import page

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

browser = chromium.browser

HOSTILE = "</script><img src=x onerror=alert(1)>"
PROGRAM = {
    "busy.py": f"""\
        import sys, email.message, inner.first, lonely
        del sys.modules["lonely"]
        import lonely
        try:
            __import__({HOSTILE!r})
        except ImportError:
            pass
    """,
    "lonely.py": "",
    "inner/__init__.py": "",
    "inner/first.py": "import inner.second\n",
    "inner/second.py": "import time\n",
}
ROWS = "#modules tr"

# Microseconds of its own, level and name of each import: times that do not change from one test to the next.
PLAIN = [
    (500, 0, "encodings"), (100, 1, "_codecs"), (900, 0, "site"), (4000, 0, "inner.first"), (1000, 1, "inner"),
    (20000, 1, "inner.second"), (300, 2, "time"), (1000, 0, "lonely"), (2000, 0, HOSTILE),
    *[(100 + number, 0, f"small{number}") for number in range(30)], (1000, 0, "lonely"),
]  # fmt: skip
SERVED = [
    (500, 0, "encodings"), (100, 1, "_codecs"), (900, 0, "site"), (700, 1, "pycds._core"), (1000, 0, "inner.first"),
    (500, 1, "inner"), (15000, 1, "inner.second"), (300, 2, "time"), (900, 0, "lonely"), (1900, 0, HOSTILE),
    (1100, 0, "lonely"),
]  # fmt: skip


class Opened:
    """A page, and what went on behind it."""

    def __init__(self, browser: Browser, path: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page: Page = self.context.new_page()
        self.noted: list[str] = []
        self.page.on("console", lambda message: self.noted.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.noted.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.noted.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.requests: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())
        self.data: dict[str, Any] = json.loads(self.page.locator("#data").text_content() or "")

    def tree(self, title: str) -> Any:
        return self.page.get_by_role("tree", name=f"Imports, {title}")

    def item(self, title: str, name: str) -> Any:
        return self.tree(title).locator(f'[role=treeitem][aria-label^="{name}: self "]')

    def focused(self) -> str:
        """The name of what has the focus."""
        label: str = self.page.evaluate("document.activeElement.getAttribute('aria-label') || ''")
        return label.partition(": self ")[0]

    def press(self, *keys: str) -> str:
        for key in keys:
            self.page.keyboard.press(key)
        return self.focused()

    def status(self) -> str:
        return self.page.get_by_role("status").inner_text()

    def rows(self) -> list[list[str]]:
        """Of the table of modules."""
        found: list[list[str]] = self.page.locator(ROWS).evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        )
        return found


def page_of(python: Python, *words: str) -> Path:
    python.pycds("report", "--runs=1", "-o", "r.html", *words, code=None)
    return python.directory / "r.html"


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, passed_self_checks: list[Path]) -> Path:
    """The page of a program with a miss, a module that takes long, and a name that is markup."""
    directory, home = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    for marker in passed_self_checks:
        shutil.copy(marker, home)
    write_files(directory, PROGRAM)
    return page_of(Python(sys.executable, directory, home), "--", "busy.py")


@pytest.fixture(scope="module")
def steady(busy: Path) -> Path:
    """The same page with the imports of PLAIN and SERVED."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', busy.read_text(encoding="utf-8"))
    data = json.loads(text)
    data["names"] = names = list(dict.fromkeys(name for _, _, name in [*PLAIN, *SERVED]))
    for contender, start, rows in (("plain", 3, PLAIN), ("pycds", 4, SERVED)):
        found = [[names.index(name), level, own] for own, level, name in rows]
        data["trees"][contender].update(rows=found, start=start)
    path = busy.with_name("steady.html")
    path.write_text(page.render(data), encoding="utf-8")
    return path


@pytest.fixture
def opened(browser: Browser, steady: Path) -> Iterator[Opened]:
    yield from opening(browser, steady)


@pytest.fixture
def real(browser: Browser, busy: Path) -> Iterator[Opened]:
    yield from opening(browser, busy)


def opening(browser: Browser, path: Path) -> Iterator[Opened]:
    found = Opened(browser, path, viewport={"width": 1280, "height": 900})
    yield found
    assert found.noted == []
    assert found.requests == [path.as_uri()]
    found.context.close()


# --- what is drawn -------------------------------------------------------------------------------


def test_the_page_is_drawn(real: Opened) -> None:
    assert real.page.get_by_role("heading", level=1).inner_text() == "busy.py"
    headings = real.page.get_by_role("heading", level=2).all_inner_texts()
    assert headings == [
        "The whole run", "Imports", "Slowest modules", "Phases", "Hits and misses", "What other ways could bring",
    ]  # fmt: skip
    for title in ("plain", "PyCDS"):
        assert real.tree(title).get_by_role("treeitem").count() > 10
    assert real.page.get_by_role("table").count() == 7
    assert real.page.locator(".bar").count() == 2


def test_blocks_are_as_wide_as_their_times_and_lie_within_their_parents(opened: Opened) -> None:
    whole = sum(own for own, _, _ in PLAIN)
    box = opened.tree("plain").bounding_box()
    width, left, top = box["width"] - 2, box["x"] + 1, box["y"] + 1  # within its border
    before = 1500  # of what the interpreter imports
    for title, name, start, total, level in [
        ("plain", "all imports", 0, whole, 0), ("plain", "inner.first", before, 25300, 1),
        ("plain", "inner", before, 1000, 2), ("plain", "inner.second", before + 1000, 20300, 2),
        ("plain", "time", before + 1000, 300, 3),
    ]:  # fmt: skip
        found = opened.item(title, name).bounding_box()
        assert abs(found["x"] - (left + width * start / whole)) < 1, name
        assert abs(found["width"] - width * total / whole) < 1, name
        assert abs(found["y"] - (top + 21 * level)) < 1, name
    served = opened.item("PyCDS", "inner.second").bounding_box()
    assert abs(served["width"] - width * 15300 / whole) < 1  # both runs have one scale


def test_labels_tell_name_times_and_origin(opened: Opened) -> None:
    def label(title: str, name: str) -> str:
        text: str = opened.item(title, name).first.get_attribute("aria-label")
        return text

    assert label("plain", "inner.second") == "inner.second: self 20.000 ms, total 20.300 ms"
    assert label("PyCDS", "inner.second") == "inner.second: self 15.000 ms, total 15.300 ms, from the archive"
    assert label("PyCDS", "pycds._core").endswith(", start of the interpreter")
    assert label("PyCDS", "lonely").endswith(", missed")
    assert label("PyCDS", "time").endswith(", not from an archive")


def test_hits_and_misses(real: Opened) -> None:
    section = real.page.get_by_role("region", name="Hits and misses")
    assert f"Modules: {real.data['served']['hits']} from the archive, 1 missed." in section.inner_text()
    cells = section.get_by_role("table").first.locator("tbody tr").first.locator("th, td").all_inner_texts()
    assert cells[:2] == ["imported again", "1"]
    assert cells[2].startswith("a second import") and cells[3] == "nothing"
    assert section.get_by_role("table").nth(1).locator("tbody tr").all_inner_texts() == ["lonely\timported again"]


def test_estimates_are_of_what_was_measured(opened: Opened) -> None:
    section = opened.page.get_by_role("region", name="What other ways could bring")
    for side, (contender, own) in enumerate((("plain", sum(row[0] for row in PLAIN[3:])), ("pycds", 20700))):
        run = opened.data["result"]["wall_ns"][contender]["median"] / 1e6
        cells = section.get_by_role("table").first.locator("tbody tr").nth(side).locator("td").all_inner_texts()
        assert cells[:2] == [f"{run:.2f}", f"{own / 1000:.2f}"]
        assert float(cells[2]) == pytest.approx(max(0, run - own / 1000), abs=0.011)
    rows = section.get_by_role("table").nth(1).locator("tbody tr").all_inner_texts()
    assert rows[:3] == ["inner\t3\t25.00\t16.50", "lonely\t1\t2.00\t2.00", f"{HOSTILE}\t1\t2.00\t1.90"]
    assert not any(row.startswith(("site", "encodings")) for row in rows)


def test_a_name_that_is_markup_is_text(real: Opened) -> None:
    real.page.get_by_label("Find modules:").fill("onerror")
    (row,) = real.rows()
    assert row[0] == HOSTILE
    assert real.page.locator("img").count() == 0


# --- by mouse and by keyboard ----------------------------------------------------------------------


def test_a_click_zooms_into_both_trees(opened: Opened) -> None:
    back = opened.page.get_by_role("button", name="Show all imports")
    assert back.is_disabled()
    opened.item("PyCDS", "inner.first").click()
    for title in ("plain", "PyCDS"):
        names = (
            opened.tree(title)
            .get_by_role("treeitem")
            .evaluate_all("items => items.map(item => item.getAttribute('aria-label').split(':')[0])")
        )
        assert names[0] == "inner.first" and set(names) <= {"inner.first", "inner", "inner.second", "time"}
    assert opened.status().startswith("Zoomed in on inner.first: self ")
    back.click()
    assert opened.item("plain", "all imports").count() == 1
    assert opened.status() == "All imports are shown."
    assert back.is_disabled()


def test_a_click_on_what_one_run_alone_has_imported(opened: Opened) -> None:
    opened.item("PyCDS", "pycds._core").click()
    assert opened.tree("plain").get_by_role("treeitem").all_inner_texts() == ["no import of that name"]
    assert "The other run has no import of that name" in opened.status()
    opened.page.get_by_role("button", name="Show all imports").click()
    assert opened.tree("plain").get_by_role("treeitem").count() == 1 + len(PLAIN)


def test_the_keyboard_alone_will_do(opened: Opened) -> None:
    opened.page.get_by_label("Find modules:").focus()
    assert opened.press("Tab") == "all imports"  # the button beside the field has nothing to do yet
    assert opened.press("ArrowDown") == "encodings"
    assert opened.press("ArrowUp") == "all imports"
    assert opened.press("ArrowDown", "End") == "lonely"
    assert opened.press("ArrowRight") == "lonely"
    assert opened.press("ArrowLeft") == "small29"
    assert opened.press("Home", "ArrowRight", "ArrowRight") == "inner.first"
    assert opened.press("Enter") == "inner.first"
    assert opened.item("plain", "all imports").count() == 0
    assert opened.press("ArrowDown", "End") == "inner.second"  # behind the package itself
    assert opened.press(" ") == "inner.second"
    assert opened.press("Escape") == "inner.second"
    assert opened.item("plain", "inner.first").count() == 1
    assert opened.press("Escape") == "inner.first"
    assert opened.item("plain", "all imports").count() == 1
    assert opened.press("Tab") == "all imports"  # of the other tree: each is one stop


def test_the_search_marks_and_counts(opened: Opened) -> None:
    opened.page.get_by_label("Find modules:").fill("INNER.")
    marked = opened.tree("plain").locator(".found").evaluate_all("items => items.map(item => item.title.split(':')[0])")
    assert sorted(marked) == ["inner.first", "inner.second"]
    assert opened.status().startswith("2 modules have “inner.” in their names")
    assert sorted(row[0] for row in opened.rows()) == ["inner.first", "inner.second"]
    opened.page.get_by_label("Find modules:").fill("")
    assert opened.page.locator(".found").count() == 0


def test_headings_sort(opened: Opened) -> None:
    page = opened.page
    header = page.locator("table:has(#modules) thead th")

    def order() -> list[str | None]:
        return [header.nth(at).get_attribute("aria-sort") for at in range(7)]

    assert order() == ["none", "descending", *["none"] * 5]
    assert len(opened.rows()) == 25
    second = ["inner.second", "20.000", "20.300", "15.000", "15.300", "5.000", "from the archive"]
    assert opened.rows()[0] == second
    page.get_by_role("button", name="Show all").last.click()
    rows = opened.rows()
    assert len(rows) == len(opened.data["names"])
    assert rows[-1] == ["pycds._core", "–", "–", "0.700", "0.700", "–", "start of the interpreter"]
    assert ["lonely", "2.000", "1.000", "2.000", "0.900", "0.000", "missed"] in rows  # imported twice
    times = [float(row[1]) for row in rows[:-1]]
    assert times == sorted(times, reverse=True)
    page.get_by_role("button", name="plain, self").click()
    assert order()[1] == "ascending"
    assert [float(row[1]) for row in opened.rows()[:-1]] == sorted(times)
    page.get_by_role("button", name="module", exact=True).click()
    assert order() == ["ascending", *["none"] * 6]
    names = [row[0] for row in opened.rows()]
    assert names == sorted(names)
    page.get_by_role("button", name="Show only 25").click()
    assert len(opened.rows()) == 25


def test_a_name_in_the_table_shows_the_module(opened: Opened) -> None:
    opened.page.get_by_role("button", name="inner.second", exact=True).click()
    assert opened.focused() == "inner.second"
    assert opened.tree("PyCDS").get_by_role("treeitem").first.get_attribute("aria-level") == "1"


# --- for everyone, everywhere ----------------------------------------------------------------------


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1600)])
def test_the_rules_of_accessibility_hold(browser: Browser, busy: Path, scheme: Any, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    found = Opened(browser, busy, color_scheme=scheme, viewport={"width": width, "height": 900})
    for summary in found.page.locator("details:not([open]) summary").all():
        summary.click()
    for sought in ("", "inner"):
        found.page.get_by_label("Find modules:").fill(sought)
        results = Axe().run(found.page).response
        assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in results["violations"]] == []
        assert {"color-contrast", "label", "aria-required-children"} <= {each["id"] for each in results["passes"]}
    assert found.noted == []
    found.context.close()


CONTRASTS = """() => {
  const rgb = text => { const at = document.createElement("canvas").getContext("2d"); at.fillStyle = text;
    at.fillRect(0, 0, 1, 1); return [...at.getImageData(0, 0, 1, 1).data].slice(0, 3); };
  const light = colour => rgb(colour).map(one => one / 255).map(one => one <= .04045 ? one / 12.92
    : ((one + .055) / 1.055) ** 2.4).reduce((sum, one, at) => sum + one * [.2126, .7152, .0722][at], 0);
  const ratio = (one, other) => { const [a, b] = [light(one), light(other)].sort((a, b) => a - b);
    return (b + .05) / (a + .05); };
  const style = getComputedStyle(document.documentElement), of = name => style.getPropertyValue(name).trim();
  const found = {};
  for (const name of ["page", "panel", "start", "plain", "archive", "missed", "other"])
    found[name] = ratio(of("--text"), of("--" + name));
  found.found = ratio(of("--found-text"), of("--found"));
  found.focus = ratio(of("--focus"), of("--page"));
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_lets_its_text_be_read(browser: Browser, busy: Path, scheme: Any) -> None:
    """Stripes, too, which axe-core does not judge."""
    found = Opened(browser, busy, color_scheme=scheme)
    ratios = found.page.evaluate(CONTRASTS)
    assert len(ratios) == 9
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}
    dark = found.page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    found.context.close()


@pytest.mark.parametrize("width", [360, 1600])
def test_nothing_is_wider_than_the_screen(browser: Browser, busy: Path, width: int) -> None:
    found = Opened(browser, busy, viewport={"width": width, "height": 800})
    assert found.page.evaluate("document.documentElement.scrollWidth") == width
    box = found.tree("plain").bounding_box()
    assert box["x"] > 0 and box["x"] + box["width"] < width
    found.context.close()


def test_the_page_follows_the_width_of_the_window(opened: Opened) -> None:
    opened.page.set_viewport_size({"width": 360, "height": 800})
    opened.page.wait_for_function("document.querySelector('.tree').clientWidth < 360")
    few = opened.tree("plain").get_by_role("treeitem")
    opened.page.set_viewport_size({"width": 1600, "height": 800})
    opened.page.wait_for_function("document.querySelectorAll('.tree')[0].children.length > 0")
    assert few.count() > 10


def test_the_page_prints(browser: Browser, busy: Path) -> None:
    found = Opened(browser, busy, color_scheme="dark")
    found.page.emulate_media(media="print", color_scheme="dark")
    assert found.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not found.page.get_by_label("Find modules:").is_visible()
    assert found.tree("plain").is_visible()
    assert found.page.pdf(format="A4").startswith(b"%PDF-")
    found.context.close()


def test_nothing_moves(opened: Opened) -> None:
    moving = opened.page.evaluate(
        "[...document.querySelectorAll('*')].map(one => getComputedStyle(one)).filter("
        "style => style.animationName !== 'none' || parseFloat(style.transitionDuration) > 0 || "
        "style.scrollBehavior === 'smooth').length"
    )
    assert moving == 0


# --- other programs ------------------------------------------------------------------------------


def test_a_program_that_left_no_statistics(browser: Browser, python: Python, program: Path) -> None:
    found = Opened(browser, page_of(python, "-c", "import os, plain; os._exit(0)"))
    section = found.page.get_by_role("region", name="Hits and misses")
    assert "left no statistics" in section.inner_text()
    assert found.tree("PyCDS").get_by_role("treeitem").count() > 0
    assert found.noted == []
    found.context.close()


def test_a_program_that_imports_nothing(browser: Browser, python: Python) -> None:
    write_files(python.directory, {"nothing.py": "pass\n"})
    found = Opened(browser, page_of(python, "--", "nothing.py"))
    assert "This program imports nothing" in found.page.get_by_role("region", name="Imports", exact=True).inner_text()
    assert found.noted == []
    found.context.close()


def test_without_javascript_the_page_says_so(browser: Browser, busy: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(busy.as_uri())
    assert "JavaScript" in page.locator("main").inner_text()
    context.close()
