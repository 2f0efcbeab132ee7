"""A compiler that is right, and slow and wasteful: what the front page says."""

from __future__ import annotations

import re

from tests.e2e.conftest import Verify
from verifiers.report.ratios import ratios
from verifiers.results import VerdictKind
from verifiers.state import State
from verifiers.store import Store

BURNS = "perl -e '1 while (times)[0] < 0.6'\n"


def test_slow_and_wasteful_and_correct(verify: Verify) -> None:
    """It passes, and what it costs stands beside that; the build's other commands do not thin it."""
    verify.config = "[limits]\ncompile_seconds = 120\n"  # a busy machine is not what is tested
    script = BURNS + 'exec gcc "$@" -O0'
    done = verify.run("--project", "tally", "--plugin", str(verify.plugin()), "--cc", verify.compiler(script))
    assert done.returncode == 0, done.stdout
    (place,) = Store(State(verify.folder / "state")).places()
    found = ratios(place)
    assert place.verdict is VerdictKind.PASS
    assert found["compile"].level == "costly" and found["compile"].candidate > 5 * 0.6  # of five units
    assert found["code"].candidate > 1.1 * found["code"].oracle
    out = verify.folder / "out"
    assert verify.run("report", "--out", str(out), "--format", "html,markdown").returncode == 0
    index = (out / "index.html").read_text()
    costly = index[index.index('<section class="costly">') : index.index('<section id="matrix">')]
    assert re.search(r"▲ [\d,]+× *</b> compile CPU", costly)
    assert re.search(r'title="[\d,]+ KiB against [\d,]+ KiB">[^<]*size', index)
    assert "compile CPU" in (out / "report.md").read_text()


def test_the_other_way(verify: Verify) -> None:
    """With the oracle in the candidate's place every ratio is near one, and the code is the same."""
    done = verify.run("--project", "tally", "--plugin", str(verify.plugin()), "--cc", "gcc")
    assert done.returncode == 0, done.stdout
    (place,) = Store(State(verify.folder / "state")).places()
    assert place.candidate.code == place.oracle.code
    assert place.candidate.code and place.candidate.code > 500
    assert place.candidate.bench is None  # it has no benchmark


def test_a_benchmark(verify: Verify) -> None:
    """A suite that is said to be steady is told by its own CPU time, on both sides."""
    verify.body = """
        def suites(self, work):
            burn = "1 while (times)[0] < 0.3"
            program = f"perl -e '{burn}'; {work.build}/tally"
            return [Suite("check", ("sh", "-c", program), tap.parse, seconds=60, benchmark=True)]


        Tally.suites = suites
    """
    done = verify.run("--project", "tally", "--plugin", str(verify.plugin()), "--cc", "tcc")
    assert done.returncode == 0, done.stdout
    (place,) = Store(State(verify.folder / "state")).places()
    speed = ratios(place)["speed"]
    assert 0.3 <= speed.candidate < 3 and 0.3 <= speed.oracle < 3
    assert not speed.noise


def test_disk(verify: Verify) -> None:
    """What the work folder holds at its end is in the result, though the folder is gone; ``show`` tells it."""
    verify.body = """
        def suites(self, work):
            program = f"head -c 30000000 /dev/urandom >big; {work.build}/tally"
            return [Suite("check", ("sh", "-c", program), tap.parse, seconds=60)]


        Tally.suites = suites
    """
    cell, code = verify.cell("--cc", "tcc")
    assert code == 0 and cell.candidate and cell.oracle
    for run in (cell.candidate, cell.oracle):
        assert 30_000_000 >> 10 < run.disk_kib < 100_000_000 >> 10
    assert not [path for path in (verify.folder / "state" / "work").iterdir() if path.is_dir()]
    assert " MiB in the work folder at its end" in verify.run("show", cell.run).stdout
