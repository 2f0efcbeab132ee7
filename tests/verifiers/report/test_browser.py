"""The pages in a real browser, as an ordinary user: Chromium, from ``file://``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.verifiers.report.browser import PROGRAM, Browser
from tests.verifiers.report.hostile import hostile
from tests.verifiers.report.made import history, matrix
from verifiers.report.files import Folder
from verifiers.report.publish import publish
from verifiers.report.selection import select
from verifiers.state import State
from verifiers.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.skipif(PROGRAM is None, reason="needs chromium")]

CANDIDATES = ("gcc-12.2.0", "clang-14.0.6", "tcc-0.9.27", "mycc-1.2", "slimcc-0.3", "kefir-0.4")
SHOWN = "[...document.querySelectorAll('td[data-t]')].filter(e => e.checkVisibility() && !e.matches('.away')).length"

CONTRAST = """
(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const solid = (color) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data; };
  const light = (c) => { const [r, g, b] = [...c].slice(0, 3).map((v) => v / 255)
      .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const bad = new Set();
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest('svg')) continue;
    let behind = element;
    while (behind && solid(getComputedStyle(behind).backgroundColor)[3] < 255) behind = behind.parentElement;
    const back = light(solid(behind ? getComputedStyle(behind).backgroundColor : 'white'));
    const front = light(solid(getComputedStyle(element).color));
    const ratio = (Math.max(back, front) + 0.05) / (Math.min(back, front) + 0.05);
    if (ratio < 4.5) bad.add(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
  }
  return [...bad];
})()
"""


def written(root: Path, store: Store) -> Path:
    """The pages, where another user can read them."""
    (index,) = publish(["html"], select(store, "latest"), store, root, Folder(root / "out"))
    for path in (root, *root.parents):
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)
    return index


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 projects × 4 arches × 6 compilers, three nights of them."""
    root = tmp_path_factory.mktemp("big")
    return written(root, history(root, matrix(40, CANDIDATES), 3, cases=200))


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hostile cell alone."""
    root = tmp_path_factory.mktemp("nasty")
    state = State(root)
    state.open()
    store = Store(state)
    hostile(root, store)
    return written(root, store)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One for all tests."""
    folder = tmp_path_factory.mktemp("browser")
    for path in folder.parents:
        if path.stat().st_uid == os.geteuid() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)
    found = Browser(folder)
    yield found
    found.close()


class TestMatrix:
    """The front page."""

    def test_all_cells_are_there(self, browser: Browser, big: Path) -> None:
        """And nothing complains or asks for anything but files."""
        browser.open(big)
        assert browser.run(SHOWN) == 960
        assert browser.run("document.querySelectorAll('.arch').length") == 4
        assert browser.complaints == []

    def test_a_failing_cell_opens(self, browser: Browser, big: Path) -> None:
        """With a click; its page says why, and leads back."""
        browser.open(big)
        browser.click("td.fail a")
        browser.until("location.pathname.includes('/cells/') && document.readyState === 'complete'")
        assert browser.run("document.querySelector('.big').innerText").startswith("FAIL ")
        assert len(browser.run("document.querySelector('#finding').innerText")) > 10
        assert browser.run("document.querySelectorAll('.steps tbody tr').length") == 4
        assert browser.complaints == []
        browser.click(".crumbs a")
        browser.until("location.pathname.endsWith('/index.html') && document.readyState === 'complete'")

    def test_filters(self, browser: Browser, big: Path) -> None:
        """Words, verdicts and what is costly; the address keeps them."""
        browser.open(big)
        browser.key("/")
        browser.type("mycc project07")
        browser.until(f"{SHOWN} === 4")
        assert browser.run("document.getElementById('shown').textContent") == "4 of 960 shown"
        browser.key("Escape")
        browser.until(f"{SHOWN} === 960")
        browser.run("document.querySelector('input[value=fail]').focus()")
        browser.key(" ")
        red = browser.run("document.querySelectorAll('td.fail').length")
        assert 0 < red < 960
        browser.until(f"{SHOWN} === {red}")
        assert browser.run("location.hash") == "#?k=fail"
        browser.call("Page.reload")
        browser.until(f"document.readyState === 'complete' && {SHOWN} === {red}")
        browser.run("document.querySelector('input[value=fail]').click()")
        browser.run("document.querySelector('input[name=costly]').click()")
        costly = browser.run("document.querySelectorAll('td[data-costly]').length")
        assert costly > 0
        browser.until(f"{SHOWN} === {costly}")
        assert browser.complaints == []

    def test_the_keyboard_is_enough(self, browser: Browser, big: Path) -> None:
        """Tab leads to a cell, Enter opens it, and what has the focus is seen."""
        browser.open(big)
        browser.run("document.querySelector('td.fail a').focus()")
        browser.key("Tab")
        assert browser.run("document.activeElement.closest('td') !== null")
        assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        browser.key("Enter")
        browser.until("location.pathname.includes('/cells/')")

    @pytest.mark.parametrize("width", [360, 768])
    def test_no_page_scrolls_sideways(self, browser: Browser, big: Path, nasty: Path, width: int) -> None:
        """On a phone and on a tablet, also with lines without end."""
        pages = [big, nasty, *nasty.parent.glob("c*/*.html"), next(big.parent.glob("cells/*.html"))]
        for page in [*pages, next(big.parent.glob("cases/*.html"))]:
            browser.open(page, width=width)
            assert browser.run("document.documentElement.scrollWidth") <= width, page

    @pytest.mark.parametrize("dark", [False, True])
    def test_everything_can_be_read(self, browser: Browser, big: Path, dark: bool) -> None:
        """WCAG's contrast of 4.5 for every text, by day and by night; and night is dark."""
        for page in (big, next(page for page in big.parent.glob("cells/*.html") if "check/case" in page.read_text())):
            browser.open(page, dark=dark)
            assert browser.run(CONTRAST) == []
        background = browser.run("getComputedStyle(document.body).backgroundColor")
        assert (sum(int(part) for part in background[4:-1].split(",")) < 200) == dark

    def test_without_scripts_all_is_there(self, browser: Browser, big: Path) -> None:
        """They only help."""
        browser.call("Emulation.setScriptExecutionDisabled", value=True)
        try:
            browser.open(big)
            assert browser.run(SHOWN) == 960
        finally:
            browser.call("Emulation.setScriptExecutionDisabled", value=False)


class TestHostile:
    """Text that wants to be more."""

    def test_it_is_only_text(self, browser: Browser, nasty: Path) -> None:
        """On every page; no script of it ran, nothing of it was asked for."""
        pages = [nasty, *nasty.parent.glob("c*/*.html")]
        assert len(pages) == 3
        for page in pages:
            browser.open(page)
            assert browser.run("document.title") != "owned"
            assert browser.run("document.scripts.length") == 1
            assert browser.run("document.querySelectorAll('img, body svg[onload]').length") == 0
            assert browser.complaints == []

    def test_the_log_shows_what_it_hid(self, browser: Browser, nasty: Path) -> None:
        """Controls as pictures, the override by its name, and the endless line cut."""
        (page,) = nasty.parent.glob("cells/*.html")
        browser.open(page)
        log = browser.run("document.querySelector('.log').textContent")
        for shown in ("<script>", "␛[31m", "␀", "U+202E RIGHT-TO-LEFT OVERRIDE", " characters)"):
            assert shown in log, shown
        assert len(log) < 10_000
