"""Two nights of the small project with a regression between them, and a hostile compiler: what every report says."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.e2e.conftest import Verify, _Quiet
from tests.e2e.test_saboteurs import PARSE, SABOTEURS
from verifiers.report.regress import Change, Comparison
from verifiers.results import MatrixResult, Reason, VerdictKind
from verifiers.state import State
from verifiers.store import Store

HOSTILE = r"""
if [ "$source" = text.c ]; then
  printf 'text.c:2:5: error: <script>document.title="owned"</script> \033[31m \342\200\256gnp \000 & "q"\n' >&2
  head -c 1048576 /dev/zero | tr '\0' A >&2
  echo "<img src=x onerror=alert(1)>" >&2
  exit 1
fi
exec gcc "$@"
"""


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verify]:
    """A good run with gcc, clang and mycc; one in which mycc miscompiles; and a third in which it writes rubbish."""
    folder = tmp_path_factory.mktemp("nights")
    served = folder / "served"
    served.mkdir()
    for path in (folder, *folder.parents):
        if path.owner() == folder.owner() and path != Path("/"):
            path.chmod(path.stat().st_mode | 0o011)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    verify = Verify(folder, f"http://127.0.0.1:{server.server_port}", served)
    plugin = str(verify.plugin())
    for script in ('exec gcc "$@"', PARSE + SABOTEURS["flips a constant"][0], PARSE + HOSTILE):
        mycc = verify.compiler(script)
        ccs = [word for cc in ("gcc", "clang", mycc) for word in ("--cc", cc)]
        done = verify.run("--project", "tally", "--plugin", plugin, "--fresh", *ccs)
        assert done.stdout, done.stderr
    yield verify
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def runs(nights: Verify) -> list[str]:
    """The three runs' ids."""
    store = Store(State(nights.folder / "state"))
    return [run.id for run in store.runs()]


def report(nights: Verify, run: str, *formats: str) -> Path:
    """A report of a run."""
    out = nights.folder / f"out-{run}-{'-'.join(formats)}"
    done = nights.run("report", "--run", run, "--format", ",".join(formats or ("all",)), "--out", str(out))
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        assert Path(line).exists()
    return out


class TestCompare:
    """``verify compare``."""

    def test_the_regression_and_nothing_else(self, nights: Verify, runs: list[str]) -> None:
        """Cell, case, message and exit code."""
        done = nights.run("compare", runs[0], runs[1], "--json")
        found = Comparison.model_validate_json(done.stdout)
        assert done.returncode == 1
        assert found.totals == {**dict.fromkeys(Change, 0), Change.NEWLY_FAILING: 1, Change.STILL_PASSING: 2}
        (cell,) = found.of(Change.NEWLY_FAILING)
        assert cell.cell.candidate.startswith("mycc")
        assert (cell.old, cell.new, cell.new_reason) == (VerdictKind.PASS, VerdictKind.FAIL, Reason.WRONG_RESULT)
        assert cell.cases.newly_failing == ("check/scaled", "check/scaled negative")
        assert cell.cases.still_passing == 3
        assert set(cell.messages) <= set(cell.cases.newly_failing)

    def test_text_is_for_grep(self, nights: Verify, runs: list[str]) -> None:
        """One line begins with FAIL, and the last one counts."""
        done = nights.run("compare", runs[0], runs[1])
        lines = done.stdout.splitlines()
        assert [line for line in lines if line.startswith("FAIL")] == [lines[0]]
        assert "newly failing tally@1.0 x86_64 mycc" in lines[0]
        assert lines[-1].endswith("3 cells: 1 newly failing, 2 still passing; 2 cases newly failing")
        markdown = nights.run("compare", runs[0], runs[1], "--markdown").stdout
        assert "**newly failing** (1)" in markdown and "check/scaled" in markdown

    def test_the_other_way_it_is_mended(self, nights: Verify, runs: list[str]) -> None:
        """And a gate passes."""
        done = nights.run("compare", runs[1], runs[0], "--json")
        found = Comparison.model_validate_json(done.stdout)
        assert done.returncode == 0
        (cell,) = found.of(Change.NEWLY_PASSING)
        assert cell.cases.newly_passing == ("check/scaled", "check/scaled negative")

    def test_a_run_with_itself(self, nights: Verify, runs: list[str]) -> None:
        """Nothing changed, also where cells are red."""
        done = nights.run("compare", runs[1], runs[1])
        assert done.returncode == 0
        assert done.stdout.splitlines()[-1].endswith("1 still failing, 2 still passing")

    def test_no_longer_building_is_worse_than_a_wrong_result(self, nights: Verify, runs: list[str]) -> None:
        """By the words previous and latest."""
        done = nights.run("compare", "previous", "latest", "--json")
        found = Comparison.model_validate_json(done.stdout)
        assert (found.old, found.new, done.returncode) == (runs[1], runs[2], 1)
        (cell,) = found.of(Change.NEWLY_FAILING)
        assert "failed in build" in cell.why

    def test_compilers(self, nights: Verify) -> None:
        """gcc against clang: nothing; against mycc's newest cell: that one fails."""
        assert nights.run("compare", "gcc", "clang").returncode == 0
        done = nights.run("compare", "gcc", "mycc")
        assert done.returncode == 1
        assert done.stdout.startswith("FAIL newly failing tally@1.0 x86_64 mycc")

    @pytest.mark.parametrize(
        ("names", "says"),
        [
            (("gcc", "clong"), "did you mean clang"),
            (("2019-01-01", "latest"), "neither a run nor a compiler"),
            (("gcc", "latest"), "give two runs or two compilers"),
        ],
    )
    def test_wrong_names(self, nights: Verify, names: tuple[str, str], says: str) -> None:
        """One line, and exit code 2."""
        done = nights.run("compare", *names)
        assert done.returncode == 2
        assert done.stdout == "" and len(done.stderr.splitlines()) == 1
        assert says in done.stderr

    def test_without_the_lists_of_cases(self, nights: Verify, runs: list[str], tmp_path: Path) -> None:
        """They may have been removed to save space: what failed is still known, and a gate still closes."""
        hidden = []
        for file in (nights.folder / "state" / "logs").rglob("cases.json.gz"):
            hidden.append((file, file.with_suffix(".away")))
            file.rename(file.with_suffix(".away"))
        try:
            done = nights.run("compare", runs[0], runs[1])
        finally:
            for file, away in hidden:
                away.rename(file)
        assert done.returncode == 1
        assert "the list of all cases is gone" in done.stdout
        assert "newly failing (2)" in done.stdout


