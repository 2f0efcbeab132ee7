"""Every format of a report, of a made-up night and of a hostile cell."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.verifiers.report.hostile import LONG, hostile
from tests.verifiers.report.made import cell, history, matrix, result
from verifiers.cli.report import FORMATS
from verifiers.errors import Unwritable
from verifiers.report.badges import badges
from verifiers.report.data import schema
from verifiers.report.files import Folder
from verifiers.report.junit import junit
from verifiers.report.markdown import LIMIT, plain
from verifiers.report.publish import health_of, publish
from verifiers.report.selection import select
from verifiers.results import CaseTable, MatrixResult, Mix, Reason, Sample, VerdictKind
from verifiers.state import State
from verifiers.store import Store

CANDIDATES = ("gcc-12.2.0", "clang-14.0.6", "mycc-1.2")


def made(root: Path, out: Path, store: Store, run: str = "latest") -> Path:
    """Every format of a run."""
    for _ in publish(FORMATS, select(store, run), store, root, Folder(out)):
        pass
    return out


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All formats of the last of three nights with 48 cells."""
    root = tmp_path_factory.mktemp("nights")
    store = history(root, matrix(4, CANDIDATES), 3, cases=40, files=True)
    return made(root, root / "out", store)


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All formats of a run with the hostile cell."""
    root = tmp_path_factory.mktemp("hostile")
    state = State(root)
    state.open()
    store = Store(state)
    hostile(root, store)
    hostile_again = store.begin("{}")
    store.finish(hostile_again)
    return made(root, root / "out", store)


class Tags(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.handlers: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.handlers += [name for name in given if name.startswith("on")]
        self.addresses += [
            value or "" for name, value in given.items() if name in ("href", "src", "xlink:href", "action")
        ]
        if tag == "script":
            self.scripts.append(given.get("src"))


class TestPages:
    """HTML."""

    def test_every_link_leads_somewhere(self, report: Path) -> None:
        """To a file of the report, or a place on a page; none leads elsewhere."""
        pages = list(report.rglob("*.html"))
        assert len(pages) > 48
        for page in pages:
            text = page.read_text()
            for address in Tags(text).addresses:
                path, _, anchor = address.partition("#")
                if address == "data:,":
                    continue
                target = (page.parent / path).resolve() if path else page
                assert target.is_file() and target.is_relative_to(report.resolve()), address
                if anchor:
                    assert f'id="{anchor}"' in target.read_text(), address

    def test_nothing_comes_from_elsewhere(self, report: Path, nasty: Path) -> None:
        """Neither pages nor their styles and scripts name an address."""
        for path in [*report.rglob("*"), *nasty.rglob("*.css"), *nasty.rglob("*.js")]:
            if path.suffix in (".html", ".css", ".js"):
                assert not re.search(r"https?://|@import|url\(", path.read_text()), path

    def test_the_first_line_is_the_harness_and_adds_up(self, report: Path) -> None:
        """Its numbers are those of the JSON."""
        text = (report / "index.html").read_text()
        found = re.search(r"(\d+) cells = (.*?)<", text)
        assert found
        assert text.index("cells = ") < text.index("<h1>")
        numbers = [int(number) for number in re.findall(r"\d+", found[2])]
        assert sum(numbers) == int(found[1]) == 48
        matrix = MatrixResult.model_validate_json((report / "report.json").read_text())
        assert sorted(numbers) == sorted(count for count in matrix.totals.values() if count)

    def test_a_costly_cell_is_seen_on_the_front_page(self, report: Path) -> None:
        """Correct and 400 times slower."""
        text = (report / "index.html").read_text()
        assert "<h2>Costly</h2>" in text
        assert re.search(r"▲ \d{3,4}×|▲ \d,\d{3}×", text)

    def test_every_cell_has_a_verdict_in_words(self, report: Path) -> None:
        """And a shape, and a trend with words."""
        text = (report / "index.html").read_text()
        cells = re.findall(r'<td class="c (\w+)".*?</td>', text, re.S)
        assert len(cells) == 48
        for found in re.finditer(r'<td class="c (\w+)".*?</td>', text, re.S):
            assert f"<b>{found[1]}</b>" in found[0]
            assert f'href="#v-{found[1]}"' in found[0]
            assert 'aria-label="last 3 runs' in found[0]

    def test_cells_that_differ_in_little_have_places_of_their_own(self, tmp_path: Path) -> None:
        """A red cell is neither hidden behind a green one, nor moved below another compiler's name."""
        state = State(tmp_path)
        state.open()
        store = Store(state)
        run = store.begin("{}")
        red = cell(levels=("-O0",))
        others = [cell(levels=("-O2",)), cell(sample=Sample(percent=10)), cell(seed=3), cell()]
        others += [cell(mix=Mix(files=(name,))) for name in "ab"]
        store.save(result(red, VerdictKind.FAIL, failing=["x"], run_id=run))
        for each in (*others, cell(candidate="other-1.0")):
            store.save(result(each, run_id=run))
        out = made(tmp_path, tmp_path / "out", store)
        table = next(part for part in (out / "report.md").read_text().split("\n\n") if part.startswith("| |"))
        assert (table.count("✅"), table.count("❌")) == (7, 1)
        page = (out / "index.html").read_text()
        columns = re.findall(r'<th scope="col">([^<]+)<', page)[1:]
        rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", page, re.S)
        assert [len(re.findall("<td ", row)) for row in rows] == [len(columns)] * len(rows)
        for row in rows:
            for column, found in zip(columns, re.findall(r"<td .*?</td>", row, re.S), strict=True):
                assert f'data-column="{column}"' in found or "no such cell" in found

    def test_what_was_not_run_is_in_no_group(self, tmp_path: Path) -> None:
        """However it ended the last time."""
        state = State(tmp_path)
        state.open()
        store = Store(state)
        first = store.begin("{}")
        store.save(result(cell(), VerdictKind.FAIL, failing=["x"], run_id=first))
        known = store.trusted("f")
        assert known
        for _ in range(2):
            run = store.begin("{}")
            store.plan(run, [cell(), cell("q")])
            store.save(result(cell("q"), run_id=run, fingerprint="q"))
            if len(store.runs()) == 2:
                store.reuse(run, known)
        page = (made(tmp_path, tmp_path / "out", store) / "index.html").read_text()
        assert "not run" in page and "Failures that look the same" not in page

    def test_hostile_text_is_only_text(self, nasty: Path) -> None:
        """No tag, no attribute, no character of it is more."""
        pages = list(nasty.rglob("*.html"))
        assert len(pages) == 3  # the front page, the cell's and its project's cases
        for page in pages:
            text = page.read_text()
            tags = Tags(text)
            assert tags.handlers == []
            assert tags.scripts == [f"{'' if page.name == 'index.html' else '../'}assets/report.js"]
            assert "img" not in tags.tags
            assert not re.search("[\0\x1b\x07\r\x85\u202e\u2066\ufffe]", text)
            timeless = re.sub(r"\d\d:\d\d|:\d\d\b", "", text)
            assert "{{ 7*7 }}" in text and "49" not in re.sub(r"\d{3,}|[\w.]*49[\w.]+|[\w.]+49", "", timeless)
            assert len(text) < 400_000
            assert LONG[:2000] not in text
        assert "&lt;script&gt;document.title=&#39;owned&#39;&lt;/script&gt;" in pages[0].read_text()
        assert "U+202E RIGHT-TO-LEFT OVERRIDE" in "".join(page.read_text() for page in pages)


