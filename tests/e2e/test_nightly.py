"""Nights of the small project: a regression between two of them, nothing new in a third, and nights that are killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.e2e.conftest import Verify
from tests.e2e.test_saboteurs import PARSE, SABOTEURS
from verifiers.files import lock
from verifiers.report.regress import Change, Comparison
from verifiers.results import MatrixResult, VerdictKind
from verifiers.state import State
from verifiers.store import Store

GOOD = 'exec gcc "$@"'
BAD = PARSE + SABOTEURS["flips a constant"][0]


class Ear:
    """A webhook on loopback that remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.deaf = False
        ear = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not ear.deaf:
                    ear.heard.append(json.loads(body))
                self.send_response(503 if ear.deaf else 200)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self._server.server_port}/told"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def new(self) -> list[dict[str, Any]]:
        """What it was told since it was last asked."""
        heard, self.heard = self.heard, []
        return heard

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def ear() -> Iterator[Ear]:
    found = Ear()
    yield found
    found.close()


other_ear = ear  # a second address


def described(verify: Verify, ear: Ear | None = None, candidates: str = "", more: str = "", above: str = "") -> None:
    """Write verify.toml with a night of the small project."""
    named = candidates or f'"clang", "tcc", "{verify.folder}/compiler/mycc"'
    urls = f'[nightly.notify]\nurls = ["{ear.url}"]\nlink = "https://nights.example"\n' if ear else ""
    verify.config = (
        f'{above}\n[nightly]\nprojects = ["tally"]\ncandidates = [{named}]\nplugins = ["{verify.plugin()}"]\n'
        f"{more}\n{urls}[limits]\ncompile_seconds = 60\n"
    )


def night(verify: Verify, *arguments: str) -> subprocess.CompletedProcess[str]:
    return verify.run("nightly", *arguments)


