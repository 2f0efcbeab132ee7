"""Makes the README's pictures from a real report: ``docs/screenshots.py REPORT`` takes the folder that has index.html.

Needs Chromium, which writes the files into docs/images.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.verifiers.report.browser import PROGRAM, Browser  # noqa: E402


def main(report: Path) -> None:
    """The front page by day and by night, a failing cell, and the front page on a phone."""
    images = ROOT / "docs" / "images"
    images.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        shutil.copytree(report, folder / "report")
        index = folder / "report" / "index.html"
        red = re.search(r'<td class="c fail".*?href="([^"]+)"', index.read_text())
        browser = Browser(folder / "browser")
        try:
            shot(browser, index, images / "matrix.png")
            shot(browser, index, images / "matrix-dark.png", dark=True)
            shot(browser, index, images / "matrix-phone.png", width=390)
            if red:
                shot(browser, index.parent / red[1], images / "cell.png")
        finally:
            browser.close()


def shot(browser: Browser, page: Path, target: Path, *, width: int = 1280, dark: bool = False) -> None:
    """The top of a page."""
    browser.open(page, width=width, dark=dark)
    browser.picture(target)
    print(target)


if __name__ == "__main__":
    if PROGRAM is None or len(sys.argv) != 2:
        sys.exit("usage: docs/screenshots.py REPORT (a folder that `verify report` wrote); needs chromium")
    main(Path(sys.argv[1]))