class TestJUnit:
    """XML."""

    def test_it_adds_up(self, report: Path) -> None:
        """A file a cell; the first test case is the cell; the counts are those of the elements."""
        files = list((report / "junit").iterdir())
        assert len(files) == 48
        kinds = {"pass": 0, "failure": 0, "error": 0, "skipped": 0}
        for file in files:
            (suite,) = ElementTree.parse(file).getroot().iter("testsuite")
            cases = list(suite.iter("testcase"))
            assert int(suite.get("tests", "-1")) == len(cases)
            for kind in ("failure", "error", "skipped"):
                count = sum(1 for case in cases if case.find(kind) is not None)
                assert int(suite.get({"failure": "failures", "error": "errors"}.get(kind, kind), "-1")) == count
            assert (cases[0].get("name") or "").startswith("cell: ")
            found = [kind for kind in kinds if kind != "pass" and cases[0].find(kind) is not None]
            kinds[found[0] if found else "pass"] += 1
        matrix = MatrixResult.model_validate_json((report / "report.json").read_text())
        totals = matrix.totals
        assert kinds["pass"] == totals[VerdictKind.PASS]
        assert kinds["failure"] == totals[VerdictKind.FAIL] + totals[VerdictKind.FLAKY]
        assert kinds["error"] == totals[VerdictKind.ERROR] + totals[VerdictKind.BROKEN]

    def test_a_case_whose_output_differs_is_a_failure_though_it_passed(self) -> None:
        """Its name is in the list of those that passed."""
        found = result(cell(), VerdictKind.FAIL, failing=["check/a"])
        text = junit(found, CaseTable(passed={"check/a": "digest", "check/b": ""}))
        cases = {case.get("name"): case for case in ElementTree.fromstring(text).iter("testcase")}
        assert list(cases) == ["cell: fail", "a", "b"]
        assert cases["a"].find("failure") is not None
        assert cases["b"].find("failure") is None

    def test_of_very_many_only_those_that_failed_are_listed(self) -> None:
        """And the others are counted."""
        passed = {f"check/{number}": "" for number in range(12_000)}
        text = junit(result(cell(), VerdictKind.FAIL, failing=["check/7"]), CaseTable(passed=passed))
        tree = ElementTree.fromstring(text)
        assert len(list(tree.iter("testcase"))) == 2
        assert {each.get("value") for each in tree.iter("property") if "not listed" in (each.get("name") or "")} == {
            "11999"
        }

    def test_hostile_text_is_well_formed(self, nasty: Path) -> None:
        """And short."""
        (file,) = (nasty / "junit").iterdir()
        tree = ElementTree.fromstring(file.read_bytes())
        assert len(list(tree.iter("failure"))) == 4
        assert file.stat().st_size < 100_000