class TestNights:
    """What the second and third nights say."""

    def test_a_regression_between_two_nights(self, verify: Verify, ear: Ear) -> None:
        """Page, comparison, JUnit, Markdown and notification show exactly that; then nothing; then the repair."""
        described(verify, ear)
        out = verify.folder / "state" / "reports" / "nightly"
        verify.compiler(GOOD)
        first = night(verify)
        assert first.returncode == 0, first.stderr
        assert ear.new() == []  # all is well: nobody is woken
        index = (out / "index.html").read_text()
        assert "4 cells = 4 pass" in index  # with the oracle against itself

        verify.compiler(BAD)
        by_hand = ["--project", "tally", "--plugin", str(verify.plugin()), "--cc", f"{verify.folder}/compiler/mycc"]
        assert verify.run(*by_hand).returncode == 1  # between the nights: they are held against each other
        assert night(verify).returncode == 1
        (told,) = ear.new()
        assert told["title"] == "ccverify: 1 newly failing"
        lines = told["message"].splitlines()
        assert [line for line in lines if line.startswith("FAIL")] == [lines[0]]
        assert lines[0].startswith("FAIL newly failing tally@1.0 x86_64 mycc") and "wrong-result" in lines[0]
        assert lines[1:3] == ["  check/scaled", "  check/scaled negative"]
        assert lines[3].startswith("  https://nights.example/cells/tally-1.0_x86_64_mycc")
        assert "4 cells = 3 pass + 1 fail" in told["message"]
        found = Comparison.model_validate_json((out / "compare.json").read_text())
        assert found.totals == {**dict.fromkeys(Change, 0), Change.NEWLY_FAILING: 1, Change.STILL_PASSING: 3}
        (cell,) = found.of(Change.NEWLY_FAILING)
        assert cell.cases.newly_failing == ("check/scaled", "check/scaled negative")
        assert "**newly failing** (1)" in (out / "compare.md").read_text()
        assert (out / "report.md").read_text().count("❌") == 2
        assert "<b>1</b> newly failing" in (out / "index.html").read_text()
        red = [
            file.name
            for file in (out / "junit").iterdir()
            if next(ElementTree.parse(file).getroot().iter("testsuite")).get("failures") != "0"
        ]
        assert len(red) == 1 and "mycc" in red[0]

        third = night(verify)
        assert third.returncode == 1  # it still fails
        assert third.stdout.count("(cached)") == 4
        assert ": ok" not in third.stderr  # no step ran
        assert ear.new() == []

        verify.compiler(GOOD)
        assert night(verify).returncode == 0
        (told,) = ear.new()
        assert told["title"] == "ccverify: 1 mended"
        assert told["message"].startswith("mended tally@1.0 x86_64 mycc")

    def test_a_narrowed_night_forgets_nothing(self, verify: Verify, ear: Ear) -> None:
        """What is red in other cells is not told anew after it."""
        described(verify, ear, f'"tcc", "{verify.folder}/compiler/mycc"', "oracle_days = 0")
        verify.compiler(BAD)
        night(verify)
        assert [each["title"] for each in ear.new()] == ["ccverify: 1 newly failing"]
        assert night(verify, "--cc", "tcc").returncode == 0
        assert night(verify).returncode == 1
        assert ear.new() == []
        done = night(verify, "--cc", "cl")
        assert (done.returncode, "no such cell; [nightly] in" in done.stderr) == (2, True), done.stderr

    def test_what_was_not_delivered_is_told_again(self, verify: Verify, ear: Ear) -> None:
        """With the next night, or with --resume; and the night says so."""
        described(verify, ear, f'"{verify.folder}/compiler/mycc"')
        verify.compiler(BAD)
        ear.deaf = True
        done = night(verify)
        assert done.returncode == 1
        assert "the notification by json://… was not delivered" in done.stderr
        ear.deaf = False
        assert night(verify, "--resume").returncode == 1
        assert [each["title"] for each in ear.new()] == ["ccverify: 1 newly failing"]
        done = night(verify, "--resume")
        assert (done.returncode, "nothing to resume" in done.stderr) == (2, True)

    def test_an_address_that_is_dead(self, verify: Verify, ear: Ear, other_ear: Ear) -> None:
        """The others hear everything once; it hears all of it when it lives again."""
        described(verify, ear, f'"{verify.folder}/compiler/mycc"', "oracle_days = 0")
        verify.config = verify.config.replace(ear.url, f'{ear.url}", "{other_ear.url}')
        verify.compiler(BAD)
        other_ear.deaf = True
        for _ in range(2):
            assert "was not delivered" in night(verify).stderr
        assert [each["title"] for each in ear.new()] == ["ccverify: 1 newly failing"]
        other_ear.deaf = False
        assert "was not delivered" not in night(verify).stderr
        assert [each["title"] for each in other_ear.new()] == ["ccverify: 1 newly failing"]
        verify.config = verify.config.replace(other_ear.url, "json://127.0.0.1:9/new")
        assert "was not delivered" not in night(verify).stderr  # nothing is new to one who has just come
        assert ear.new() == other_ear.new() == []

    def test_a_report_that_cannot_be_written(self, verify: Verify, ear: Ear) -> None:
        """Keeps nobody from being told, also of that."""
        more = f'oracle_days = 0\nreport = "{verify.folder}/verify.toml/report"'
        described(verify, ear, f'"{verify.folder}/compiler/mycc"', more)
        verify.compiler(BAD)
        done = night(verify)
        assert (done.returncode, "cannot write to" in done.stderr) == (1, True)
        (told,) = ear.new()
        assert told["title"] == "ccverify: 1 newly failing, harness not well"
        assert "harness not well: cannot write to" in told["message"]

    def test_excused_and_expired(self, verify: Verify, ear: Ear) -> None:
        """Never green, never red; red again when the excuse expires; and told when it passes."""
        excuse = (
            '[[excuse]]\nproject = "tally"\ncase = "check/scaled*"\ncandidate = "mycc"\n'
            'bug = "https://bugs.example/7"\nexpires = {}\n'
        )
        only = f'"{verify.folder}/compiler/mycc"'
        described(verify, ear, only, "oracle_days = 0", excuse.format("2999-12-31"))
        verify.compiler(BAD)
        done = night(verify)
        assert done.returncode == 0
        assert "fail excused tally@1.0 x86_64 mycc" in done.stdout
        assert "excused for 2 cases until 2999-12-31 by https://bugs.example/7" in done.stdout
        assert ear.new() == []
        out = verify.folder / "state" / "reports" / "nightly"
        assert "1 cell = 1 excused" in (out / "index.html").read_text()
        assert 'class="c excused"' in (out / "index.html").read_text()
        assert "0 of 1 pass, 1 excused" in (out / "badges" / "all.svg").read_text()
        (file,) = (out / "junit").iterdir()
        suite = next(ElementTree.parse(file).getroot().iter("testsuite"))
        assert (suite.get("failures"), suite.get("skipped")) == ("0", "3")
        assert MatrixResult.model_validate_json((out / "report.json").read_text()).cells[0].verdict.kind == "fail"

        described(verify, ear, only, "oracle_days = 0", excuse.format("2020-01-01"))
        done = night(verify)
        assert done.returncode == 1
        assert done.stdout.startswith("FAIL tally@1.0 x86_64 mycc")
        assert "its excuse expired after 2020-01-01" in done.stdout
        (told,) = ear.new()
        assert told["title"] == "ccverify: 1 newly failing, 1 excuse expired"

        verify.compiler(GOOD)
        described(verify, ear, only, "oracle_days = 0", excuse.format("2999-12-31"))
        done = night(verify)
        assert done.returncode == 0
        assert "unexpected pass: check/scaled passes, excused until 2999-12-31" in done.stdout
        assert [each["title"] for each in ear.new()] == ["ccverify: 1 unexpected pass, 1 mended"]

    def test_a_lost_compiler_and_a_night_that_is_too_short(self, verify: Verify) -> None:
        """The other cells are run all the same; what was not run is said."""
        described(verify, None, f'"{verify.folder}/compiler/gone", "tcc"', "oracle_days = 0")
        done = night(verify)
        assert done.returncode == 3
        assert "ERROR tally@1.0 x86_64 gone standard: no-compiler" in done.stdout
        assert "pass tally@1.0 x86_64 tcc" in done.stdout
        described(verify, None, '"clang", "tcc"', "hours = 1e-7")
        done = night(verify, "--fresh")
        assert done.returncode == 3
        index = (verify.folder / "state" / "reports" / "nightly" / "index.html").read_text()
        assert "3 cells = 3 not run" in index
        assert "3 cells not run: its time was over" in index
        assert "was pass" in index and "Never run yet" in index
        assert night(verify).returncode == 3
        index = (verify.folder / "state" / "reports" / "nightly" / "index.html").read_text()
        assert "3 cells = 1 pass + 2 not run" in index  # what the history answers takes no time
        described(verify, None, '"clang", "tcc"', 'least_free = "900 TiB"')
        assert night(verify, "--fresh").returncode == 3
        index = (verify.folder / "state" / "reports" / "nightly" / "index.html").read_text()
        assert "3 cells not run: only" in index and "MiB of disk were left" in index

    def test_lost_compilers_of_one_name(self, verify: Verify) -> None:
        """Each has its cells, and none hides one that is there; nor does one that is no name at all."""
        verify.compiler('exec tcc "$@"', "a-cc")
        given = ("gone/a-cc", "gone/b-cc", "else/b-cc", "compiler/a-cc")
        described(verify, None, ", ".join(f'"{verify.folder}/{each}"' for each in given) + ', ""', "oracle_days = 0")
        done = night(verify)
        assert done.returncode == 3, done.stderr
        assert done.stdout.count("standard: no-compiler") == 4, done.stdout
        assert "pass tally@1.0 x86_64 a-cc" in done.stdout

    def test_one_night_at_a_time(self, verify: Verify) -> None:
        """A second one says so and leaves everything as it is."""
        described(verify, None, '"tcc"')
        with lock(verify.folder / "state" / "nightly.lock"):
            done = night(verify)
        assert done.returncode == 3
        assert "a night is at work on" in done.stderr
        assert not (verify.folder / "state" / "history.db").exists()

    def test_the_oracle_against_itself(self, verify: Verify) -> None:
        """Is one cell, whoever named it, and is run again when that is due; others are answered from the history."""
        described(verify, None, '"gcc", "tcc"', "oracle_days = 1e-5")
        assert night(verify).stdout.count("pass tally") == 2
        again = night(verify)
        lines = [line for line in again.stdout.splitlines() if line.startswith("pass tally")]
        assert [("x86_64 gcc-" in line, "(cached)" in line) for line in sorted(lines)] == [(True, False), (False, True)]

    def test_what_the_oracle_itself_does_not_always_pass(self, verify: Verify) -> None:
        """Is learned from its run against itself: a candidate that fails there only is flaky, and still red."""
        verify.body = """
            def suites(self, work):
                up = "ok" if work.label == "oracle" else "not ok"  # its first run, and no later one of anybody
                tests = Suite("check", (f"{work.build}/tally",), tap.parse, seconds=20)
                return [tests, Suite("net", ("echo", f"1..1\\n{up} 1 - up"), tap.parse)]


            Tally.suites = suites
        """
        described(verify, None, '"tcc"')
        assert night(verify).returncode == 1
        done = night(verify)
        assert done.returncode == 1
        lines = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
        assert len(lines) == 2 and all(line.startswith("FAIL flaky") for line in lines), done.stdout
        store = Store(State(verify.folder / "state"))
        (place, _) = store.places(store.runs()[-1].id)
        assert store.flaky_cases(place.cell) == {"net/up"}

    def test_a_night_that_cannot_begin(self, verify: Verify, ear: Ear) -> None:
        """Leaves a report all the same, which says why, and is told."""
        described(verify, ear, '"tcc"', "oracle_days = 0")
        assert night(verify).returncode == 0
        verify.config = verify.config.replace('projects = ["tally"]', 'projects = ["tall"]')
        done = verify.run("nightly")
        assert done.returncode == 2
        assert "did you mean tally?" in done.stderr
        (told,) = ear.new()
        assert told["title"] == "ccverify: harness not well"
        index = (verify.folder / "state" / "reports" / "nightly" / "index.html").read_text()
        assert "it was broken off" in index and "unknown project" in index

    def test_parts_are_merged(self, verify: Verify, ear: Ear, tmp_path: Path) -> None:
        """Two machines' parts are one night, with their logs; and it is compared with the night before."""
        described(verify, ear, f'"tcc", "{verify.folder}/compiler/mycc"', "oracle_days = 0")
        for script in (GOOD, BAD):
            verify.compiler(script)
            parts = []
            for name in ("tcc", f"{verify.folder}/compiler/mycc"):
                verify.state = verify.folder / f"part{len(parts)}"
                parts += ["--merge", str(verify.state)]
                night(verify, "--part", "--cc", name)
                assert ear.new() == []
            verify.state = None
            done = night(verify, *parts)
            assert done.returncode == (1 if script == BAD else 0), done.stderr
        (told,) = ear.new()
        assert told["title"] == "ccverify: 1 newly failing"
        out = verify.folder / "state" / "reports" / "nightly"
        assert "2 cells = 1 pass + 1 fail" in (out / "index.html").read_text()
        (page,) = [page for page in (out / "cells").iterdir() if "mycc" in page.name]
        assert "not ok 1" in page.read_text()  # the part's log came along

    def test_a_part_that_is_none(self, verify: Verify) -> None:
        """Leaves no night behind that --resume would go on with."""
        described(verify, None, '"tcc"')
        done = night(verify, "--merge", str(verify.folder / "gone"))
        assert (done.returncode, "holds no night" in done.stderr) == (2, True)
        assert Store(State(verify.folder / "state")).runs() == []