class TestReport:
    """``verify report``."""

    def test_every_format_shows_the_regression(self, nights: Verify, runs: list[str]) -> None:
        """That and no other."""
        out = report(nights, runs[1], "all")
        matrix = MatrixResult.model_validate_json((out / "report.json").read_text())
        assert matrix.run == runs[1]
        assert matrix.totals[VerdictKind.FAIL] == 1 and matrix.totals[VerdictKind.PASS] == 2
        index = (out / "index.html").read_text()
        assert "3 cells = 2 pass + 1 fail" in index
        assert re.search(r"<b>1</b> newly failing</p>|<b>1</b> newly failing.*\.</p>", index)
        (link,) = re.findall(r'<td class="c fail".*?href="([^"]+)"', index)
        cell = (out / link).read_text()
        for text in (
            "check/scaled negative",
            "reproduce.sh",
            "not ok 1",
            "red again in a fresh folder",
            "wrong-result",
        ):
            assert text in cell, text
        assert (out / "report.md").read_text().count("❌") == 2  # the table and the details
        red = [
            file
            for file in (out / "junit").iterdir()
            if next(ElementTree.parse(file).getroot().iter("testsuite")).get("failures") != "0"
        ]
        assert len(red) == 1
        names = [
            case.get("name")
            for case in ElementTree.parse(red[0]).getroot().iter("testcase")
            if case.find("failure") is not None
        ]
        assert names == ["cell: fail", "scaled", "scaled negative"]
        badge = (out / "badges" / "all.svg").read_text()
        assert "2 of 3 pass, 1 fail" in badge

    def test_the_case_came_and_went(self, nights: Verify, runs: list[str]) -> None:
        """The third night's page of cases remembers the second's."""
        out = report(nights, runs[2], "html")
        (page,) = (out / "cases").iterdir()
        text = page.read_text()
        assert "check/scaled negative" in text
        assert "last 3 runs, oldest first: did not fail, then fail, then not tested" in text

    def test_hostile_messages_of_a_compiler(self, nights: Verify, runs: list[str]) -> None:
        """They are text, and bounded."""
        out = report(nights, runs[2], "all")
        pages = [page.read_text() for page in out.rglob("*.html")]
        assert any("&lt;script&gt;document.title" in page for page in pages)
        for page in pages:
            assert page.count("<script") == 1 and "<img" not in page
            assert not re.search("[\0\x1b\u202e]", page)
            assert len(page) < 300_000
        for file in (out / "junit").iterdir():
            ElementTree.parse(file)
        assert "<script" not in (out / "report.md").read_text()
        (log,) = [page for page in pages if 'class="log"' in page]
        assert "characters)" in log

    def test_all_is_the_newest_of_every_cell(self, nights: Verify) -> None:
        """One of each candidate."""
        out = report(nights, "all", "json")
        assert len(MatrixResult.model_validate_json((out / "report.json").read_text()).cells) == 3

    def test_the_default_is_pages_in_the_state_folder(self, nights: Verify, runs: list[str]) -> None:
        """Of the latest run."""
        done = nights.run("report")
        assert done.stdout.strip() == str(nights.folder / "state" / "reports" / runs[2] / "index.html")

    def test_the_schema(self, nights: Verify) -> None:
        """Without any history."""
        done = nights.run("report", "--schema")
        assert done.returncode == 0
        assert '"MatrixResult"' in done.stdout

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("--format", "htlm"), "did you mean html"),
            (("--run", "lastest"), "did you mean latest"),
        ],
    )
    def test_wrong_words(self, nights: Verify, arguments: tuple[str, str], says: str) -> None:
        """One line, and exit code 2."""
        done = nights.run("report", *arguments)
        assert done.returncode == 2
        assert says in done.stderr


def test_nothing_was_run_yet(verify: Verify) -> None:
    """Both say what to do."""
    for words in (("report",), ("compare", "previous")):
        done = verify.run(*words)
        assert done.returncode == 2
        assert "verify --project" in done.stderr