class TestMarkdown:
    """For a pull request."""

    def test_it_names_what_failed(self, report: Path) -> None:
        """A table an arch, and details of each red cell."""
        text = (report / "report.md").read_text()
        matrix = MatrixResult.model_validate_json((report / "report.json").read_text())
        red = [each for each in matrix.cells if each.verdict.kind not in (VerdictKind.PASS, VerdictKind.SKIP)]
        assert text.count("<details>") == text.count("</details>") == len(red)
        assert text.count("✅ pass") == matrix.totals[VerdictKind.PASS]
        for each in red:
            assert f"<code>{each.cell}</code>" in text
        assert html.unescape(text).count("**x86_64**") == 1
        assert plain("a_b #1 <x> https://y\0") == "a&#95;b &#35;1 &lt;x&gt; https&#58;//y␀"

    def test_it_fits_a_comment(self, tmp_path: Path) -> None:
        """However large the night was."""
        store = history(tmp_path, matrix(100, CANDIDATES), 1)
        (file,) = publish(["markdown"], select(store, "latest"), store, tmp_path, Folder(tmp_path / "out"))
        text = file.read_text()
        assert len(text) <= LIMIT + 200
        assert "more that did not pass" in text
        assert text.count("<details>") == text.count("</details>")

    def test_hostile_text_is_only_text(self, nasty: Path) -> None:
        """No tag, no mention, no link, no table of its own; no line of it ends a block."""
        text = (nasty / "report.md").read_text()
        assert "<script" not in text and "<img" not in text and "<svg" not in text
        outside = re.sub(r"<(code|pre)>.*?</\1>", "", text, flags=re.S)
        assert "@everyone" not in outside and "](" not in outside and "**bold**" not in outside
        (row,) = [line for line in text.splitlines() if line.startswith("| p")]
        assert row.count("|") == 3
        for block in re.findall(r"<pre>.*?</pre>", text, re.S):
            assert "\n\n" not in block