class TestKilled:
    """kill -9 at random moments, and being asked to stop."""

    def test_asked_to_stop(self, verify: Verify) -> None:
        """By systemd, say: it leaves a report of what it has, and --resume completes it."""
        described(verify, None, f'"{verify.folder}/compiler/mycc"', "oracle_days = 0")
        verify.compiler("sleep 2\n" + GOOD)
        process = verify.start("nightly")
        while process.stderr and ": ok" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 130, err
        index = verify.folder / "state" / "reports" / "nightly" / "index.html"
        assert "the run did not come to its end" in index.read_text()
        assert "1 cell = 1 not run" in index.read_text()
        assert night(verify, "--resume").returncode == 0
        assert "1 cell = 1 pass" in index.read_text()

    def test_nothing_is_lost_and_nothing_doubled(self, verify: Verify, ear: Ear) -> None:
        """However often it is killed, --resume brings the run to its end, and it is told once."""
        described(verify, ear)
        verify.compiler(BAD)
        chance = random.Random(7)
        process = verify.start("nightly", "--jobs", "1")
        kept: dict[str, int] = {}
        known = ""
        for _ in range(10):
            time.sleep(chance.uniform(0.2, 6.0))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            store = Store(State(verify.folder / "state"))
            run = store.newest(nightly=True) if (verify.folder / "state" / "history.db").exists() else None
            if run:
                if run.id != known:  # on a fast machine one has come to its end before it was killed
                    known, kept = run.id, {}
                now = {str(place.cell): place.cell_row for place in store.places(run.id)}
                assert kept.items() <= now.items()  # what was there is there, and not made again
                kept = now
            resume = ["--resume"] if run and run.finished is None else []
            process = verify.start("nightly", "--jobs", "1", *resume)
        _, err = process.communicate(timeout=300)
        if process.returncode == 2:
            assert "nothing to resume" in err
        store = Store(State(verify.folder / "state"))
        last = store.newest(nightly=True)
        assert last and last.finished, err
        cells = [place.cell for place in store.places(last.id)]
        assert len(cells) == len(set(cells)) == 4
        kinds = [place.verdict for place in store.places(last.id)]
        assert sorted(kinds) == [VerdictKind.FAIL, *[VerdictKind.PASS] * 3]
        assert {"ccverify: 1 newly failing"} == {each["title"] for each in ear.new()}
        assert not (store.not_run(last.id) or ([], []))[0]