class TestJson:
    """For programs."""

    def test_it_is_what_the_schema_says(self, report: Path) -> None:
        """The model reads it, and the schema names all of its keys."""
        text = (report / "report.json").read_text()
        matrix = MatrixResult.model_validate_json(text)
        assert len(matrix.cells) == 48
        assert matrix.seconds == 4 * 3600
        assert json.loads(schema())["properties"].keys() == json.loads(text).keys()
        assert (report / "report.schema.json").read_text() == schema()

    def test_hostile_text_survives(self, nasty: Path) -> None:
        """As it was: JSON has its own escapes."""
        matrix = MatrixResult.model_validate_json((nasty / "report.json").read_text())
        assert "\u202e" in matrix.cells[0].verdict.message


class TestBadges:
    """SVG files."""

    def test_one_for_each_and_one_for_all(self, report: Path) -> None:
        """Well-formed, with the verdict in words."""
        files = {path.name: ElementTree.parse(path).getroot() for path in (report / "badges").iterdir()}
        assert len(files) == 49
        assert "project00_x86_64_gcc-12.2.0.svg" in files
        for name, root in files.items():
            label = root.get("aria-label") or ""
            assert name == "all.svg" or re.search(": (pass|fail|flaky|broken|skip|error)", label), label
        assert re.search(r"ccverify: \d+ of 48 pass", files["all.svg"].get("aria-label") or "")

    def test_hostile_names(self, nasty: Path) -> None:
        """In the file's name and in its text."""
        files = list((nasty / "badges").iterdir())
        assert len(files) == 2
        for file in files:
            assert {each.tag.rpartition("}")[2] for each in ElementTree.parse(file).iter()} <= {
                "svg", "title", "clipPath", "rect", "g", "text", "path",
            }  # fmt: skip

    def test_nothing_indeterminate_is_green(self, tmp_path: Path) -> None:
        """Of skipped cells only, or with cells that were not run, the badge for all is not green."""
        state = State(tmp_path)
        state.open()
        store = Store(state)
        run_id = store.begin("{}")
        store.save(result(cell(), VerdictKind.SKIP, reason=Reason.UNSUPPORTED, run_id=run_id))
        green = "#2b7a4b"
        assert green not in dict(badges(store.places(run_id)))["all.svg"]
        store.save(result(cell("q"), run_id=run_id))
        assert green in dict(badges(store.places(run_id)))["all.svg"]
        assert green not in dict(badges(store.places(run_id), 1))["all.svg"]


class TestFolder:
    """Where a report is written."""

    def test_a_second_report_leaves_nothing_of_the_first(self, tmp_path: Path) -> None:
        """And other files alone."""
        root, out = tmp_path / "state", tmp_path / "out"
        store = history(root, matrix(2, CANDIDATES), 2, cases=10)
        made(root, out, store)
        (out / "mine.txt").write_text("mine")
        (out / ".ccverify-report").write_text((out / ".ccverify-report").read_text() + "../state/history.db\n")
        before = {path for path in out.rglob("*.html")}
        first = select(store, "latest")
        for _ in publish(["badges"], first, store, root, Folder(out)):
            pass
        assert (out / "mine.txt").read_text() == "mine"
        assert (root / "history.db").exists()
        assert before and not list(out.rglob("*.html"))

    def test_a_place_that_is_no_folder(self, tmp_path: Path) -> None:
        """One line, not a traceback."""
        (tmp_path / "file").write_text("")
        with pytest.raises(Unwritable, match="cannot write to"):
            Folder(tmp_path / "file" / "report").write("index.html", "")

    def test_health_of_a_run_that_was_cut_short(self, tmp_path: Path) -> None:
        """It is said."""
        state = State(tmp_path)
        state.open()
        store = Store(state)
        run_id = store.begin("{}")
        store.save(result(cell(), run_id=run_id))
        assert "the run did not come to its end" in health_of(select(store, "latest"), store, tmp_path).troubles
